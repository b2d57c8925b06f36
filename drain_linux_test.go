package gale_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ws"
)

// WebSockets that nobody drains are cut, and their callbacks have returned before
// anything that they may use is closed.
func TestCloseComesAfterCallbacks(t *testing.T) {
	t.Parallel()
	for _, stuck := range []bool{false, true} {
		t.Run(fmt.Sprintf("stuck %v", stuck), func(t *testing.T) {
			t.Parallel()
			called, release := make(chan struct{}), make(chan struct{})
			var returned, early atomic.Bool
			h := &ws.Handler{
				Message: func(*ws.Conn, ws.Message) error { return nil },
				Close: func(*ws.Conn, error) {
					close(called)
					<-release
					returned.Store(true)
				},
			}
			r := start(t, h, gale.Options{
				Addr:      "127.0.0.1:0",
				Configure: func(s *engine.Server) { s.Mode = engine.Loop },
				Close: []func(context.Context) error{func(context.Context) error {
					early.Store(!returned.Load())
					return nil
				}},
			})
			c, err := ws.Dial(t.Context(), "ws://"+r.addr.String(), ws.DialOptions{})
			assert.NoError(t, err)
			r.terminate()
			<-called
			if stuck {
				failsWith(t, r.wait(), "callbacks of WebSockets")
				close(release)
			} else {
				close(release)
				assert.NoError(t, r.wait())
			}
			assert.Equal(t, early.Load(), stuck)
			<-c.Done()
			assert.NoError(t, h.Drain(t.Context()))
		})
	}
}
