package middleware

import (
	"net/http"

	"github.com/galeweb/gale/web"
)

// CrossOriginOptions configures [CrossOrigin].
type CrossOriginOptions struct {
	// Trusted are other origins whose pages may send anything here, each as
	// scheme://host[:port], such as "https://app.example.com". They can do all
	// that a signed-in user can. Defaults to none.
	Trusted []string
	// Bypass are [http.ServeMux] patterns of requests that are not checked:
	// for routes that other people's pages must reach and that no cookie
	// signs in to. Defaults to none.
	Bypass []string
}

// CrossOrigin refuses requests that a page of another origin made a browser
// send (CSRF): with 403 and the code "cross_origin", through [web.Fail]. It
// needs no token and no cookie: it is [http.CrossOriginProtection], which
// believes the browser's Sec-Fetch-Site and, from browsers older than 2023,
// compares Origin with Host. Requests without either do not come from a
// browser and pass.
//
// GET, HEAD and OPTIONS pass, so they must not change anything. A WebSocket
// handshake is a GET that opens a way to change things, and browsers let any
// page send it with cookies; therefore a request with an Upgrade header is
// checked as if it were a POST.
//
// CrossOrigin panics when an origin or a pattern is not valid.
func CrossOrigin(o CrossOriginOptions) func(http.Handler) http.Handler {
	check := http.NewCrossOriginProtection()
	for _, origin := range o.Trusted {
		if err := check.AddTrustedOrigin(origin); err != nil {
			panic("middleware: CrossOrigin Trusted: " + err.Error() + "; write scheme://host[:port]")
		}
	}
	bypass := http.NewServeMux()
	for _, pattern := range o.Bypass {
		bypass.Handle(pattern, exempt{})
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := check.Check(asUnsafe(r))
			if err != nil {
				// Handler answers a path that is not clean with a redirect, which
				// is not exempt.
				h, _ := bypass.Handler(r)
				if _, ok := h.(exempt); ok {
					err = nil
				}
			}
			if err != nil {
				web.Fail(w, r, &web.Error{
					Status:  http.StatusForbidden,
					Code:    "cross_origin",
					Message: "This request came from a page of another site, so it was refused.",
					Err:     err,
				})
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// asUnsafe returns r, or a POST in its place when it wants an upgrade.
func asUnsafe(r *http.Request) *http.Request {
	if r.Header.Get("Upgrade") == "" {
		return r
	}
	post := *r
	post.Method = http.MethodPost
	return &post
}

// exempt marks the patterns of CrossOriginOptions.Bypass.
type exempt struct{}

// ServeHTTP is never called: only the match matters.
func (exempt) ServeHTTP(http.ResponseWriter, *http.Request) {}
