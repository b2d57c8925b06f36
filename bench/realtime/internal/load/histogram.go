package load

import (
	"math/bits"
	"time"
)

// histogram counts durations to one part in 128, since a load may have millions.
type histogram struct {
	counts [64 * steps]int
	total  int
	max    time.Duration
}

const (
	stepBits = 7
	steps    = 1 << stepBits
)

func bucket(d time.Duration) int {
	n := uint64(max(d, 0))
	if n < steps {
		return int(n)
	}
	shift := bits.Len64(n) - 1 - stepBits
	return (shift+1)*steps + int(n>>shift) - steps
}

// floor is the shortest duration of a bucket.
func floor(bucket int) time.Duration {
	if bucket < steps {
		return time.Duration(bucket)
	}
	shift := bucket/steps - 1
	return time.Duration(uint64(bucket%steps+steps) << shift)
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(d)]++
	h.total++
	h.max = max(h.max, d)
}

// percentile returns the duration that p of a hundred do not exceed, or 0.
func (h *histogram) percentile(p int) time.Duration {
	rank := (h.total*p + 99) / 100
	for i, n := range h.counts {
		if rank -= n; n > 0 && rank <= 0 {
			return floor(i)
		}
	}
	return 0
}
