package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/galeweb/gale/obs"
)

// hostPrefix is the cookie name prefix of RFC 6265bis, section 4.1.3.2.
const hostPrefix = "__Host-"

// tokenLen is the length of 256 random bits in unpadded base64url.
const tokenLen = 43

var tokenEncoding = base64.RawURLEncoding.Strict()

// newToken returns a token; guessing one of a million sessions takes 2^236
// attempts.
func newToken() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails, see its documentation
	return tokenEncoding.EncodeToString(b)
}

// hashToken returns what the store knows of a token; ok is false for anything
// newToken cannot have made, which is not worth asking the store about.
func hashToken(token string) (h Hash, ok bool) {
	if len(token) != tokenLen {
		return Hash{}, false
	}
	var text [tokenLen]byte // on the stack, as b is
	copy(text[:], token)
	var b [32]byte
	if n, err := tokenEncoding.Decode(b[:], text[:]); err != nil || n != len(b) {
		return Hash{}, false
	}
	// A fast hash is enough: nobody can try 2^256 tokens.
	return sha256.Sum256(text[:]), true
}

// cookieHash returns the hash of the token that the request brings. A request
// with two session cookies has one that somebody planted, and nothing says which
// (RFC 6265, section 4.2.2): it gets neither.
func (s *Session) cookieHash() (h Hash, ok bool) {
	token, ok := onlyCookie(s.r.Header["Cookie"], s.m.o.Cookie)
	if !ok {
		return Hash{}, false
	}
	if s.sealed != nil {
		token, s.sealed.in, _ = strings.Cut(token, ".")
		s.sealed.token = token
	}
	return hashToken(token)
}

// onlyCookie returns the value of the one cookie with a name in the lines of
// that header. It is http.Request.CookiesNamed without its memory, for values as
// this package sends them, without quotes; what no token can be is left for
// hashToken to find.
func onlyCookie(lines []string, name string) (value string, ok bool) {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			n, v, _ := strings.Cut(strings.Trim(part, " \t"), "=")
			if strings.Trim(n, " \t") != name {
				continue
			}
			if ok {
				return "", false
			}
			value, ok = v, true
		}
	}
	return value, ok
}

// setCookie sends value, or removes the cookie when value is "". It lasts as
// long as the session can, or, with end 0, as long as the browser is open; the
// server ends it sooner when it idles.
func (m *Manager) setCookie(w http.ResponseWriter, r *http.Request, value string, end time.Duration) {
	c := &http.Cookie{
		Name:     m.o.Cookie,
		Value:    value,
		Path:     "/",
		MaxAge:   -1,
		Secure:   !m.o.Insecure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
	if value != "" {
		// Rounded up: the server, not the cookie, is exact, and a cookie must
		// not go before its session.
		// A MaxAge of 0 is not sent at all.
		c.MaxAge = int((end + time.Second - 1) / time.Second)
		m.warnPlainHTTP(r)
	}
	http.SetCookie(w, c)
}

// warnPlainHTTP tells, once, why signing in seems to do nothing.
func (m *Manager) warnPlainHTTP(r *http.Request) {
	behindProxy := r.Header.Get("X-Forwarded-Proto") != "" || r.Header.Get("Forwarded") != ""
	if m.o.Insecure || r.TLS != nil || behindProxy || isLoopback(r.Host) || m.warned.Swap(true) {
		return
	}
	obs.Logger(r.Context()).WarnContext(r.Context(),
		"session: a Secure cookie was sent over plain HTTP, browsers drop it; use HTTPS, or Options.Insecure for development",
		"host", r.Host)
}

// isLoopback reports whether browsers take host for trustworthy without TLS.
func isLoopback(host string) bool {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "[::1]" || strings.HasPrefix(host, "127.")
}
