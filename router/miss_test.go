package router_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/web"
)

func TestMethodNotAllowed(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Get("/a", echo)
	r.Put("/{x}", echo)
	r.Post("/tree/", echo)
	r.Delete("a.example/a", echo)
	for _, c := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"POST", "/a", 405, "GET, HEAD, OPTIONS, PUT"},
		{"OPTIONS", "/a", 204, "GET, HEAD, OPTIONS, PUT"},
		{"POST", "http://a.example/a", 405, "DELETE, GET, HEAD, OPTIONS, PUT"},
		{"GET", "/tree/x", 405, "OPTIONS, POST"},
		{"GET", "/tree", 405, "OPTIONS, POST, PUT"},
		{"get", "/a", 405, "GET, HEAD, OPTIONS, PUT"},
		{"GET", "/none/x", 404, ""},
		{"OPTIONS", "/none/x", 404, ""},
	} {
		w := do(t, r, c.method, c.target)
		assert.Equal(t, w.Code, c.status)
		assert.Equal(t, w.Header().Get("Allow"), c.allow)
	}
}

func TestOptionsOfTheApplicationWins(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Get("/a", echo)
	r.Handle("OPTIONS /a", web.HandlerFunc(echo))
	r.Handle("/any", web.HandlerFunc(echo))
	assert.Equal(t, do(t, r, "OPTIONS", "/a").Body.String(), "OPTIONS /a /a")
	assert.Equal(t, do(t, r, "OPTIONS", "/any").Body.String(), "/any /any")
}

func TestTargetStar(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Use(tag("root"))
	r.Get("/a", echo)
	r.Delete("/b", echo)
	r.Handle("/c/", web.HandlerFunc(echo))
	w := do(t, r, "OPTIONS", "*")
	assert.Equal(t, w.Code, http.StatusNoContent)
	assert.Equal(t, w.Header().Get("Allow"), "DELETE, GET, HEAD, OPTIONS")
	assert.Equal(t, trace(w), "root")
	assert.Equal(t, do(t, r, "GET", "*").Code, http.StatusBadRequest)
}

func TestConnect(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Handle("CONNECT /proxy/{x...}", web.HandlerFunc(echo))
	r.Handle("CONNECT tunnel.example:443/a/../b", web.HandlerFunc(echo))
	for _, c := range []struct {
		target, host string
		status       int
	}{
		{"/proxy/a/../b", "", 200}, // not cleaned
		{"/a/../b", "tunnel.example:443", 200},
		{"/a/../b", "tunnel.example", 404},
		{"/proxy", "", 307},
		{"example.com:443", "example.com:443", 404},
	} {
		req := httptest.NewRequest("CONNECT", c.target, nil)
		req.Host = c.host
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		assert.Equal(t, w.Code, c.status)
	}
	req := httptest.NewRequest("CONNECT", "/x", nil)
	req.URL.Path = "proxy/x"
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	assert.Equal(t, w.Code, http.StatusNotFound)
}

func TestWithoutRoutes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, do(t, router.New(), "GET", "/").Code, http.StatusNotFound)
}
