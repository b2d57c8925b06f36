package engine

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/galeweb/gale/internal/exchange"
)

// away knows the exchanges whose handlers run away from the loops.
type away struct {
	mu  sync.Mutex
	all map[*exchange.Exchange]*absent
}

type absent struct {
	c       *conn
	start   time.Time
	worker  uint32
	taken   bool
	waiting int // for the client: then it is not the handler that stalls
}

// add notes x, which c serves, unless it has ended; taken says that its loop was
// taken from it.
func (a *away) add(c *conn, x *exchange.Exchange, taken bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.cur.Load() != x || a.all[x] != nil {
		return
	}
	if a.all == nil {
		a.all = map[*exchange.Exchange]*absent{}
	}
	a.all[x] = &absent{c: c, start: time.Now(), worker: c.worker.Load(), taken: taken}
}

// remove forgets x, which is no longer its connection's, and returns how long
// it was away, and whether its loop was taken from it.
func (a *away) remove(x *exchange.Exchange) (took time.Duration, taken bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.all[x]
	if e == nil {
		return 0, false
	}
	delete(a.all, x)
	return time.Since(e.start), e.taken
}

// sleeps notes that x begins (1) or ends (-1) to wait for its client.
func (a *away) sleeps(x *exchange.Exchange, by int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.all[x]; e != nil {
		e.waiting += by
	}
}

// running returns the exchanges that do not wait for their clients, the oldest
// first.
func (a *away) running() []Running {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []Running
	for x, e := range a.all {
		if e.waiting > 0 {
			continue
		}
		method, path := x.Asked()
		all = append(all, Running{
			Method: method, Path: path, Start: e.start, Worker: e.c.n.labels + strconv.FormatUint(uint64(e.worker), 10), Note: x.Note(),
			Route: e.c.n.s.routeOfPath(method, path),
		})
	}
	slices.SortFunc(all, func(a, b Running) int { return a.Start.Compare(b.Start) })
	return all
}

// returned does the books of an exchange that has ended away from its loop; led
// says that it began on it.
func (n *native) returned(x *exchange.Exchange, led bool) {
	took, taken := n.away.remove(x)
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
