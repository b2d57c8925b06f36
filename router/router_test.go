package router_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/web"
)

// echo answers with the pattern and the path that the handler sees.
func echo(w http.ResponseWriter, r *http.Request) error {
	_, err := fmt.Fprintf(w, "%s %s", r.Pattern, r.URL.Path)
	return err
}

// tag adds a name to the Trace header, outermost first.
func tag(name string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Trace", name)
			next.ServeHTTP(w, r)
		})
	}
}

func do(tb testing.TB, h http.Handler, method, target string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequest(method, target, nil)
	if strings.ContainsAny(target, "*ä") { // what no server lets through to a handler, or no client sends
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	return galetest.Record(tb, h, r)
}

func trace(w *httptest.ResponseRecorder) string { return strings.Join(w.Header()["Trace"], " ") }

func TestMethods(t *testing.T) {
	t.Parallel()
	r := router.New()
	adds := map[string]func(string, web.HandlerFunc) *router.Route{
		"GET": r.Get, "POST": r.Post, "PUT": r.Put, "PATCH": r.Patch, "DELETE": r.Delete,
	}
	for _, add := range adds {
		add("/{id}", echo)
	}
	for method := range adds {
		assert.Equal(t, do(t, r, method, "/7").Body.String(), method+" /{id} /7")
	}
}

func TestHeadIsServedByGet(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Get("/a", echo)
	r.Get("/b", echo)
	r.Handle("HEAD /b", web.HandlerFunc(echo))
	assert.Equal(t, do(t, r, "HEAD", "/a").Body.String(), "GET /a /a")
	assert.Equal(t, do(t, r, "HEAD", "/b").Body.String(), "HEAD /b /b")
}

func TestGroupsNest(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Use(tag("root"))
	r.Get("/{$}", echo)
	r.Group("/api", func(r *router.Router) {
		r.Use(tag("api1"), tag("api2"))
		r.Get("", echo)
		r.Group("/{v}/", func(r *router.Router) {
			r.Use(tag("v"))
			r.Get("/users", echo)
		})
		r.Group("", func(r *router.Router) {
			r.Use(tag("sibling"))
			r.Get("example.com/hosted", echo)
		})
	})
	for _, c := range []struct{ target, body, trace string }{
		{"/", "GET /{$} /", "root"},
		{"/api", "GET /api /api", "root api1 api2"},
		{"/api/1/users", "GET /api/{v}/users /api/1/users", "root api1 api2 v"},
		{"http://example.com/api/hosted", "GET example.com/api/hosted /api/hosted", "root api1 api2 sibling"},
	} {
		w := do(t, r, "GET", c.target)
		assert.Equal(t, w.Body.String(), c.body)
		assert.Equal(t, trace(w), c.trace)
	}
}

func TestRootMiddlewareWrapsTheRoutersOwnAnswers(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Use(tag("root"))
	r.Group("/g", func(r *router.Router) {
		r.Use(tag("group"))
		r.Get("/tree/", echo)
	})
	for _, c := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/nothing", 404},
		{"POST", "/g/tree/", 405},
		{"OPTIONS", "/g/tree/", 204},
		{"GET", "/g/tree", 307},
		{"GET", "/g//tree/", 307},
	} {
		w := do(t, r, c.method, c.target)
		assert.Equal(t, w.Code, c.status)
		assert.Equal(t, trace(w), "root")
	}
}

func TestMiddlewareIsComposedAtRegistration(t *testing.T) {
	t.Parallel()
	composed := 0
	r := router.New()
	r.Use(func(next http.Handler) http.Handler {
		composed++
		return next
	})
	r.Get("/a", echo)
	r.Get("/b", echo)
	assert.Equal(t, composed, 2)
	for range 5 {
		do(t, r, "GET", "/a")
		do(t, r, "GET", "/none")
	}
	assert.Equal(t, composed, 3) // one more for the router's own answers
}

func TestMiddlewareSeesTheRoute(t *testing.T) {
	t.Parallel()
	var pattern, id, route string
	see := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pattern, id, route = r.Pattern, r.PathValue("id"), obs.RequestFrom(r.Context()).Route()
			next.ServeHTTP(w, r)
		})
	}
	r := router.New()
	r.Use(see)
	r.Get("/packets/{id}", echo)
	facts := obs.NewRequest("r1", "")
	req := httptest.NewRequest("GET", "/packets/a%2Fb", nil)
	r.ServeHTTP(httptest.NewRecorder(), req.WithContext(obs.WithRequest(t.Context(), facts)))
	assert.Equal(t, pattern, "GET /packets/{id}")
	assert.Equal(t, id, "a/b")
	assert.Equal(t, route, "GET /packets/{id}")

	do(t, r, "GET", "/nothing")
	assert.Equal(t, pattern+id, "")
}

