package engine

import (
	"context"
	"net/http"
	"sync/atomic"
)

// Draining returns a channel that is closed when the server that serves the
// request whose context is ctx, or one derived from it, begins to shut down.
// What does not end by itself should then: [Server.Shutdown] waits for streams
// until its context ends, and does not wait for hijacked connections at all. The
// channel is nil, which blocks for ever, when ctx is of no request of this
// package.
func Draining(ctx context.Context) <-chan struct{} {
	drain, _ := ctx.Value(drainKey{}).(chan struct{})
	return drain
}

type drainKey struct{}

// Drained is what became of a server's connections and requests from when
// [Server.Shutdown] or [Server.Close] was called.
type Drained struct {
	// Finished counts requests that were under way and ended by themselves, and
	// those that came on their connections just then.
	Finished uint64
	// Idle counts connections that were closed since they had no request. It is 0
	// in [Std].
	Idle uint64
	// Cut counts requests that Close has cut off.
	Cut uint64
}

type drained struct{ finished, idle, cut atomic.Uint64 }

func (d *drained) snapshot() Drained {
	return Drained{Finished: d.finished.Load(), Idle: d.idle.Load(), Cut: d.cut.Load()}
}

// tracked counts the requests that net/http serves, for Drained.
func (s *Server) tracked(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.stdRunning.Add(1)
		defer func() {
			// One that was cut off has been counted.
			if s.stdRunning.Add(-1) >= 0 && s.draining() {
				s.drained.finished.Add(1)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// cutStd counts the requests that net/http still serves as cut off.
func (s *Server) cutStd() {
	if n := s.stdRunning.Swap(-1 << 62); n > 0 {
		s.drained.cut.Add(uint64(n))
	}
}

// draining reports whether the server is shutting down.
func (s *Server) draining() bool {
	select {
	case <-s.drain:
		return true
	default:
		return false
	}
}
