package middleware_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
)

const plainCSP = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

func secured(o middleware.SecurityHeadersOptions, r *http.Request, h http.HandlerFunc) http.Header {
	return do(middleware.SecurityHeaders(o)(h), r).Header()
}

func TestSecurityHeadersByDefault(t *testing.T) {
	t.Parallel()
	h := secured(middleware.SecurityHeadersOptions{}, get("/"), ok)
	h.Del("Content-Type")
	assert.Equal(t, h, http.Header{
		"Content-Security-Policy":    {plainCSP},
		"X-Content-Type-Options":     {"nosniff"},
		"Referrer-Policy":            {"strict-origin-when-cross-origin"},
		"Cross-Origin-Opener-Policy": {"same-origin"},
		"Permissions-Policy":         {"camera=(), microphone=(), geolocation=()"},
		"X-Frame-Options":            {"DENY"},
	})
}

func TestNonce(t *testing.T) {
	t.Parallel()
	var nonces []string
	page := func(w http.ResponseWriter, r *http.Request) {
		n := middleware.Nonce(r.Context())
		assert.Equal(t, middleware.Nonce(r.Context()), n)
		nonces = append(nonces, n)
		_, _ = w.Write([]byte("<script nonce=" + n + ">"))
	}
	csp := secured(middleware.SecurityHeadersOptions{}, get("/"), page).Get("Content-Security-Policy")
	secured(middleware.SecurityHeadersOptions{}, get("/"), page)
	assert.True(t, nonces[0] != nonces[1], "two requests have one nonce")
	assert.True(t, len(nonces[0]) >= 26, "the nonce holds less than 128 bits")
	assert.Equal(t, csp, strings.NewReplacer(
		"script-src 'self'", "script-src 'self' 'nonce-"+nonces[0]+"'",
		"style-src 'self'", "style-src 'self' 'nonce-"+nonces[0]+"'").Replace(plainCSP))
}

// A nonce that came too late must not be let in by anything.
func TestNonceAfterTheHeader(t *testing.T) {
	t.Parallel()
	h := secured(middleware.SecurityHeadersOptions{}, get("/"), func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		assert.True(t, middleware.Nonce(r.Context()) != "", "no nonce")
	})
	assert.Equal(t, h.Get("Content-Security-Policy"), plainCSP)
	assert.Equal(t, middleware.Nonce(t.Context()), "")
}

func TestHandlerHasTheLastWord(t *testing.T) {
	t.Parallel()
	h := secured(middleware.SecurityHeadersOptions{}, get("/"), func(w http.ResponseWriter, r *http.Request) {
		middleware.Nonce(r.Context())
		w.Header().Set("Content-Security-Policy", "sandbox")
		w.Header().Del("X-Frame-Options")
		w.Header().Add("Referrer-Policy", "no-referrer")
	})
	assert.Equal(t, h.Get("Content-Security-Policy"), "sandbox")
	assert.Equal(t, h.Values("X-Frame-Options"), nil)
	assert.Equal(t, h.Values("Referrer-Policy"), []string{"strict-origin-when-cross-origin", "no-referrer"})
	// What one handler appended is not in another's response.
	again := secured(middleware.SecurityHeadersOptions{}, get("/"), ok)
	assert.Equal(t, again.Values("Referrer-Policy"), []string{"strict-origin-when-cross-origin"})
}

func TestSecurityHeadersOptions(t *testing.T) {
	t.Parallel()
	h := secured(middleware.SecurityHeadersOptions{
		CSP: map[string]string{
			"img-src":                   "'self' https://cdn.example",
			"style-src":                 "{nonce}",
			"object-src":                "-",
			"upgrade-insecure-requests": "",
			"font-src":                  "'self'",
		},
		CSPReportOnly:     true,
		ReferrerPolicy:    "no-referrer",
		OpenerPolicy:      "-",
		PermissionsPolicy: "camera=(self)",
		FrameOptions:      "SAMEORIGIN",
	}, get("/"), ok)
	h.Del("Content-Type")
	assert.Equal(t, h, http.Header{
		"Content-Security-Policy-Report-Only": {"default-src 'self'; script-src 'self'; style-src; " +
			"img-src 'self' https://cdn.example; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; " +
			"form-action 'self'; font-src 'self'; upgrade-insecure-requests"},
		"X-Content-Type-Options": {"nosniff"},
		"Referrer-Policy":        {"no-referrer"},
		"Permissions-Policy":     {"camera=(self)"},
		"X-Frame-Options":        {"SAMEORIGIN"},
	})
	none := secured(middleware.SecurityHeadersOptions{CSP: map[string]string{"default-src": "-"}}, get("/"), ok)
	assert.Equal(t, none.Values("Content-Security-Policy"), nil)
}

func TestHSTS(t *testing.T) {
	t.Parallel()
	secure := func(url string) *http.Request {
		r := httptest.NewRequest("GET", url, nil)
		r.TLS = new(tls.ConnectionState)
		return r
	}
	for _, c := range []struct {
		name string
		o    middleware.SecurityHeadersOptions
		r    *http.Request
		want string
	}{
		{"default", middleware.SecurityHeadersOptions{}, secure("https://gale.example/"), "max-age=31536000"},
		{"plain HTTP", middleware.SecurityHeadersOptions{}, get("http://gale.example/"), ""},
		{"forged scheme", middleware.SecurityHeadersOptions{}, get("http://gale.example/", "X-Forwarded-Proto", "https"), ""},
		{"localhost", middleware.SecurityHeadersOptions{}, secure("https://LocalHost:8443/"), ""},
		{"below localhost", middleware.SecurityHeadersOptions{}, secure("https://app.localhost/"), ""},
		{"off", middleware.SecurityHeadersOptions{HSTS: -1}, secure("https://gale.example/"), ""},
		{
			"all",
			middleware.SecurityHeadersOptions{HSTS: time.Hour, HSTSSubdomains: true, HSTSPreload: true},
			secure("https://gale.example/"), "max-age=3600; includeSubDomains; preload",
		},
	} {
		if got := secured(c.o, c.r, ok).Get("Strict-Transport-Security"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	behind := middleware.Chain(ok,
		middleware.ClientIP(middleware.ClientIPOptions{Trusted: prefixes("192.0.2.0/24")}),
		middleware.SecurityHeaders(middleware.SecurityHeadersOptions{}))
	h := do(behind, get("http://gale.example/", "X-Forwarded-Proto", "https")).Header()
	assert.Equal(t, h.Get("Strict-Transport-Security"), "max-age=31536000")
}

func TestSecurityHeadersWiring(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]middleware.SecurityHeadersOptions{
		"Referrer-Policy": {ReferrerPolicy: "no-referrer\r\nSet-Cookie: a=b"},
		"X-Frame-Options": {FrameOptions: "DENY\x00"},
		"separator":       {CSP: map[string]string{"img-src": "'self'; script-src *"}},
		"own key":         {CSP: map[string]string{"img-src 'self'": ""}},
		"Security-Policy": {CSP: map[string]string{"img-src": "a\nb"}},
		"HSTSSubdomains":  {HSTSPreload: true},
	} {
		assert.Contains(t, assert.Panics(t, func() { middleware.SecurityHeaders(o) }).(string), want)
	}
}
