package galetest

import (
	"sync"
	"testing"
	"time"
)

// Clock is a clock that stands still until the test moves it. Its Now fits
// wherever an option wants a func() time.Time. It is safe for concurrent use.
type Clock struct {
	tb testing.TB

	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows start; the zero time stands for
// 2026-01-02 03:04:05 UTC.
func NewClock(tb testing.TB, start time.Time) *Clock {
	if start.IsZero() {
		start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	}
	return &Clock{tb: tb, now: start}
}

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on by d; a negative d fails the test, since no
// clock that code may trust goes back.
func (c *Clock) Advance(d time.Duration) {
	if d < 0 {
		c.tb.Helper()
		c.tb.Fatalf("galetest: Advance(%v) would turn the clock back", d)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