func TestMiddlewareMayReplaceTheContext(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.Background()))
		})
	})
	r.Get("/a", echo)
	assert.Equal(t, do(t, r, "POST", "/a").Code, http.StatusNotFound)
}

func TestHost(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Get("/{rest...}", echo)
	r.Host("admin.example.com", func(r *router.Router) {
		r.Use(tag("admin"))
		r.Get("/", echo)
		r.Group("/x", func(r *router.Router) { r.Get("/y", echo) })
	})
	assert.Equal(t, do(t, r, "GET", "http://example.com/x/y").Body.String(), "GET /{rest...} /x/y")
	w := do(t, r, "GET", "http://admin.example.com:8080/x/y")
	assert.Equal(t, w.Body.String(), "GET admin.example.com/x/y /x/y")
	assert.Equal(t, trace(w), "admin")
}

func TestHostHeaderOfAnAttackerGetsNoHostRoute(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Host("admin.example.com", func(r *router.Router) { r.Get("/", echo) })
	for _, host := range []string{
		"", "evil.com", "admin.example.com.evil.com", "evil.com:admin.example.com", "admin.example.com:80:80",
		"admin.example.com/", "x@admin.example.com", "admin.example.com.", " admin.example.com",
	} {
		req := httptest.NewRequest("GET", "/", nil)
		req.Host = host
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		assert.Equal(t, w.Code, http.StatusNotFound)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Get("/{$}", echo).Name("home")
	r.Group("/api", func(r *router.Router) { r.Handle("example.com/x/", web.HandlerFunc(echo)) })
	var got []router.RouteInfo
	for info := range r.Routes() {
		assert.Contains(t, info.Location, "router_test.go:")
		info.Location = ""
		got = append(got, info)
	}
	assert.Equal(t, got, []router.RouteInfo{
		{Method: "GET", Path: "/{$}", Pattern: "GET /{$}", Name: "home"},
		{Host: "example.com", Path: "/api/x/", Pattern: "example.com/api/x/"},
	})
	for range r.Routes() {
		break // an iterator must bear it
	}
}

func TestServingIsConcurrent(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Use(tag("root"))
	r.Get("/packets/{id}", func(w http.ResponseWriter, r *http.Request) error {
		_, err := w.Write([]byte(r.PathValue("id")))
		return err
	})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			id := fmt.Sprint(i)
			assert.Equal(t, do(t, r, "GET", "/packets/"+id).Body.String(), id)
			assert.Equal(t, do(t, r, "POST", "/packets/"+id).Code, http.StatusMethodNotAllowed)
		})
	}
	wg.Wait()
}

// Pattern is compared with what serves in mux_fuzz_test.go and slash_test.go.
func TestPattern(t *testing.T) {
	t.Parallel()
	r := router.New()
	none := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r.Group("/api", func(r *router.Router) { r.Handle("GET /users/{id}", none) })
	r.Host("admin.test", func(r *router.Router) { r.Handle("GET /users/{id}", none) })
	r.Handle("/tree/", none)
	for _, c := range []struct{ method, target, want string }{
		{"GET", "http://x.test/api/users/7", "GET /api/users/{id}"},
		{"HEAD", "http://x.test/api/users/a%2Fb", "GET /api/users/{id}"},
		{"POST", "http://x.test/api/users/7", ""},
		{"OPTIONS", "http://x.test/api/users/7", ""},
		{"GET", "http://admin.test:8080/users/7", "GET admin.test/users/{id}"},
		{"GET", "http://x.test/users/7", ""},
		{"GET", "http://x.test/api//users/7", ""},
		{"GET", "http://x.test/tree", ""},
		{"GET", "http://x.test/tree/of/life", "/tree/"},
	} {
		req := httptest.NewRequest(c.method, c.target, nil)
		assert.Equal(t, r.Pattern(req), c.want)
		assert.Equal(t, req.Pattern, "")
	}
	server := httptest.NewRequest("OPTIONS", "/", nil)
	server.RequestURI = "*"
	assert.Equal(t, r.Pattern(server), "")
	assert.Contains(t, assert.Panics(t, func() { r.Handle("/late", none) }).(string), "while serving")
}

