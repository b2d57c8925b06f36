package router_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/web"
)

func TestMostSpecificWins(t *testing.T) {
	t.Parallel()
	r := router.New()
	for _, p := range []string{
		"/", "/a/", "/a/{x}", "/a/b", "GET /a/b", "/a/{x}/c", "/a/b/c/{y...}", "GET /{$}", "HEAD /a/b", "a.example/",
		"/n1", "/n2", "/n3", "/n4", "/n5", "/n6", "/n7", "/n8", "/n9", "/n10", // enough for a map of children
	} {
		r.Handle(p, web.HandlerFunc(echo))
	}
	for _, c := range []struct{ method, target, want string }{
		{"GET", "/", "GET /{$}"},
		{"POST", "/", "/"},
		{"GET", "/a/b", "GET /a/b"},
		{"HEAD", "/a/b", "HEAD /a/b"},
		{"PUT", "/a/b", "/a/b"},
		{"GET", "/a/c", "/a/{x}"},
		{"GET", "/a/c/c", "/a/{x}/c"}, // back from /a/b
		{"GET", "/a/b/c", "/a/{x}/c"},
		{"GET", "/a/b/c/d/e", "/a/b/c/{y...}"},
		{"GET", "/a/c/d", "/a/"},
		{"GET", "/n9", "/n9"},
		{"GET", "/n10", "/n10"},
		{"GET", "/n11", "/"},
		{"GET", "http://a.example/a/b", "a.example/"},
	} {
		path := strings.TrimPrefix(c.target, "http://a.example")
		assert.Equal(t, do(t, r, c.method, c.target).Body.String(), c.want+" "+path)
	}
}

func TestConflictNamesBothPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want string }{
		{"/a", "/%61", "both match the same requests"},
		{"GET /{x}", "GET /{y}", "both match the same requests"},
		{"GET /a/{x}", "/{y}/b", "GET /a/b matches both"},
		{"GET /", "/index.html", "GET /index.html matches both"},
		{"GET /{x}/", "HEAD /a/{y...}", ""},
		{"POST /a/{x}/{$}", "/a/b/", "POST /a/b/ matches both"},
		{"HEAD /{x...}", "GET /a", "HEAD /a matches both"},
	} {
		r := router.New()
		r.Handle(c.a, web.HandlerFunc(echo))
		if c.want == "" {
			r.Handle(c.b, web.HandlerFunc(echo))
			continue
		}
		message := fmt.Sprint(assert.Panics(t, func() { r.Handle(c.b, web.HandlerFunc(echo)) }))
		assert.Contains(t, message, c.want)
		assert.Contains(t, message, fmt.Sprintf("router: pattern %q (registered at ", c.b))
		assert.Contains(t, message, fmt.Sprintf("conflicts with pattern %q (registered at ", c.a))
		assert.Contains(t, message, "precedence_test.go:")
	}
}

// TestRefusedRouteLeavesNoTrace: an application that recovers from the panic
// serves what it had.
func TestRefusedRouteLeavesNoTrace(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Get("/a", echo)
	assert.Panics(t, func() { r.Get("/a", echo) })
	assert.Equal(t, do(t, r, "GET", "/a").Code, 200)
	n := 0
	for range r.Routes() {
		n++
	}
	assert.Equal(t, n, 1)
}
