package router

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/galeweb/gale/internal/ctxkey"
	"github.com/galeweb/gale/web"
)

// miss is an answer of the router's own. It travels in the request's context
// from the search to serveMiss, past the root's middlewares.
type miss struct {
	status   int
	location string // of a redirect
	pattern  string // that the redirect leads to; may be empty
	allow    string
	message  string
}

var missKey = ctxkey.New[*miss]("router.miss")

func serveMiss(w http.ResponseWriter, req *http.Request) {
	m, ok := missKey.Value(req.Context())
	if !ok { // a middleware replaced the context
		m = missNotFound()
	}
	switch {
	case m.location != "":
		http.Redirect(w, req, m.location, m.status)
	case m.status == http.StatusNoContent:
		w.Header().Set("Allow", m.allow)
		w.WriteHeader(m.status)
	default:
		e := &web.Error{Status: m.status, Message: m.message}
		if m.allow != "" {
			e.Header = http.Header{"Allow": {m.allow}}
		}
		web.Fail(w, req, e)
	}
}

func missNotFound() *miss { return &miss{status: http.StatusNotFound} }

// missMethod is the answer where no route matches path and method.
func (t *table) missMethod(host string, req *http.Request, p requestPath) *miss {
	set := t.allowed(host, p)
	switch {
	case len(set) == 0:
		return missNotFound()
	case req.Method == http.MethodOptions:
		return &miss{status: http.StatusNoContent, allow: allow(set)}
	}
	return &miss{status: http.StatusMethodNotAllowed, allow: allow(set)}
}

// missServer is the answer to the target "*", which is the server as a whole
// (RFC 9110, section 9.3.7).
func (t *table) missServer(req *http.Request) *miss {
	if req.Method != http.MethodOptions {
		return &miss{status: http.StatusBadRequest, message: "The target * is for OPTIONS only."}
	}
	return &miss{status: http.StatusNoContent, allow: allow(t.allMethods())}
}

// allow returns the value of the Allow header, sorted: the methods in set,
// HEAD with GET, and OPTIONS, which the router answers.
func allow(set map[string]bool) string {
	set[http.MethodOptions] = true
	if set[http.MethodGet] {
		set[http.MethodHead] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}

// missSlash redirects by the slash policy.
func (t *table) missSlash(req *http.Request, to requestPath, via *Route) *miss {
	m := redirect(req, to.clean(), via)
	if t.policy == SlashRedirect {
		m.status = http.StatusPermanentRedirect
		if req.Method == http.MethodGet || req.Method == http.MethodHead {
			m.status = http.StatusMovedPermanently
		}
	}
	return m
}

// redirect leads to path, which is clean: it starts with one slash, and its
// backslashes and control characters are escaped, so that no browser takes it
// for another host ("//evil.example", "/\evil.example").
func redirect(req *http.Request, path requestPath, via *Route) *miss {
	m := &miss{status: http.StatusTemporaryRedirect, location: path.encoded()}
	if req.URL.RawQuery != "" {
		m.location += "?" + req.URL.RawQuery
	}
	if via != nil {
		m.pattern = via.text
	}
	return m
}
