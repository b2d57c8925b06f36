package auth_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/router"
)

func plain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) })
}

// sometimes applies a guard to some requests only, as no decision should.
func sometimes(guard func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		guarded := guard(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Let-Me-In") == "" {
				guarded.ServeHTTP(w, r)
			} else {
				next.ServeHTTP(w, r)
			}
		})
	}
}

func handle(http.ResponseWriter, *http.Request) error { return nil }

func TestDecisions(t *testing.T) {
	t.Parallel()
	a := alone(t).auth
	r := router.New()
	r.Use(a.Identify, plain)
	r.Get("/open", handle).Name("open")
	r.Mount("/assets", auth.Public("assets")(http.NotFoundHandler()))
	r.Mount("/debug", http.NotFoundHandler())
	r.Handle("POST /direct", a.Require("cook", "eat")(http.NotFoundHandler()))
	r.Group("/people", func(r *router.Router) {
		r.Use(a.SessionOnly)
		r.Get("/open", handle)
		r.Group("", func(r *router.Router) {
			r.Use(a.Required, plain, a.RequireRecent(10*time.Minute, auth.MethodTOTP))
			r.Get("/danger", handle)
			r.Handle("DELETE /danger", a.Require("cook")(http.NotFoundHandler()))
		})
	})
	r.Group("/sometimes", func(r *router.Router) {
		r.Use(sometimes(a.Required))
		r.Get("/x", handle)
	})
	want := map[string]string{
		"GET /open":          "",
		"/assets/":           "public: assets",
		"/debug/":            "",
		"POST /direct":       "permission cook, eat",
		"GET /people/open":   "",
		"GET /people/danger": "signed in; confirmed within 10m0s by [totp]",
		"DELETE /people/danger": "signed in; confirmed within 10m0s by [totp]; " +
			"permission cook",
		"GET /sometimes/x": "",
	}
	got := map[string]string{}
	for route := range r.Routes() {
		got[route.Pattern] = route.Decision
	}
	assert.Equal(t, got, want)

	err := auth.CheckRoutes(r, true, quiet())
	assert.Equal(t, strings.Count(err.Error(), "\n"), 4)
	assert.Contains(t, err.Error(), `"GET /open" (open), registered at `)
	for _, s := range []string{`"/debug/"`, `"GET /people/open"`, `"GET /sometimes/x"`, "decision_test.go:"} {
		assert.Contains(t, err.Error(), s)
	}
	var log strings.Builder
	assert.NoError(t, auth.CheckRoutes(r, false, slog.New(slog.NewTextHandler(&log, nil))))
	assert.Equal(t, strings.Count(log.String(), "level=WARN"), 4)
	assert.Contains(t, log.String(), `route="GET /open" name=open at=`)
}

func TestNothingToSayAboutDecidedRoutes(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Use(auth.Public("everything here"))
	r.Get("/{$}", handle)
	r.Mount("/x", http.NotFoundHandler())
	assert.NoError(t, auth.CheckRoutes(r, true, nil))
	assert.Contains(t, assert.Panics(t, func() { auth.Public("") }).(string), "without a reason")
}

func TestMountedGuardsStillGuard(t *testing.T) {
	t.Parallel()
	h := alone(t)
	r := router.New()
	r.Use(h.auth.Identify)
	r.Mount("/cellar", h.auth.Require("cook")(http.NotFoundHandler()))
	for key, want := range map[string]int{"": http.StatusUnauthorized, "ben": http.StatusForbidden, "ann": http.StatusNotFound} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/cellar/wine", nil)
		if key != "" {
			req.Header.Set("Authorization", "Bearer "+key)
		}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		assert.Equal(t, w.Code, want)
	}
}
