package obs

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// check is one named check with its latest run.
type check struct {
	name string
	run  func(ctx context.Context) error

	mu     sync.Mutex
	latest *flight
}

// flight is one run of a check, shared by all probes that come while it runs or
// its result is fresh.
type flight struct {
	started time.Time
	done    chan struct{} // closed when err and took are set
	err     error
	took    time.Duration
}

// start returns the latest run, when it goes on or is fresh, or a new one. The
// run outlives the probe that began it, since others may wait for it.
func (c *check) start(ctx context.Context, timeout, fresh time.Duration) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.latest; f != nil {
		select {
		case <-f.done:
			if time.Since(f.started.Add(f.took)) < fresh {
				return f
			}
		default:
			return f
		}
	}
	f := &flight{started: time.Now(), done: make(chan struct{})}
	c.latest = f
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	go func() {
		defer cancel()
		defer close(f.done)
		f.err = guarded(ctx, c.run)
		f.took = time.Since(f.started)
	}()
	return f
}

// guarded turns a panic into an error: a broken check must not end the process.
func guarded(ctx context.Context, run func(ctx context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the check panicked: %v", p)
		}
	}()
	return run(ctx)
}

// grace lets a check that heeds its deadline say itself what it waited for.
const grace = 100 * time.Millisecond

// wait returns the result, or an error when the check is overdue.
func (f *flight) wait(ctx context.Context, timeout time.Duration) (took time.Duration, err error) {
	select {
	case <-f.done: // even when late: the result is there, and select below would toss a coin
		return f.took, f.err
	default:
	}
	overdue := time.NewTimer(time.Until(f.started.Add(timeout + grace)))
	defer overdue.Stop()
	select {
	case <-f.done:
		return f.took, f.err
	case <-overdue.C:
		took = time.Since(f.started)
		return took, fmt.Errorf("the check has run for %v and does not heed its timeout of %v", took.Round(time.Millisecond), timeout)
	case <-ctx.Done():
		return time.Since(f.started), ctx.Err()
	}
}
