// Package predictor remembers which routes are slow, so that their requests can
// leave the event loop before they run: to find out each time would stall the
// loop for a millisecond each time.
package predictor

import (
	"hash/maphash"
	"net/http"
	"sync/atomic"
)

const (
	// routesKept is how many routes the predictor tells apart; more share.
	routesKept = 4096
	// slowFor is for how many requests a route counts as slow after one was.
	slowFor = 1000
)

// Predictor tells slow routes from quick ones. Make one by [New]; it is safe for
// concurrent use.
type Predictor struct {
	route func(*http.Request) string
	seed  maphash.Seed
	slows atomic.Int64 // routes that count as slow; while it is 0 nothing is looked up
	left  [routesKept]atomic.Int32
}

// New returns a Predictor for which every route is quick. route names the route
// that a request takes, or returns "": then its method, and its path with the
// segments that have digits taken for one, stand for the route.
func New(route func(*http.Request) string) *Predictor {
	return &Predictor{route: route, seed: maphash.MakeSeed()}
}

// Slow reports whether r should leave the loop before it is served.
func (p *Predictor) Slow(r *http.Request) bool {
	return p.slows.Load() > 0 && p.of(r).Load() > 0
}

// Mark notes that a request of r's route was slow.
func (p *Predictor) Mark(r *http.Request) {
	if p.of(r).Swap(slowFor) <= 0 {
		p.slows.Add(1)
	}
}

// Ease notes that a request of r's route was quick although it was not expected
// to be.
func (p *Predictor) Ease(r *http.Request) {
	if p.slows.Load() == 0 {
		return // nothing to ease: spare the route
	}
	left := p.of(r)
	for {
		old := left.Load()
		if old <= 0 {
			return
		}
		if left.CompareAndSwap(old, old-1) {
			if old == 1 {
				p.slows.Add(-1)
			}
			return
		}
	}
}

func (p *Predictor) of(r *http.Request) *atomic.Int32 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	_, _ = h.WriteString(r.Method)
	_ = h.WriteByte(' ')
	if route := p.route(r); route != "" {
		_, _ = h.WriteString(route)
	} else {
		hashShape(&h, r.URL.Path)
	}
	return &p.left[h.Sum64()%routesKept]
}

// hashShape hashes a path without what mostly are values: segments with digits.
func hashShape(h *maphash.Hash, path string) {
	for start := 0; start < len(path); {
		end, digit := start+1, false
		for end < len(path) && path[end] != '/' {
			digit = digit || '0' <= path[end] && path[end] <= '9'
			end++
		}
		if digit {
			_, _ = h.WriteString("/*")
		} else {
			_, _ = h.WriteString(path[start:end])
		}
		start = end
	}
}
