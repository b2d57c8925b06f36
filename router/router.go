package router

import (
	"net/http"
	"slices"

	"github.com/galeweb/gale/web"
)

// Router is an [http.Handler] that hands each request to the handler of the
// most specific pattern that matches it. Make one by [New]; those that
// [Router.Group] and [Router.Host] pass on add routes to the same router.
//
// Register every route before the first request: later registration panics, so
// that serving needs no lock.
type Router struct {
	table       *table
	prefix      string
	host        string
	middlewares []func(http.Handler) http.Handler
	// sealed is set by the first route or group, which has already been wrapped.
	sealed bool
	parent *Router
}

// Options changes how a Router answers. The zero value answers as
// [http.ServeMux] does.
type Options struct {
	// TrailingSlash says what happens to a path that has a slash too many or
	// too few. Defaults to SlashSubtree.
	TrailingSlash SlashPolicy
}

// SlashPolicy says what happens when no route matches a path, or only a
// catch-all does, but one would with a slash more or less at its end.
// Redirects keep the query.
type SlashPolicy uint8

const (
	// SlashSubtree redirects /tree to /tree/ by 307 when only the latter has a
	// route, as [http.ServeMux] does.
	SlashSubtree SlashPolicy = iota
	// SlashStrict never redirects: /tree and /tree/ are different resources.
	SlashStrict
	// SlashRedirect redirects both ways, /tree to /tree/ and /item/ to /item,
	// by 301, and by 308 for methods other than GET and HEAD, which keeps the
	// method and the body.
	SlashRedirect
)

// New returns a Router without routes, which answers as [Options] says by
// default.
func New() *Router { return NewWith(Options{}) }

// NewWith returns a Router without routes. It panics when o is wrong.
func NewWith(o Options) *Router {
	if o.TrailingSlash > SlashRedirect {
		panic("router: unknown SlashPolicy; use SlashSubtree, SlashStrict or SlashRedirect")
	}
	r := new(Router)
	r.table = &table{root: r, policy: o.TrailingSlash, names: map[string]*Route{}}
	return r
}

// Use wraps the routes of this router or group, and of the groups within, in
// middlewares, the first outermost. The root's also wrap the router's own
// answers: redirects, 404, 405 and OPTIONS. A group's wrap only its routes.
//
// Each is called once for every route, when that is registered, so what the
// requests of several routes share must be made outside of it. When it runs,
// r.Pattern and the path values are set. Use panics after a route or group was
// added to this router, since those would silently go without.
func (r *Router) Use(middlewares ...func(http.Handler) http.Handler) {
	r.table.mustNotServe()
	if r.sealed {
		panic("router: Use after routes; call it first in its router or group")
	}
	if slices.ContainsFunc(middlewares, func(m func(http.Handler) http.Handler) bool { return m == nil }) {
		panic("router: nil middleware; leave it out of Use")
	}
	r.middlewares = append(r.middlewares, middlewares...)
}

// Get adds h for GET and HEAD requests to pattern, which is "[HOST]/[PATH]".
func (r *Router) Get(pattern string, h web.HandlerFunc) *Route {
	return r.method(http.MethodGet, pattern, h)
}

// Post adds h for POST requests to pattern, as [Router.Get] does.
func (r *Router) Post(pattern string, h web.HandlerFunc) *Route {
	return r.method(http.MethodPost, pattern, h)
}

// Put adds h for PUT requests to pattern, as [Router.Get] does.
func (r *Router) Put(pattern string, h web.HandlerFunc) *Route {
	return r.method(http.MethodPut, pattern, h)
}

// Patch adds h for PATCH requests to pattern, as [Router.Get] does.
func (r *Router) Patch(pattern string, h web.HandlerFunc) *Route {
	return r.method(http.MethodPatch, pattern, h)
}

// Delete adds h for DELETE requests to pattern, as [Router.Get] does.
func (r *Router) Delete(pattern string, h web.HandlerFunc) *Route {
	return r.method(http.MethodDelete, pattern, h)
}

// Handle adds h for pattern, which is "[METHOD ][HOST]/[PATH]" as in
// [http.ServeMux]; without a method, every method matches. In a group, the
// path follows the group's prefix and may be empty.
//
// It panics when the pattern is malformed, or conflicts with another: when
// some request matches both and neither is more specific.
func (r *Router) Handle(pattern string, h http.Handler) *Route {
	method, host, path, err := splitPattern(pattern)
	if err != nil {
		panic(badPattern(pattern, err.Error()))
	}
	return r.add(method, host, path, h)
}

// Group calls fn with a router whose routes have prefix in front and the
// middlewares of r around its own. The prefix starts with a slash and may have
// wildcards; an empty one groups for the sake of middlewares.
func (r *Router) Group(prefix string, fn func(*Router)) {
	fn(r.child(r.host, r.prefix+checkPrefix("Group", prefix)))
}

// Host calls fn with a router whose routes match only requests to host, which
// has no port and no wildcard. They win over routes without a host.
func (r *Router) Host(host string, fn func(*Router)) {
	if r.host != "" {
		panic("router: Host " + host + " within Host " + r.host + "; a request has one host")
	}
	if !isHost(host) {
		panic("router: Host " + host + " is not a host name; write it without scheme, port, path and wildcard")
	}
	fn(r.child(host, r.prefix))
}

func (r *Router) child(host, prefix string) *Router {
	r.table.mustNotServe()
	r.seal()
	return &Router{
		table:  r.table,
		prefix: prefix,
		host:   host,
		parent: r,
		// Clipped, lest sibling groups append to one array.
		middlewares: slices.Clip(slices.Clone(r.middlewares)),
	}
}

func (r *Router) seal() {
	for ; r != nil; r = r.parent {
		r.sealed = true
	}
}

// wrap returns h within the middlewares of r, and what h and they have decided,
// the outermost first.
func (r *Router) wrap(h http.Handler) (wrapped http.Handler, decisions []string) {
	decisions = decide(h, nil)
	for _, m := range slices.Backward(r.middlewares) {
		h = m(h)
		if h == nil {
			panic("router: a middleware returned a nil handler; return next to add nothing")
		}
		decisions = decide(h, decisions)
	}
	return h, decisions
}
