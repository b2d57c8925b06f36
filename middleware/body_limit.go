package middleware

import (
	"fmt"
	"net/http"

	"github.com/galeweb/gale/web"
)

// DefaultBodyLimit is the limit of the default chain: 10 MiB.
const DefaultBodyLimit = 10 << 20

// BodyLimit lets a handler read at most n bytes of the request body, as by
// [web.LimitBody]; the answer to a larger one is a 413. An inner BodyLimit
// outranks an outer one, so a route may raise or lower the limit of the chain
// that it stands in.
//
// BodyLimit panics when n is not positive.
func BodyLimit(n int64) func(http.Handler) http.Handler {
	if n <= 0 {
		panic(fmt.Sprintf("middleware: BodyLimit(%d) allows no body; give a positive number of bytes", n))
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, w = writerOf(w)
			r2 := *r
			web.LimitBody(w, &r2, n)
			next.ServeHTTP(w, &r2)
		})
	}
}
