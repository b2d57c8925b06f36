// Package backoff is growing pauses with jitter, so that many who wait for one
// server do not come back at the same instant. A [Backoff] is for one goroutine.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is pauses that double from Least to Most, each shortened by up to half
// of itself.
type Backoff struct{ Least, Most time.Duration }

// Pause waits; it is false when ctx ended first.
func (b *Backoff) Pause(ctx context.Context) bool {
	t := time.NewTimer(b.Least/2 + rand.N(b.Least/2+1))
	defer t.Stop()
	b.Least = min(2*b.Least, b.Most)
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
