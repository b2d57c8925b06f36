package middleware

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SecurityHeadersOptions configures [SecurityHeaders]. In each text field "-"
// leaves the header out.
type SecurityHeadersOptions struct {
	// CSP replaces directives of the default Content-Security-Policy or adds
	// new ones: {"img-src": "'self' https://cdn.example"}. "{nonce}" in a value
	// stands for the request's nonce, "-" removes the directive, and
	// {"default-src": "-"} alone the whole header. The defaults are listed at
	// [SecurityHeaders].
	CSP map[string]string
	// CSPReportOnly sends the policy as Content-Security-Policy-Report-Only,
	// to try one out: browsers report and block nothing. Defaults to false.
	CSPReportOnly bool
	// ReferrerPolicy defaults to "strict-origin-when-cross-origin".
	ReferrerPolicy string
	// OpenerPolicy is the Cross-Origin-Opener-Policy. Defaults to "same-origin".
	OpenerPolicy string
	// PermissionsPolicy defaults to "camera=(), microphone=(), geolocation=()".
	PermissionsPolicy string
	// FrameOptions is the X-Frame-Options of browsers that do not know CSP's
	// frame-ancestors; change the two together. Defaults to "DENY".
	FrameOptions string
	// HSTS is for how long browsers shall refuse plain HTTP to this host.
	// Defaults to one year; negative sends no such header.
	HSTS time.Duration
	// HSTSSubdomains extends HSTS to all subdomains, also those that other
	// people run. Defaults to false.
	HSTSSubdomains bool
	// HSTSPreload asks for a place in the list that browsers ship, which takes
	// months to leave. It needs HSTSSubdomains. Defaults to false.
	HSTSPreload bool
}

// SecurityHeaders sets headers that make browsers refuse what a page does not
// need. A handler may set or delete each of them for its own response. They are
//
//	Content-Security-Policy:    default-src 'self'; script-src 'self' {nonce};
//	                            style-src 'self' {nonce}; img-src 'self' data:;
//	                            connect-src 'self'; object-src 'none';
//	                            base-uri 'none'; frame-ancestors 'none';
//	                            form-action 'self'
//	X-Content-Type-Options:     nosniff
//	Referrer-Policy:            strict-origin-when-cross-origin
//	Cross-Origin-Opener-Policy: same-origin
//	Permissions-Policy:         camera=(), microphone=(), geolocation=()
//	X-Frame-Options:            DENY
//	Strict-Transport-Security:  max-age=31536000 (only over HTTPS, see [IsHTTPS];
//	                            never for localhost, whose ports are shared)
//
// The policy has a nonce only in responses whose handler asked for one by
// [Nonce]; in all others nothing inline runs at all.
//
// SecurityHeaders panics when a value cannot stand in a header.
func SecurityHeaders(o SecurityHeadersOptions) func(http.Handler) http.Handler {
	policy := newPolicy(o.CSP)
	policyHeader := "Content-Security-Policy"
	if o.CSPReportOnly {
		policyHeader = "Content-Security-Policy-Report-Only"
	}
	fixed := []header{
		{policyHeader, policy.without},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", orDefault(o.ReferrerPolicy, "strict-origin-when-cross-origin")},
		{"Cross-Origin-Opener-Policy", orDefault(o.OpenerPolicy, "same-origin")},
		{"Permissions-Policy", orDefault(o.PermissionsPolicy, "camera=(), microphone=(), geolocation=()")},
		{"X-Frame-Options", orDefault(o.FrameOptions, "DENY")},
	}
	fixed = slices.DeleteFunc(fixed, func(f header) bool {
		mustBeHeaderValue(f.name, f.value)
		return f.value == "-"
	})
	hsts := hstsValue(o)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ww, w := writerOf(w)
			st, r := stateOf(r)
			h := ww.Header()
			values := make([]string, len(fixed)) // one allocation for all
			for i, f := range fixed {
				values[i] = f.value
				h[f.name] = values[i : i+1 : i+1]
			}
			if hsts != "" && IsHTTPS(r) && !isLocalhost(r.Host) {
				h.Set("Strict-Transport-Security", hsts)
			}
			if policy.nonced {
				st.mu.Lock()
				st.nonces = true
				st.mu.Unlock()
				ww.OnHeader(func() {
					st.mu.Lock()
					nonce := st.nonce
					st.mu.Unlock()
					// A policy that the handler set itself is left alone.
					if nonce != "" && h.Get(policyHeader) == policy.without {
						h.Set(policyHeader, policy.with(nonce))
					}
				})
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Nonce returns the value for the nonce attribute of the script and style
// elements of the page being made, and puts it into this response's
// Content-Security-Policy. All calls for one request return the same value, of
// at least 128 random bits. Call it before the response begins: the policy has
// gone with the header, and what comes later is blocked. A page with a nonce
// must not be kept by caches. Nonce returns "" outside [SecurityHeaders].
func Nonce(ctx context.Context) string {
	st := stateFrom(ctx)
	if st == nil {
		return ""
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.nonces && st.nonce == "" {
		st.nonce = rand.Text()
	}
	return st.nonce
}

// header is a header's canonical name and its value.
type header struct{ name, value string }

func orDefault(v, def string) string {
	if v == "" {
		return def
	}
	return v
}

// mustBeHeaderValue keeps a line end in the configuration from becoming a
// header of its own.
func mustBeHeaderValue(name, v string) {
	if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' }) {
		panic("middleware: SecurityHeaders " + name + " holds " + strconv.Quote(v) + "; use printable ASCII on one line")
	}
}

func hstsValue(o SecurityHeadersOptions) string {
	age := o.HSTS
	switch {
	case age < 0:
		return ""
	case age == 0:
		age = 365 * 24 * time.Hour
	}
	v := "max-age=" + strconv.FormatInt(int64(age/time.Second), 10)
	if o.HSTSSubdomains {
		v += "; includeSubDomains"
	}
	if o.HSTSPreload {
		if !o.HSTSSubdomains {
			panic("middleware: SecurityHeaders HSTSPreload needs HSTSSubdomains; set both or neither")
		}
		v += "; preload"
	}
	return v
}

func isLocalhost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
