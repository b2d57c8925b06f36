package router

import (
	"cmp"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"strconv"
	"strings"

	"github.com/galeweb/gale/web"
)

// Route is a registered route.
type Route struct {
	table    *table
	pattern  *pattern
	text     string // of pattern: it is wanted for every request
	name     string
	location string
	handler  http.Handler
	decision string
	params   bool // there are path values to set
}

// Name names the route for [Router.URL]. Names are the router's, whatever the
// group: "packet.show" reads well. It panics when the name is empty or taken,
// or the route already has one.
func (t *Route) Name(name string) *Route {
	t.table.mustNotServe()
	switch taken := t.table.names[name]; {
	case name == "":
		panic("router: empty name for " + t.text + "; leave Name out")
	case t.name != "":
		panic(fmt.Sprintf("router: route %s is already named %q; name it once", t.text, t.name))
	case taken != nil:
		panic(fmt.Sprintf("router: name %q of %s (registered at %s) is taken by %s (registered at %s); choose another",
			name, t.text, t.location, taken.text, taken.location))
	}
	t.name = name
	t.table.names[name] = t
	return t
}

// RouteInfo describes a route, for listings and checks.
type RouteInfo struct {
	// Method is empty when the route matches every method.
	Method string
	// Host is empty when the route matches every host.
	Host string
	// Path is the path part of Pattern, group prefixes included.
	Path string
	// Pattern is what r.Pattern is while the route serves: "[METHOD ][HOST]/[PATH]".
	Pattern string
	// Name is what the route was named, or empty.
	Name string
	// Location is where the route was registered, "file:line".
	Location string
	// Decision says who may make the request, in the words of the guards around
	// the handler, the outermost first, with "; " between: "signed in;
	// permission posts.write". It is empty when there is none. See [Decider].
	Decision string
}

// Decider is a handler that decides who gets past it, such as what the guards
// of package auth return. The router recognises it as the handler of a route,
// or as what a middleware given to [Router.Use] returns. It does not look into
// a middleware that wraps a Decider in a handler of its own, since that may
// well let some requests past it.
type Decider interface {
	http.Handler
	// Decision says in a few words who is let through.
	Decision() string
}

// decide puts what h decides, if it does, in front of what those within do. A
// middleware that returns what it was given decides nothing twice.
func decide(h http.Handler, inner []string) []string {
	d, ok := h.(Decider)
	if !ok || len(inner) > 0 && inner[0] == d.Decision() {
		return inner
	}
	return append([]string{d.Decision()}, inner...)
}

// Routes returns all routes of the router, those of every group included, in
// the order of registration.
func (r *Router) Routes() iter.Seq[RouteInfo] {
	return func(yield func(RouteInfo) bool) {
		for _, t := range r.table.routes {
			p := t.pattern
			if !yield(RouteInfo{p.method, p.host, p.path, t.text, t.name, t.location, t.decision}) {
				return
			}
		}
	}
}

func (r *Router) method(method, pattern string, h web.HandlerFunc) *Route {
	_, host, path, err := splitPattern(method + " " + pattern)
	if err != nil {
		panic(badPattern(pattern, err.Error()))
	}
	if strings.ContainsAny(host, " \t") {
		panic(badPattern(pattern, "the call gives the method already; leave it out or use Handle"))
	}
	if h == nil {
		return r.add(method, host, path, nil)
	}
	return r.add(method, host, path, h)
}

// add puts the group's host and prefix in front of path and registers h.
func (r *Router) add(method, host, path string, h http.Handler) *Route {
	r.table.mustNotServe()
	if host != "" && r.host != "" {
		panic(badPattern(host+path, "host "+r.host+" of the group stands already; leave the other out"))
	}
	host = cmp.Or(host, r.host)
	if path != "" && path[0] != '/' {
		panic(badPattern(host+path, "the path must start with /"))
	}
	p, err := newPattern(method, host, r.prefix+path)
	if err != nil {
		text := pattern{method: method, host: host, path: r.prefix + path}
		panic(badPattern(text.String(), err.Error()))
	}
	if isNil(h) {
		panic(badPattern(p.String(), "nil handler; pass one"))
	}
	t := &Route{table: r.table, pattern: p, text: p.String(), location: caller()}
	for _, s := range p.segments {
		t.params = t.params || s.kind != literal && s.text != ""
	}
	r.table.checkConflict(t)
	r.seal()
	var decisions []string
	t.handler, decisions = r.wrap(h)
	t.decision = strings.Join(decisions, "; ")
	r.table.add(t)
	return t
}

func badPattern(pattern, what string) string {
	return fmt.Sprintf("router: pattern %q: %s", pattern, what)
}

// isNil reports whether h is nil, or a nil function in the guise of a handler.
func isNil(h http.Handler) bool {
	switch f := h.(type) {
	case nil:
		return true
	case http.HandlerFunc:
		return f == nil
	case web.HandlerFunc:
		return f == nil
	}
	return false
}

// caller returns "file:line" of the call into this package.
func caller() string {
	const self = "github.com/galeweb/gale/router."
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, self) || !more {
			return f.File + ":" + strconv.Itoa(f.Line)
		}
	}
}

func checkPrefix(call, prefix string) string {
	if prefix != "" && prefix[0] != '/' {
		panic("router: " + call + " prefix " + strconv.Quote(prefix) + " must start with /; use Host for a host")
	}
	return strings.TrimSuffix(prefix, "/")
}

func isHost(host string) bool {
	return host != "" && !strings.ContainsAny(host, "/{} \t") && hostOnly(host) == host
}
