package engine

import (
	"net/http"

	"github.com/galeweb/gale/internal/stdbody"
)

// LimitBody sets the limit of r's body, in bytes, in place of
// Server.MaxBodyBytes, for handlers and middleware that know what their route
// takes; n <= 0 lifts it. Call it before the body is read. It reports whether it
// could: not when w is neither this package's nor unwraps to it.
func LimitBody(w http.ResponseWriter, r *http.Request, n int64) bool {
	if b, ok := r.Body.(*stdbody.Body); ok {
		b.SetMax(n)
		return true
	}
	for {
		if own, ok := w.(interface{ SetMaxBody(n int64) }); ok {
			own.SetMaxBody(n)
			return true
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = u.Unwrap()
	}
}
