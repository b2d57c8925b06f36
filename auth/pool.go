package auth

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/galeweb/gale/internal/ctxkey"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/web"
)

// sourceKey holds who an attempt comes from: a known browser's account, or a network.
var sourceKey = ctxkey.New[string]("auth.source")

// pool lets a bounded number of hashes run and a bounded number wait.
//
// The threat is a client that sends passwords as fast as it can: it would hold all
// places, and everybody else be told to come back. So places are not for who comes
// first, but for whose source has had the fewest hashes in the last hour, each of
// which counts for a minute, and those that wait count too. When all places are
// taken, the waiter whose source has had the most is sent away. A client alone thus
// loses to everybody else; to push an owner out who comes by once, an attacker needs
// more sources than the pool has hashes in a minute, about 2,000 for each worker, all
// of the time, and the total of a [Throttle] ends that; beyond 16,000 sources those
// that have had the least are forgotten. Nobody waits while there is
// a free worker, whatever the source has had. A hash outside of a Throttle has the
// network of its request as its source: whoever has one mailed link can send it
// again and again, each time for a hash.
type pool struct {
	workers, places int
	addr            func(context.Context) netip.Addr // nil for nobody
	used            *ratelimit.Memory

	mu      sync.Mutex
	running int
	waiting []*waiter // the next first
}

type waiter struct {
	source  string
	used    time.Duration // what the source has had, this hash included
	charged bool          // this hash counts, for the source has not had the most yet
	turn    chan error    // nil to run, with the caller's place
}

const (
	useCounts = time.Minute
	useMost   = time.Hour
)

func newPool(workers, places int, addr func(context.Context) netip.Addr) *pool {
	return &pool{workers: workers, places: places, addr: addr, used: ratelimit.NewMemory(ratelimit.MemoryOptions{MaxKeys: 1 << 14})}
}

// run calls work on the caller's goroutine when it is its turn. A hash that has
// begun cannot be stopped; it ends in tens of milliseconds.
func (p *pool) run(ctx context.Context, work func()) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer p.leave()
	if ctx.Err() != nil {
		return fmt.Errorf("auth: wait to hash: %w", context.Cause(ctx))
	}
	work()
	return nil
}

func (p *pool) enter(ctx context.Context) error {
	w := &waiter{source: p.source(ctx), turn: make(chan error, 1)}
	p.mu.Lock()
	w.used, w.charged = p.charge(w.source, useCounts)
	if p.running < p.workers {
		p.running++
		p.mu.Unlock()
		return nil
	}
	at, _ := slices.BinarySearchFunc(p.waiting, w.used+1, func(o *waiter, used time.Duration) int { return cmp.Compare(o.used, used) })
	p.waiting = slices.Insert(p.waiting, at, w)
	if last := len(p.waiting) - 1; last >= p.places {
		p.refund(p.waiting[last])
		p.waiting[last].turn <- busy()
		p.waiting = slices.Delete(p.waiting, last, last+1)
	}
	p.mu.Unlock()

	select {
	case err := <-w.turn:
		return err
	case <-ctx.Done():
	}
	p.mu.Lock()
	at = slices.Index(p.waiting, w)
	if at >= 0 {
		p.waiting = slices.Delete(p.waiting, at, at+1)
		p.refund(w)
	}
	p.mu.Unlock()
	if at < 0 && <-w.turn == nil { // it was given the place meanwhile
		p.leave()
	}
	return fmt.Errorf("auth: wait to hash: %w", context.Cause(ctx))
}

// leave gives the place to the next.
func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.running--
		return
	}
	p.waiting[0].turn <- nil
	p.waiting = slices.Delete(p.waiting, 0, 1)
}

// source returns who a hash is for.
func (p *pool) source(ctx context.Context) string {
	if source, ok := sourceKey.Value(ctx); ok {
		return source
	}
	if p.addr == nil {
		return ""
	}
	return ratelimit.Network(p.addr(ctx), 32, 64)
}

// charge adds to what a source has had and returns that; ok is false when it has had
// the most already, to which nothing is added.
func (p *pool) charge(source string, cost time.Duration) (used time.Duration, ok bool) {
	c := [1]ratelimit.Charge{{Limit: "hash", Key: source, Cost: cost, Capacity: useMost}}
	ok, _ = p.used.Charge(context.Background(), c[:]) // fails only for too many at once
	return c[0].Level, ok
}

// refund takes a charge back: what is refused costs nothing.
func (p *pool) refund(w *waiter) {
	if w.charged {
		p.charge(w.source, -useCounts)
	}
}

func busy() error {
	return &web.Error{
		Status:  http.StatusServiceUnavailable,
		Code:    "busy",
		Message: "Too many people are signing in at the moment. Please try again.",
		Header:  http.Header{"Retry-After": {"2"}},
		Err:     ErrBusy,
	}
}
