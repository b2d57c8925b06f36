package gale

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
)

// inflight counts the handlers that run, those on hijacked connections too, of
// which a server's Shutdown knows nothing.
type inflight struct {
	running atomic.Int64
	waiting atomic.Bool
	// counting is set when the drain begins; ended counts from then on.
	counting atomic.Bool
	ended    atomic.Int64
	once     sync.Once
	idle     chan struct{}
}

func newInflight() *inflight { return &inflight{idle: make(chan struct{})} }

func (f *inflight) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.running.Add(1)
		defer f.done()
		next.ServeHTTP(w, r)
	})
}

func (f *inflight) done() {
	if f.counting.Load() {
		f.ended.Add(1)
	}
	if f.running.Add(-1) == 0 && f.waiting.Load() {
		f.once.Do(func() { close(f.idle) })
	}
}

// wait returns 0 once no handler has run, or how many still do when ctx ends.
// Call it when no new requests come.
func (f *inflight) wait(ctx context.Context) int64 {
	// Whoever ends the last handler sees waiting, or we see running at 0.
	f.waiting.Store(true)
	if f.running.Load() == 0 {
		return 0
	}
	select {
	case <-f.idle:
	case <-ctx.Done():
	}
	return f.running.Load()
}