func TestStaticRouteDoesNotAllocate(t *testing.T) { // not parallel: AllocsPerRun counts the whole process
	r := router.New()
	r.Use(func(next http.Handler) http.Handler { return next })
	r.Handle("GET /api/v1/packets", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r.Handle("GET /static/", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w := httptest.NewRecorder()
	for _, target := range []string{"/api/v1/packets", "/static/a/b.js"} {
		req := httptest.NewRequest("GET", target, nil)
		assert.Equal(t, testing.AllocsPerRun(100, func() { r.ServeHTTP(w, req) }), 0)
		assert.Equal(t, testing.AllocsPerRun(100, func() { r.Pattern(req) }), 0)
	}
}

func TestWrongWiringPanics(t *testing.T) {
	t.Parallel()
	none := func(*router.Router) {}
	for name, c := range map[string]struct {
		do   func(*router.Router)
		want string
	}{
		"use after route":    {func(r *router.Router) { r.Get("/a", echo); r.Use(tag("x")) }, "Use after routes"},
		"use after group":    {func(r *router.Router) { r.Group("/a", none); r.Use(tag("x")) }, "Use after routes"},
		"use after host":     {func(r *router.Router) { r.Host("a.com", none); r.Use(tag("x")) }, "Use after routes"},
		"use after mount":    {func(r *router.Router) { r.Mount("/a", http.NotFoundHandler()); r.Use(tag("x")) }, "Use after routes"},
		"nil middleware":     {func(r *router.Router) { r.Use(nil) }, "nil middleware"},
		"nil from it":        {func(r *router.Router) { r.Use(func(http.Handler) http.Handler { return nil }); r.Get("/", echo) }, "returned a nil handler"},
		"nil handler":        {func(r *router.Router) { r.Handle("/", nil) }, "nil handler"},
		"nil http func":      {func(r *router.Router) { r.Handle("/", http.HandlerFunc(nil)) }, "nil handler"},
		"nil web func":       {func(r *router.Router) { r.Handle("/", web.HandlerFunc(nil)) }, "nil handler"},
		"nil func":           {func(r *router.Router) { r.Get("/", nil) }, "nil handler"},
		"nil mount":          {func(r *router.Router) { r.Mount("/m", nil) }, "nil handler"},
		"two methods":        {func(r *router.Router) { r.Get("POST /", echo) }, "gives the method already"},
		"empty pattern":      {func(r *router.Router) { r.Get("", echo) }, "must start with /"},
		"unclean":            {func(r *router.Router) { r.Get("/a/../b", echo) }, "write /b"},
		"unclean by prefix":  {func(r *router.Router) { r.Group("/a", func(r *router.Router) { r.Get("/../b", echo) }) }, "write /b"},
		"wildcard in prefix": {func(r *router.Router) { r.Group("/{x...}", func(r *router.Router) { r.Get("/b", echo) }) }, "must stand at the end"},
		"same name twice":    {func(r *router.Router) { r.Group("/{x}", func(r *router.Router) { r.Get("/{x}", echo) }) }, "{x} stands twice"},
		"prefix without /":   {func(r *router.Router) { r.Group("api", none) }, "must start with /"},
		"mount without /":    {func(r *router.Router) { r.Mount("api", http.NotFoundHandler()) }, "must start with /"},
		"host in host":       {func(r *router.Router) { r.Host("a.com", func(r *router.Router) { r.Host("b.com", none) }) }, "one host"},
		"host twice":         {func(r *router.Router) { r.Host("a.com", func(r *router.Router) { r.Get("b.com/", echo) }) }, "leave the other out"},
		"host with port":     {func(r *router.Router) { r.Host("a.com:80", none) }, "without scheme, port"},
		"host with path":     {func(r *router.Router) { r.Host("a.com/x", none) }, "without scheme, port"},
		"empty host":         {func(r *router.Router) { r.Host("", none) }, "not a host name"},
		"name twice": {
			func(r *router.Router) { r.Get("/a", echo).Name("n"); r.Get("/b", echo).Name("n") },
			`"n" of GET /b`,
		},
		"two names":           {func(r *router.Router) { r.Get("/a", echo).Name("n").Name("m") }, `already named "n"`},
		"empty name":          {func(r *router.Router) { r.Get("/a", echo).Name("") }, "empty name"},
		"route while serving": {func(r *router.Router) { do(t, r, "GET", "/"); r.Get("/a", echo) }, "router: route added while serving"},
		"group while serving": {func(r *router.Router) { do(t, r, "GET", "/"); r.Group("/a", none) }, "router: route added while serving"},
		"use while serving":   {func(r *router.Router) { do(t, r, "GET", "/"); r.Use(tag("a")) }, "router: route added while serving"},
		"name while serving": {func(r *router.Router) {
			a := r.Get("/a", echo)
			do(t, r, "GET", "/a")
			a.Name("a")
		}, "router: route added while serving"},
		"unknown policy": {func(*router.Router) { router.NewWith(router.Options{TrailingSlash: 9}) }, "unknown SlashPolicy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := fmt.Sprint(assert.Panics(t, func() { c.do(router.New()) }))
			assert.Contains(t, message, c.want)
			assert.True(t, strings.HasPrefix(message, "router: "), message+" does not name the package")
		})
	}
}
