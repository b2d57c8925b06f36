package middleware_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/galeweb/gale/middleware"
)

// The default chain around a handler, behind one proxy.
func Example() {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s", middleware.ClientAddr(r.Context()))
	})
	h := middleware.Chain(hello, middleware.Default(middleware.DefaultOptions{
		ClientIP:         middleware.ClientIPOptions{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		WithoutAccessLog: true,
	})...)

	r := httptest.NewRequest("GET", "/", nil) // from 192.0.2.1, the proxy
	r.Header.Set("X-Forwarded-For", "127.0.0.1, 203.0.113.7")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Body)
	fmt.Println(w.Header().Get("X-Frame-Options"))
	// Output:
	// hello, 203.0.113.7
	// DENY
}

// One middleware of the chain is left out, and another stands in its place.
func ExampleDefault() {
	mws := middleware.Default(middleware.DefaultOptions{WithoutAccessLog: true, WithoutSecurityHeaders: true})
	mws = append(mws, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Frame-Options", "SAMEORIGIN")
			next.ServeHTTP(w, r)
		})
	})
	w := httptest.NewRecorder()
	middleware.Chain(http.NotFoundHandler(), mws...).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Code, w.Header().Get("X-Frame-Options"))
	// Output: 404 SAMEORIGIN
}

// A page with an inline script, which runs by its nonce.
func ExampleNonce() {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<script nonce="%s">start()</script>`, middleware.Nonce(r.Context()))
	})
	h := middleware.SecurityHeaders(middleware.SecurityHeadersOptions{
		CSP: map[string]string{"img-src": "'self' https://cdn.example"},
	})(page)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(len(w.Body.String()), len(w.Header().Get("Content-Security-Policy")) > 0)
	// Output: 59 true
}

// A route with a larger body and a time of its own.
func ExampleBodyLimit() {
	upload := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Println(n, err)
	})
	h := middleware.Chain(upload,
		middleware.BodyLimit(4),           // of the chain
		middleware.BodyLimit(1<<20),       // of the route
		middleware.Timeout(5*time.Minute), // of the route
	)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", &io.LimitedReader{R: zeros{}, N: 100}))
	// Output: 100 <nil>
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
