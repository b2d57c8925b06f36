package router

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// table is what a root router shares with its groups.
type table struct {
	root   *Router
	policy SlashPolicy

	routes  []*Route
	names   map[string]*Route
	anyHost node
	hosts   map[string]*node

	// serving is set before the first request is answered; from then on
	// nothing above changes.
	serving atomic.Bool
	start   sync.Once
	// fallback gives the router's own answers, within the root's middlewares.
	fallback http.Handler
}

func (t *table) mustNotServe() {
	if t.serving.Load() {
		panic("router: route added while serving; register all routes before the first request")
	}
}

// begin ends registration. Only now is it known that the root gets no further
// middlewares.
func (t *table) begin() {
	t.start.Do(func() {
		t.fallback, _ = t.root.wrap(http.HandlerFunc(serveMiss))
		t.serving.Store(true)
	})
}

func (t *table) checkConflict(r *Route) {
	for _, other := range t.routes {
		if conflict(r.pattern, other.pattern) {
			panic(fmt.Sprintf("router: pattern %q (registered at %s) conflicts with pattern %q (registered at %s): %s",
				r.text, r.location, other.text, other.location, explain(r.pattern, other.pattern)))
		}
	}
}

func (t *table) add(r *Route) {
	t.routes = append(t.routes, r)
	n := &t.anyHost
	if host := r.pattern.host; host != "" {
		if t.hosts == nil {
			t.hosts = map[string]*node{}
		}
		if n = t.hosts[host]; n == nil {
			n = new(node)
			t.hosts[host] = n
		}
	}
	n.add(r)
}

// find returns the most specific route, or nil.
func (t *table) find(host, path string, q query) *Route {
	if n := t.hosts[host]; n != nil {
		if r := n.find(path, q); r != nil {
			return r
		}
	}
	return t.anyHost.find(path, q)
}

// allowed returns the methods that have a route for path, or that the slash
// policy would redirect to one.
func (t *table) allowed(host string, p requestPath) map[string]bool {
	set := map[string]bool{}
	collect := func(path string, q query) {
		if n := t.hosts[host]; n != nil {
			n.methods(path, q, set)
		}
		t.anyHost.methods(path, q, set)
	}
	q := query{escaped: p.escaped}
	collect(p.s, q)
	if t.policy == SlashStrict {
		return set
	}
	short, slashed := strings.CutSuffix(p.s, slash)
	switch {
	case !slashed:
		collect(p.s, query{escaped: p.escaped, slash: true})
	case t.policy == SlashRedirect && short != "":
		collect(short, q)
	}
	return set
}

// allMethods returns the methods of all routes.
func (t *table) allMethods() map[string]bool {
	set := map[string]bool{}
	for _, r := range t.routes {
		if r.pattern.method != "" {
			set[r.pattern.method] = true
		}
	}
	return set
}
