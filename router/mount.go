package router

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/galeweb/gale/web"
)

// Mount adds h for every method and every path below prefix, which it cuts off
// the URL as [http.StripPrefix] does: with prefix "/admin", the request for
// /admin/users reaches h as /users, and r.Pattern is "/admin/". The prefix may
// have wildcards. /admin itself is redirected to /admin/, save by SlashStrict.
//
// h must not rely on redirects to paths of its own, which know nothing of the
// prefix; for a part of the same application, [Router.Group] is the better way.
func (r *Router) Mount(prefix string, h http.Handler) *Route {
	prefix = checkPrefix("Mount", prefix)
	if isNil(h) {
		panic(badPattern(prefix+"/", "nil handler; pass one"))
	}
	full := r.prefix + prefix
	if full == "" {
		return r.add("", "", "/", h)
	}
	stripped := strip(strings.Count(full, "/"), h)
	if d, ok := h.(Decider); ok {
		return r.add("", "", prefix+"/", decided{stripped, d})
	}
	return r.add("", "", prefix+"/", stripped)
}

// decided is a mounted handler that decides as what is within.
type decided struct {
	http.Handler
	within Decider
}

func (d decided) Decision() string { return d.within.Decision() }

// strip cuts the first segments off the URL. It counts rather than compares,
// since /%61dmin/ is /admin/ too.
func strip(segments int, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		p := pathOf(req.URL)
		end := 0
		for range segments {
			i := strings.IndexByte(p.s[min(end+1, len(p.s)):], '/')
			if i < 0 { // a middleware changed the URL
				web.Fail(w, req, &web.Error{Status: http.StatusNotFound})
				return
			}
			end += 1 + i
		}
		stripped := *req
		u := *req.URL
		stripped.URL = &u
		if p.escaped {
			u.RawPath = p.s[end:]
			// Each escape is three bytes for one.
			u.Path = u.Path[end-2*strings.Count(p.s[:end], "%"):]
			if (&url.URL{Path: u.Path}).EscapedPath() == u.RawPath {
				u.RawPath = ""
			}
		} else {
			u.Path, u.RawPath = p.s[end:], ""
		}
		h.ServeHTTP(w, &stripped)
	})
}
