package engine_test

import (
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

// A hook is called with a connection that is there: it can be closed, and has
// the address that the client has dialled.
func TestHookClosesNewConnection(t *testing.T) {
	t.Parallel()
	l := listen(t)
	var first atomic.Bool
	local := make(chan string, 2)
	srv := &engine.Server{Handler: hello, ErrorLog: quiet(), ConnState: func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			local <- c.LocalAddr().String()
			if !first.Swap(true) {
				_ = c.Close()
			}
		}
	}}
	serve(t, srv, l)
	c, err := net.Dial("tcp", l.Addr().String())
	assert.NoError(t, err)
	got, err := io.ReadAll(c)
	assert.NoError(t, err)
	assert.Equal(t, string(got), "")
	assert.Equal(t, <-local, c.RemoteAddr().String())
	assert.NoError(t, c.Close())
	assert.Equal(t, get(t, new(http.Transport), "http://"+l.Addr().String()), "hello over HTTP/1.1")
}

// A hook that ends its goroutine, as a test's FailNow does, ends its connection
// and nothing else.
func TestHookEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	for _, at := range []http.ConnState{http.StateNew, http.StateActive, http.StateClosed} {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			l := listen(t)
			var done atomic.Bool
			srv := &engine.Server{Handler: hello, ErrorLog: quiet(), ConnState: func(_ net.Conn, state http.ConnState) {
				if state == at && !done.Swap(true) {
					runtime.Goexit()
				}
			}}
			ended := make(chan error, 1)
			go func() { ended <- srv.Serve(l) }()
			c, err := net.Dial("tcp", l.Addr().String())
			assert.NoError(t, err)
			_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			assert.NoError(t, err)
			_, _ = io.ReadAll(c)
			_ = c.Close()
			tr := new(http.Transport)
			assert.Equal(t, get(t, tr, "http://"+l.Addr().String()), "hello over HTTP/1.1")
			tr.CloseIdleConnections()
			assert.NoError(t, srv.Shutdown(t.Context()))
			assert.ErrorIs(t, <-ended, http.ErrServerClosed)
		})
	}
}
