package engine_test

import (
	"net"
	"net/http"
	"testing"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

func TestModeFromTheEnvironment(t *testing.T) {
	serve := func(value string, mode engine.Mode) error {
		t.Setenv("GALE_ENGINE", value)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		assert.NoError(t, err)
		srv := &engine.Server{Handler: http.NotFoundHandler(), Mode: mode}
		done := make(chan error, 1)
		go func() { done <- srv.Serve(l) }()
		if resp, err := http.Get("http://" + l.Addr().String()); err == nil {
			_ = resp.Body.Close()
			assert.Equal(t, resp.StatusCode, 404)
		}
		_ = srv.Close()
		return <-done
	}
	for _, value := range []string{"", "loop", "pool", "std"} {
		assert.Equal(t, serve(value, ""), http.ErrServerClosed)
	}
	assert.Equal(t, serve("epoll", "").Error(), `engine: mode "epoll"; want loop, pool, std, slow or inline`)
	assert.Equal(t, serve("epoll", engine.Pool), http.ErrServerClosed) // what the program says counts
}
