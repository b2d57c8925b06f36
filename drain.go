package gale

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// ErrDrain is returned by [Run] when requests or OnDrain functions were cut off
// because they did not finish within Options.DrainTimeout.
var ErrDrain = errors.New("gale: the drain did not finish")

// drain ends the service in order. It returns when no goroutine of Run is left
// but those of handlers and functions that heeded no context, which it names.
func (r *runner) drain() error {
	force := r.signals.force
	ctx, cancel := context.WithTimeout(force, r.o.DrainTimeout)
	defer cancel()
	count := r.countDrain()
	r.o.Logger.Info("draining", "cause", context.Cause(r.signals.stop), "timeout", r.o.DrainTimeout)
	r.o.Health.Drain()
	r.notify(daemon.SdNotifyStopping)
	if r.signals.stop.Err() != nil { // a server that failed accepts nothing anyway
		sleep(ctx, r.o.DrainDelay)
	}

	unfinished := r.finish(ctx)
	count.finished, count.cut = r.inflight.ended.Load(), r.inflight.running.Load()
	forced := force.Err() != nil
	r.cut(errors.New("gale: the drain is over"))
	_ = r.server.Close()
	grace, cancel := context.WithTimeout(context.WithoutCancel(force), cutTimeout)
	defer cancel()
	if n := r.inflight.wait(grace); n > 0 {
		unfinished = append(unfinished, fmt.Sprintf("%d of them even after their connections were cut", n))
	} else if r.server.Shutdown(grace) != nil {
		unfinished = append(unfinished, "callbacks of WebSockets, even after these were cut")
	}
	// The ops listener stays to the end, so that the drain can be watched.
	if r.ops != nil {
		_ = r.ops.Close()
	}
	r.serving.Wait()
	count.tell()

	switch {
	case forced:
		return fmt.Errorf("%w%s", ErrForced, left(unfinished))
	case len(unfinished) > 0:
		return fmt.Errorf("%w in %v%s", ErrDrain, r.o.DrainTimeout, left(unfinished))
	}
	return nil
}

// drainCount is what the drain had to do.
type drainCount struct {
	r         *runner
	conns     int64 // open at its begin
	longLived int64 // of them those that were taken over, such as WebSockets
	finished  int64 // requests that ended by themselves
	cut       int64 // handlers that still ran when the connections were cut
}

func (r *runner) countDrain() *drainCount {
	r.inflight.counting.Store(true)
	s := r.server.Stats()
	open := s.Handshaking + s.Reading + s.Active + s.Idle + s.Hijacked + s.Closing
	return &drainCount{r: r, conns: open, longLived: s.Hijacked}
}

func (c *drainCount) tell() {
	c.r.o.Logger.Info("drained", "requests", c.finished, "cut", c.cut, "connections", c.conns, "long_lived", c.longLived)
}

func left(unfinished []string) string {
	if len(unfinished) == 0 {
		return ""
	}
	return ": unfinished: " + strings.Join(unfinished, ", ")
}

// finish stops accepting, runs the OnDrain functions and waits for requests;
// it returns what was not finished when ctx ended. The functions run beside
// the shutdown, since that waits for the streams that they end.
func (r *runner) finish(ctx context.Context) (unfinished []string) {
	var mu sync.Mutex
	add := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		unfinished = append(unfinished, s)
	}
	var wg sync.WaitGroup
	for _, f := range r.o.OnDrain {
		wg.Go(func() {
			if !within(ctx, func() { f(ctx) }) {
				add("OnDrain " + nameOf(f))
			}
		})
	}
	wg.Go(func() {
		// Its error adds nothing: what it knows of is counted here as well, save
		// for connections that never sent a request, which nobody misses.
		_ = r.server.Shutdown(ctx)
		if n := r.inflight.wait(ctx); n > 0 {
			add(fmt.Sprintf("%d requests", n))
		}
	})
	wg.Wait()
	return unfinished
}

// closeAll runs the Close functions, the last first. A second signal leaves
// them only a moment.
func closeAll(force context.Context, closers []func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(force), closeTimeout)
	defer cancel()
	// Not force itself: even then a database should be closed, which is quick.
	stop := context.AfterFunc(force, func() { time.AfterFunc(cutTimeout, cancel) })
	defer stop()
	var errs []error
	for _, f := range slices.Backward(closers) {
		result := make(chan error, 1)
		within(ctx, func() { result <- f(ctx) })
		select {
		case err := <-result:
			if err != nil {
				errs = append(errs, fmt.Errorf("gale: Close %s: %w", nameOf(f), err))
			}
		default:
			errs = append(errs, fmt.Errorf("gale: Close %s did not finish in time", nameOf(f)))
		}
	}
	return errors.Join(errs...)
}

// within reports whether f returned before ctx ended. It waits a little longer
// for an f that heeds the context; the goroutine of one that does not is left
// behind, on the way out of the process.
func within(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-done:
	case <-time.After(cutTimeout):
	}
	return false
}

// nameOf returns what the programmer called the function.
func nameOf(f any) string {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	return strings.TrimSuffix(name, "-fm")
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
