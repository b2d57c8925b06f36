//go:build linux

package engine

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

func TestPredictor(t *testing.T) {
	t.Parallel()
	var p predictor
	route := ""
	p.init(Loop, func(*http.Request) string { return route })
	ask := func(method, path string) *http.Request { return httptest.NewRequest(method, path, nil) }
	a := ask("GET", "/users/17/photo")
	assert.True(t, !p.slow(a), "slow at first")
	p.mark(a)
	assert.True(t, p.slow(ask("GET", "/users/4711/photo")), "digits tell routes apart")
	assert.True(t, !p.slow(ask("GET", "/users/17/name")), "another path is slow")
	assert.True(t, !p.slow(ask("POST", "/users/17/photo")), "another method is slow")
	for range slowFor - 1 {
		p.ease(a)
	}
	assert.True(t, p.slow(a), "eased too early")
	p.mark(a)
	for range slowFor {
		assert.True(t, p.slow(a), "a second mark does not begin anew")
		p.ease(a)
	}
	assert.True(t, !p.slow(a), "slow for ever")
	p.ease(a)
	assert.Equal(t, p.slows.Load(), int64(0))

	route = "GET /{name}"
	p.mark(a)
	assert.True(t, p.slow(ask("GET", "/other")), "the route is not used")

	var always predictor
	always.init(AlwaysSlow, nil)
	assert.True(t, always.slow(a), "not always slow")
}
