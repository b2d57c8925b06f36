// Package backoff is growing pauses with jitter, so that many who wait for one
// server do not come back at the same instant.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is the pauses of one who waits: from Least on, which must be positive,
// each twice the one before up to Most, and each cut at random by up to half. It
// belongs to one goroutine.
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
