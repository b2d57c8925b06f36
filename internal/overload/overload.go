// Package overload decides which requests a server that cannot keep up turns
// away, so that the others are answered in time.
package overload

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Shedder sheds requests that have waited too long for their turn, while there
// is a standing queue. There are two queues: that for the loops, and that of
// what was handed to workers, which is the Go scheduler's. It is safe for
// concurrent use.
type Shedder struct {
	exempt  func(*http.Request) bool
	loops   queue
	workers queue
}

// New returns a Shedder for which a wait longer than target is too long; no wait
// is for target <= 0. exempt, if set, reports which requests are served all the
// same.
func New(target time.Duration, exempt func(*http.Request) bool) *Shedder {
	return &Shedder{exempt: exempt, loops: queue{target: target}, workers: queue{target: target}}
}

// Waited is told at a time how long news had to wait for a loop.
func (o *Shedder) Waited(d time.Duration, at time.Time) { o.loops.waited(d, at) }

// Sheds reports whether r, which has waited that long for a worker, or is on a
// loop (0), should be refused.
func (o *Shedder) Sheds(r *http.Request, waited time.Duration) bool {
	late := o.loops.standing.Load()
	if waited > 0 {
		late = o.workers.waited(waited, time.Now())
	}
	return late && !(o.exempt != nil && o.exempt(r))
}

// queue judges waits as CoDel (RFC 8289) does: a burst makes some wait, but only
// a standing queue makes all of them wait for an interval and longer. Then
// everything that has waited too long is turned away, which costs little time,
// until something is reached that has not.
type queue struct {
	target time.Duration // <= 0: no wait is too long

	since    atomic.Int64 // since when all waits have been too long, Unix ns; 0: the last was not
	last     atomic.Int64 // when the last one was noted, Unix ns
	standing atomic.Bool
}

const (
	// interval is how long every wait must have been too long.
	interval = 100 * time.Millisecond
	// stale is after what time a wait says nothing of now.
	stale = time.Second
)

// waited notes that something which was ready had to wait that long, and reports
// whether it has waited too long in a standing queue.
func (q *queue) waited(d time.Duration, at time.Time) bool {
	if q.target <= 0 {
		return false
	}
	now := at.UnixNano()
	last := q.last.Swap(now)
	if d <= q.target {
		q.since.Store(0)
		q.standing.Store(false)
		return false
	}
	since := q.since.Load()
	if since == 0 || now-last > int64(stale) {
		q.since.Store(now)
		q.standing.Store(false)
		return false
	}
	standing := now-since >= int64(interval)
	q.standing.Store(standing)
	return standing
}
