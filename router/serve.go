package router

import (
	"net/http"
	"strings"

	"github.com/galeweb/gale/obs"
)

// ServeHTTP calls the handler of the most specific route that matches req, or
// answers itself: with a redirect, 404, 405, or 204 to OPTIONS.
func (r *Router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	t := r.table
	if !t.serving.Load() {
		t.begin()
	}
	route, path, miss := t.lookup(req)
	if miss != nil {
		req.Pattern = miss.pattern
		obs.RequestFrom(req.Context()).SetRoute(miss.pattern)
		t.fallback.ServeHTTP(w, req.WithContext(missKey.With(req.Context(), miss)))
		return
	}
	req.Pattern = route.text
	if route.params {
		route.setValues(req, path)
	}
	obs.RequestFrom(req.Context()).SetRoute(route.text)
	route.handler.ServeHTTP(w, req)
}

// Pattern returns the pattern of the route that would serve req, which is what
// its r.Pattern would be, or "" when the router would answer itself: with a
// redirect, 404, 405 or to OPTIONS. It changes nothing of req, does not allocate
// for a clean path, and counts as the first request: routes come before.
func (r *Router) Pattern(req *http.Request) string {
	t := r.table
	if !t.serving.Load() {
		t.begin()
	}
	route := t.serves(req)
	if route == nil {
		return ""
	}
	return route.text
}

// serves returns the route that lookup would, without what it costs to answer
// a request that has none.
func (t *table) serves(req *http.Request) *Route {
	if req.RequestURI == "*" || req.Method == http.MethodConnect {
		route, _, _ := t.lookup(req)
		return route
	}
	path := pathOf(req.URL)
	if path.clean() != path {
		return nil
	}
	host := req.Host
	if len(t.hosts) > 0 {
		host = hostOnly(host)
	}
	route := t.find(host, path.s, query{method: req.Method, escaped: path.escaped})
	if route == nil {
		return nil
	}
	if _, via := t.slashRedirect(host, req.Method, path, route); via != nil {
		return nil
	}
	return route
}

// lookup returns either the route for req, with the path it matched, or what
// to answer instead.
func (t *table) lookup(req *http.Request) (*Route, requestPath, *miss) {
	if req.RequestURI == "*" {
		return nil, requestPath{}, t.missServer(req)
	}
	sent := pathOf(req.URL)
	if req.Method == http.MethodConnect {
		return t.lookupConnect(req, sent)
	}
	host := req.Host
	if len(t.hosts) > 0 {
		host = hostOnly(host)
	}
	path := sent.clean()
	route := t.find(host, path.s, query{method: req.Method, escaped: path.escaped})
	if to, via := t.slashRedirect(host, req.Method, path, route); via != nil {
		return nil, path, t.missSlash(req, to, via)
	}
	if path != sent {
		return nil, path, redirect(req, path, route)
	}
	if route == nil {
		return nil, path, t.missMethod(host, req, path)
	}
	return route, path, nil
}

// lookupConnect is lookup for CONNECT, whose paths and hosts net/http does not
// clean: a tunnel names its target, port included.
func (t *table) lookupConnect(req *http.Request, path requestPath) (*Route, requestPath, *miss) {
	if path.s != "" && path.s[0] != '/' {
		return nil, path, missNotFound()
	}
	q := query{method: req.Method, escaped: path.escaped}
	// The redirect goes by the host of the target, as in net/http.
	target := req.URL.Host
	if to, via := t.slashRedirect(target, req.Method, path, t.find(target, path.s, q)); via != nil {
		return nil, path, t.missSlash(req, to, via)
	}
	if route := t.find(req.Host, path.s, q); route != nil {
		return route, path, nil
	}
	return nil, path, t.missMethod(target, req, path)
}

// slashRedirect returns the path to redirect to by the slash policy, and the
// route that is there; nil when the path stands as it is. A route that matches
// the path exactly is never given up for another.
func (t *table) slashRedirect(host, method string, p requestPath, found *Route) (to requestPath, via *Route) {
	if t.policy == SlashStrict || p.s == "" || found != nil && found.matchesExactly(p.s, false) {
		return requestPath{}, nil
	}
	if !strings.HasSuffix(p.s, slash) {
		via = t.find(host, p.s, query{method: method, escaped: p.escaped, slash: true})
		if via != nil && via.matchesExactly(p.s, true) {
			return requestPath{p.s + slash, p.escaped}, via
		}
		return requestPath{}, nil
	}
	if short := p.s[:len(p.s)-1]; t.policy == SlashRedirect && short != "" {
		via = t.find(host, short, query{method: method, escaped: p.escaped})
		if via != nil && via.matchesExactly(short, false) {
			return requestPath{short, p.escaped}, via
		}
	}
	return requestPath{}, nil
}

// matchesExactly reports whether the route, which matches path, does so
// without anything left for a trailing rest. With slashed, one more slash is
// thought at the end of path.
func (t *Route) matchesExactly(path string, slashed bool) bool {
	if !t.pattern.subtree() {
		return true
	}
	count := strings.Count(path, slash)
	if slashed {
		count++
	} else if !strings.HasSuffix(path, slash) {
		return false
	}
	return count == len(t.pattern.segments)
}

// setValues gives req the values of the wildcards.
func (t *Route) setValues(req *http.Request, p requestPath) {
	path := p.s
	for _, s := range t.pattern.segments {
		if s.kind == rest {
			if s.text != "" {
				req.SetPathValue(s.text, decode(path[1:], p.escaped))
			}
			return
		}
		var value string
		value, path = cutSegment(path, p.escaped)
		if s.kind == wild {
			req.SetPathValue(s.text, value)
		}
	}
}
