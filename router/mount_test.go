package router_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/router"
)

func mounted(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s path=%s raw=%s sent=%s t=%s", r.Method, r.Pattern, r.URL.Path, r.URL.RawPath, r.RequestURI, r.PathValue("t"))
}

func TestMount(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Mount("/admin", http.HandlerFunc(mounted))
	r.Mount("/a b/", http.HandlerFunc(mounted))
	r.Group("/of/{t}", func(r *router.Router) { r.Mount("/x", http.HandlerFunc(mounted)) })
	for _, c := range []struct{ method, target, want string }{
		{"GET", "/admin/", "GET /admin/ path=/ raw= sent=/admin/ t="},
		{"PATCH", "/admin/u/1?q=2", "PATCH /admin/ path=/u/1 raw= sent=/admin/u/1?q=2 t="},
		{"GET", "/admin/a%2Fb", "GET /admin/ path=/a/b raw=/a%2Fb sent=/admin/a%2Fb t="},
		{"GET", "/%61dmin/a%2Fb", "GET /admin/ path=/a/b raw=/a%2Fb sent=/%61dmin/a%2Fb t="},
		{"GET", "/%61dmin/a", "GET /admin/ path=/a raw= sent=/%61dmin/a t="},
		{"GET", "/a%20b/c", "GET /a b/ path=/c raw= sent=/a%20b/c t="},
		{"GET", "/of/n%2Fs/x/y", "GET /of/{t}/x/ path=/y raw= sent=/of/n%2Fs/x/y t=n/s"},
		{"GET", "/of/n%2Fs/x/%C3%A9%2F", "GET /of/{t}/x/ path=/é/ raw=/%C3%A9%2F sent=/of/n%2Fs/x/%C3%A9%2F t=n/s"},
		{"GET", "/of/ä/x/", "GET /of/{t}/x/ path=/ raw= sent=/of/ä/x/ t=ä"},
	} {
		assert.Equal(t, do(t, r, c.method, c.target).Body.String(), c.want)
	}
	w := do(t, r, "GET", "/admin?q=1")
	assert.Equal(t, w.Code, http.StatusTemporaryRedirect)
	assert.Equal(t, w.Header().Get("Location"), "/admin/?q=1")
}

func TestMountAtTheRoot(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Mount("/", http.HandlerFunc(mounted))
	assert.Equal(t, do(t, r, "PUT", "/x").Body.String(), "PUT / path=/x raw= sent=/x t=")
}

func TestMountLeavesTheOuterRequestAlone(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Mount("/m", http.HandlerFunc(mounted))
	req := httptest.NewRequest("GET", "/m/a%2Fb", nil)
	r.ServeHTTP(httptest.NewRecorder(), req)
	assert.Equal(t, req.URL.Path, "/m/a/b")
	assert.Equal(t, req.URL.RawPath, "/m/a%2Fb")
}

func TestMountIsFoundUnderAMiddlewareThatCutsTheURL(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Use(func(next http.Handler) http.Handler { return http.StripPrefix("/m/n", next) })
	r.Mount("/m/n", http.HandlerFunc(mounted))
	assert.Equal(t, do(t, r, "GET", "/m/n/x").Code, http.StatusNotFound)
}

func TestRouterInRouter(t *testing.T) {
	t.Parallel()
	inner := router.New()
	inner.Get("/{t}", func(w http.ResponseWriter, r *http.Request) error {
		mounted(w, r)
		return nil
	})
	outer := router.New()
	outer.Mount("/in/{t}", inner)
	assert.Equal(t, do(t, outer, "GET", "/in/1/2").Body.String(), "GET GET /{t} path=/2 raw= sent=/in/1/2 t=2")
}
