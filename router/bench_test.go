package router_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/galeweb/gale/router"
)

// benchPatterns are the routes of a middling application.
var benchPatterns = []string{
	"GET /{$}", "GET /login", "POST /login", "POST /logout", "GET /static/", "GET /health",
	"GET /packets", "POST /packets", "GET /packets/{id}", "PUT /packets/{id}", "DELETE /packets/{id}",
	"GET /channels", "POST /channels", "GET /channels/{channel}", "GET /channels/{channel}/packets",
	"GET /channels/{channel}/packets/{id}", "GET /channels/{channel}/live",
	"GET /api/v1/users", "POST /api/v1/users", "GET /api/v1/users/{id}", "PATCH /api/v1/users/{id}",
	"GET /api/v1/keys", "POST /api/v1/keys", "DELETE /api/v1/keys/{id}", "GET /api/v1/openapi.json",
	"GET /admin/users", "GET /admin/users/{id}", "POST /admin/users/{id}/lock", "GET /files/{path...}",
}

type registrar interface {
	http.Handler
	add(pattern string, h http.Handler)
}

type muxRegistrar struct{ *http.ServeMux }

func (m muxRegistrar) add(p string, h http.Handler) { m.Handle(p, h) }

type routerRegistrar struct{ *router.Router }

func (r routerRegistrar) add(p string, h http.Handler) { r.Handle(p, h) }

// BenchmarkServe is routing alone, for one request after another; the handler
// does nothing, so this is an upper bound of what another router could save.
func BenchmarkServe(b *testing.B) {
	for _, target := range []struct{ name, path string }{
		{"static", "/api/v1/openapi.json"},
		{"root", "/"},
		{"one", "/packets/42"},
		{"two", "/channels/north/packets/42"},
		{"rest", "/files/a/b/c.txt"},
		{"subtree", "/static/app.js"},
	} {
		for name, h := range map[string]registrar{
			"mux":  muxRegistrar{http.NewServeMux()},
			"gale": routerRegistrar{router.New()},
		} {
			for _, p := range benchPatterns {
				h.add(p, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			}
			b.Run(target.name+"/"+name, func(b *testing.B) {
				fresh := httptest.NewRequest("GET", target.path, nil)
				w := httptest.NewRecorder()
				req := new(http.Request)
				b.ReportAllocs()
				for b.Loop() {
					*req = *fresh // without the path values of the last round
					h.ServeHTTP(w, req)
				}
			})
		}
	}
}
