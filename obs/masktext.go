package obs

import (
	"regexp"
	"strings"
)

var (
	// Query parameters and the key=value form of a Postgres DSN.
	secretPairs = regexp.MustCompile(`(?i)\b([a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api_?key)|pwd)(\s*=\s*)("[^"]*"|'[^']*'|[^\s&;,"']+)`)
	// 16 letters at least, so that "bearer authentication" stays.
	bearer = regexp.MustCompile(`(?i)\b(bearer\s+)[a-z0-9._~+/=-]{16,}`)
)

// maskText replaces the credentials inside of a text: the user part of a URL,
// password=…, Bearer ….
func maskText(s string) string {
	if strings.Contains(s, "://") {
		s = maskURLs(s)
	}
	if strings.Contains(s, "=") {
		s = secretPairs.ReplaceAllString(s, "${1}${2}"+redacted)
	}
	if strings.Contains(s, "earer") || strings.Contains(s, "EARER") {
		s = bearer.ReplaceAllString(s, "${1}"+redacted)
	}
	return s
}

// maskURLs replaces what stands before the host of each URL in s.
func maskURLs(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "://")
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		i += len("://")
		b.WriteString(s[:i])
		s = s[i:]
		end := strings.IndexAny(s, " \t\r\n\"'<>`")
		if end < 0 {
			end = len(s)
		}
		if at := userEnd(s[:end]); at >= 0 {
			b.WriteString(redacted)
			s = s[at:]
		}
	}
}

// userEnd returns where the @ after the user part stands in the rest of a URL,
// or -1 when it has no user part.
func userEnd(rest string) int {
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		return at
	}
	// A password with a raw slash, space or quote is no URL, and the parser's
	// error quotes it as a whole. After a host's colon only digits can follow.
	_, port, ok := strings.Cut(authority, ":")
	if !ok || authority[0] == '[' || strings.Trim(port, "0123456789") == "" {
		return -1
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		return at
	}
	return len(rest)
}
