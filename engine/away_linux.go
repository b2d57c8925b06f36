package engine

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/galeweb/gale/internal/exchange"
)

// away knows the connections whose handlers, or protocols, run away from the
// loops.
type away struct {
	mu  sync.Mutex
	all map[*conn]*absent
}

type absent struct {
	x       *exchange.Exchange // nil when it is upgraded
	start   time.Time
	worker  uint32
	taken   bool
	waiting int // for the client: then it is not the handler that stalls
}

// add notes that c serves x, or calls its protocol (nil), unless that has ended;
// taken says that its loop was taken from it.
func (a *away) add(c *conn, x *exchange.Exchange, taken bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.cur.Load() != x || x == nil && c.phase.Load() != phaseCalled || a.all[c] != nil {
		return
	}
	a.put(c, x, taken)
}

// put is add with the lock held.
func (a *away) put(c *conn, x *exchange.Exchange, taken bool) {
	if a.all == nil {
		a.all = map[*conn]*absent{}
	}
	a.all[c] = &absent{x: x, start: time.Now(), worker: c.worker.Load(), taken: taken}
}

// remove forgets what c has served, and returns how long it was away, and whether
// its loop was taken from it.
func (a *away) remove(c *conn) (took time.Duration, taken bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.all[c]
	if e == nil {
		return 0, false
	}
	delete(a.all, c)
	return time.Since(e.start), e.taken
}

// again notes that c, whose protocol is away, begins another piece of work. It
// reports whether the loop was taken from the one before.
func (a *away) again(c *conn) (taken bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.all[c]
	if e == nil {
		a.put(c, nil, false)
		return false
	}
	taken = e.taken
	e.start, e.taken = time.Now(), false
	return taken
}

// sleeps notes that c begins (1) or ends (-1) to wait for its client.
func (a *away) sleeps(c *conn, by int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.all[c]; e != nil {
		e.waiting += by
	}
}

// running returns what does not wait for its client, the oldest first.
func (a *away) running() []Running {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []Running
	for c, e := range a.all {
		if e.waiting > 0 {
			continue
		}
		r := Running{Start: e.start, Worker: c.n.labels + strconv.FormatUint(uint64(e.worker), 10)}
		if e.x != nil {
			r.Method, r.Path = e.x.Asked()
			r.Route, r.Note = c.n.s.routeOfPath(r.Method, r.Path), e.x.Note()
		} else {
			was := c.asked.Value()
			r.Method, r.Path, r.Route = was.method, was.path, was.route
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Running) int { return a.Start.Compare(b.Start) })
	return all
}

// returned does the books of an exchange of c that has ended away from its loop; led
// says that it began on it.
func (n *native) returned(c *conn, x *exchange.Exchange, led bool) {
	took, taken := n.away.remove(c)
	slow := took >= slowAfter
	r := x.Request()
	if taken {
		n.takeovers.add(n.s.routeOf(r))
	}
	switch {
	case slow && (taken || !led): // else it only waited for its client
		n.predictor.Mark(r)
	case !led:
		n.predictor.Ease(r)
	}
}

// slowAfter is from how long away from the loop a handler counts as slow. A
// taken-over one has run for as long as the watch waits before that.
const slowAfter = 500 * time.Microsecond
