package engine

import (
	"net/http"
	"sync/atomic"
	"time"
)

// overload sheds requests while they would have to wait too long for their turn.
// It looks at the shortest wait of each interval, as CoDel (RFC 8289) does: a
// burst makes some requests wait, but only a standing queue makes all of them.
type overload struct {
	target time.Duration // <= 0: never shed
	exempt func(*http.Request) bool

	least    atomic.Int64 // shortest wait of this interval, ns
	ends     atomic.Int64 // when it ends, Unix ns
	shedding atomic.Bool
}

// interval is how long every request must have waited too long.
const interval = 100 * time.Millisecond

func (o *overload) init(target time.Duration, exempt func(*http.Request) bool) {
	o.target, o.exempt = target, exempt
	o.least.Store(int64(time.Hour))
}

// sheds reports whether r should be refused.
func (o *overload) sheds(r *http.Request) bool {
	return o.shedding.Load() && !(o.exempt != nil && o.exempt(r))
}

// waited notes how long something that was ready had to wait for its turn.
func (o *overload) waited(d time.Duration, now time.Time) {
	if o.target <= 0 {
		return
	}
	for {
		least := o.least.Load()
		if int64(d) >= least || o.least.CompareAndSwap(least, int64(d)) {
			break
		}
	}
	ends := o.ends.Load()
	at := now.UnixNano()
	if at < ends || !o.ends.CompareAndSwap(ends, at+int64(interval)) {
		return
	}
	least := o.least.Swap(int64(time.Hour))
	// An interval that ended long ago says nothing of now.
	fresh := at-ends < int64(interval)
	o.shedding.Store(fresh && least > int64(o.target))
}

// retryAfter is what a refused client is told to wait, in seconds.
func (o *overload) retryAfter() int { return 1 }
