package predictor

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

func TestPredictor(t *testing.T) {
	t.Parallel()
	route := ""
	p := New(func(*http.Request) string { return route })
	ask := func(method, path string) *http.Request { return httptest.NewRequest(method, path, nil) }
	a := ask("GET", "/users/17/photo")
	assert.True(t, !p.Slow(a), "slow at first")
	p.Mark(a)
	assert.True(t, p.Slow(ask("GET", "/users/4711/photo")), "digits tell routes apart")
	assert.True(t, !p.Slow(ask("GET", "/users/17/name")), "another path is slow")
	assert.True(t, !p.Slow(ask("POST", "/users/17/photo")), "another method is slow")
	for range slowFor - 1 {
		p.Ease(a)
	}
	assert.True(t, p.Slow(a), "eased too early")
	p.Mark(a)
	for range slowFor {
		assert.True(t, p.Slow(a), "a second mark does not begin anew")
		p.Ease(a)
	}
	assert.True(t, !p.Slow(a), "slow for ever")
	p.Ease(a)
	assert.Equal(t, p.slows.Load(), int64(0))

	route = "GET /{name}"
	p.Mark(a)
	assert.True(t, p.Slow(ask("GET", "/other")), "the route is not used")
}
