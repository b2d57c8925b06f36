package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Redirect sends the client to target, with status 301, 302, 303, 307 or 308;
// 303 is the one after a form was posted. A relative target is resolved by the
// client. What is not ASCII is percent-encoded.
//
// A target that holds a control character or a backslash, or begins with "//",
// is refused with a 400: browsers read "//evil.example" and "/\evil.example" as
// another site, which is how "/"+name becomes an open redirect. Write the
// scheme out for another site, and send a target that came from the client
// through [LocalPath].
func Redirect(w http.ResponseWriter, _ *http.Request, target string, status int) error {
	switch status {
	case 301, 302, 303, 307, 308:
	default:
		return fmt.Errorf("web: redirect with status %d; use 301, 302, 303, 307 or 308", status)
	}
	if target == "" || strings.HasPrefix(target, "//") || !plainURL(target) {
		return &Error{Status: http.StatusBadRequest, Code: "bad_redirect", Message: "The target of the redirect is refused."}
	}
	w.Header().Set("Location", encodeNonASCII(target))
	w.WriteHeader(status)
	return nil
}

// maxLocalPath is longer than any path that browsers and proxies carry safely.
const maxLocalPath = 2048

// LocalPath returns next when it is a path on this site, query and fragment
// allowed, and fallback otherwise. It is for the "next" parameter of a login
// page: without it, /login?next=//evil.example ends on another site.
//
// A path begins with exactly one slash. One that a browser might read in
// another way is refused: with a backslash, a control character or bytes that
// are not UTF-8, with an empty segment, or longer than 2048 bytes. The rules
// of browsers are those of https://url.spec.whatwg.org.
func LocalPath(next, fallback string) string {
	if len(next) > maxLocalPath || !strings.HasPrefix(next, "/") || !plainURL(next) {
		return fallback
	}
	path := next
	if i := strings.IndexAny(next, "?#"); i >= 0 {
		path = next[:i]
	}
	if strings.Contains(path, "//") {
		return fallback
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || u.User != nil {
		return fallback
	}
	return next
}

// plainURL reports whether s has nothing that browsers drop or rewrite while
// they parse: control characters, surrounding spaces, backslashes.
func plainURL(s string) bool {
	return utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return r == '\\' || unicode.IsControl(r) })
}

func encodeNonASCII(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= utf8.RuneSelf {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
