package engine

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// counts are the counters of one loop, on cache lines of their own.
type counts struct {
	requests, read, written atomic.Uint64

	_ [128]byte
}

// tally counts by a label. Labels are of this package or are routes, so there
// are only so many.
type tally struct {
	mu  sync.Mutex
	all map[string]uint64
}

func (t *tally) add(label string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = map[string]uint64{}
	}
	t.all[label]++
}

func (t *tally) snapshot() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.all)
}

// turnTimes is a histogram of the loops' turns.
type turnTimes struct {
	buckets [8]atomic.Uint64
	sum     atomic.Int64
}

func (t *turnTimes) add(d time.Duration) {
	i := 0
	for bounds := TurnBounds(); i < len(bounds) && d > bounds[i]; {
		i++
	}
	t.buckets[i].Add(1)
	t.sum.Add(int64(d))
}
