package router_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/router"
)

func TestSlashPolicies(t *testing.T) {
	t.Parallel()
	policies := []router.SlashPolicy{router.SlashSubtree, router.SlashStrict, router.SlashRedirect}
	for _, c := range []struct {
		method, target string
		want           [3]string // by policy: the status, and the Location
	}{
		{"GET", "/tree", [3]string{"307 /tree/", "404", "301 /tree/"}},
		{"GET", "/tree?a=1&b=/", [3]string{"307 /tree/?a=1&b=/", "404", "301 /tree/?a=1&b=/"}},
		{"GET", "/tree/x/", [3]string{"200", "200", "200"}},
		{"POST", "/form", [3]string{"307 /form/", "404", "308 /form/"}},
		{"GET", "/form", [3]string{"405", "404", "405"}},
		{"GET", "/item/", [3]string{"404", "404", "301 /item"}},
		{"HEAD", "/item/?q", [3]string{"404", "404", "301 /item?q"}},
		{"POST", "/item/", [3]string{"404", "404", "405"}},
		{"DELETE", "/del/7/", [3]string{"404", "404", "308 /del/7"}},
		{"DELETE", "/del/a%2Fb/", [3]string{"404", "404", "308 /del/a%2Fb"}},
		{"GET", "/both", [3]string{"200", "200", "200"}},
		{"GET", "/both/", [3]string{"200", "200", "200"}},
		{"GET", "/files/x/y/", [3]string{"200", "200", "200"}},
		{"GET", "/files/about/", [3]string{"200", "200", "301 /files/about"}},
		{"GET", "/", [3]string{"404", "404", "404"}},
		{"GET", "/a/..//item", [3]string{"307 /item", "307 /item", "307 /item"}},
	} {
		for i, policy := range policies {
			r := router.NewWith(router.Options{TrailingSlash: policy})
			r.Get("/tree/", echo)
			r.Post("/form/", echo)
			r.Get("/item", echo)
			r.Delete("/del/{id}", echo)
			r.Get("/both", echo)
			r.Get("/both/{$}", echo)
			r.Get("/files/{path...}", echo)
			r.Get("/files/about", echo)
			w := do(t, r, c.method, c.target)
			assert.Equal(t, strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Header().Get("Location"))), c.want[i])
			served := r.Pattern(httptest.NewRequest(c.method, c.target, nil)) != ""
			assert.Equal(t, served, c.want[i] == "200")
		}
	}
}

// TestRedirectsStayOnTheHost sends what has made other routers redirect to
// another host: browsers read "//evil.com" and "/\evil.com" as one.
func TestRedirectsStayOnTheHost(t *testing.T) {
	t.Parallel()
	for _, policy := range []router.SlashPolicy{router.SlashSubtree, router.SlashStrict, router.SlashRedirect} {
		r := router.NewWith(router.Options{TrailingSlash: policy})
		r.Get("/{a}/", echo)
		r.Get("/{a}/{b}/{c}", echo)
		r.Handle("CONNECT /{a}/{b}/", http.NotFoundHandler())
		for _, path := range []string{
			"//evil.com", "//evil.com/", "//evil.com/..", "//evil.com/%2e%2e", "///evil.com", "/\\evil.com", "/\\/evil.com/",
			"//evil.com/x/y/", "/\\evil.com/x/y/", "/%5Cevil.com", "/%2Fevil.com", "/%2F%2Fevil.com", "/%2F/evil.com", "/.//evil.com",
			"/..//evil.com", "/x/..//evil.com", "/%09/evil.com", "/%0d%0aLocation:%20//evil.com", "/http:%2F%2Fevil.com", "/http://evil.com",
			"/@evil.com", "/x//evil.com//", "/evil.com%2F..", "/%2e/%2e//evil.com", "/\t/evil.com", "/;//evil.com", "/?//evil.com", "/%/x",
		} {
			for _, method := range []string{"GET", "POST", "CONNECT"} {
				u := &url.URL{Path: path}
				if plain, err := url.PathUnescape(path); err == nil {
					u = &url.URL{Path: plain, RawPath: path}
				}
				w := httptest.NewRecorder()
				r.ServeHTTP(w, &http.Request{Method: method, URL: u, Host: "example.com", Header: http.Header{}})
				if location := w.Header().Get("Location"); location != "" {
					checkRedirect(t, u, location)
				}
			}
		}
	}
}

// TestHandlersSeeCleanPaths: no request gets a dot segment past the router.
func TestHandlersSeeCleanPaths(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Get("/", func(http.ResponseWriter, *http.Request) error {
		t.Error("the handler was called")
		return nil
	})
	for _, path := range []string{"/a/../../etc/passwd", "/..", "/./", "/a//b", "/a/.", "//", "", "a"} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, &http.Request{Method: "GET", URL: &url.URL{Path: path}, Header: http.Header{}})
		assert.Equal(t, w.Code, http.StatusTemporaryRedirect)
	}
}
