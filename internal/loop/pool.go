//go:build linux

package loop

import (
	"runtime/pprof"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// idleWorker is how long a worker without work is kept.
const idleWorker = 10 * time.Second

// pool keeps goroutines for work: a stack, so that the rest falls idle.
type pool struct {
	set  *Set
	away atomic.Int64 // workers that serve a source and lead no loop
	ids  atomic.Uint32

	mu     sync.Mutex
	idle   []*Worker
	closed bool
}

func (p *pool) serve(src Source) {
	p.away.Add(1)
	p.do(job{src: src, at: p.set.Now()})
}

// takeOver has a worker lead l, which was taken from another that is away now.
func (p *pool) takeOver(l *Loop, word uint64) {
	p.away.Add(1)
	p.do(job{loop: l, word: word})
}

func (p *pool) do(j job) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		w.jobs <- j
		return
	}
	p.mu.Unlock()
	w := &Worker{set: p.set, jobs: make(chan job, 1), ID: p.ids.Add(1)}
	p.set.running.Go(func() { p.run(w, j) })
}

func (p *pool) run(w *Worker, j job) {
	ctx := p.set.o.Labels
	if p.set.o.Label != "" {
		ctx = pprof.WithLabels(ctx, pprof.Labels(p.set.o.Label, p.set.o.LabelPrefix+strconv.FormatUint(uint64(w.ID), 10)))
	}
	pprof.SetGoroutineLabels(ctx)
	ended := false
	defer func() {
		// A handler may end its goroutine by runtime.Goexit; the loop must not go
		// with it.
		if !ended {
			w.GiveUp()
			p.away.Add(-1)
		}
	}()
	for j.loop != nil || j.src != nil {
		if j.loop != nil {
			w.loop, w.word = j.loop, j.word
			j.loop.lead(w)
		} else {
			w.waited = time.Duration(p.set.Now() - j.at)
			j.src.Serve(w)
		}
		p.away.Add(-1) // also who led a loop has lost it, and was away since
		if !p.park(w) {
			break
		}
		j = <-w.jobs
	}
	ended = true
}

func (p *pool) park(w *Worker) bool {
	now := p.set.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	w.idle = now
	p.idle = append(p.idle, w)
	return true
}

// trim ends workers that have been idle for long, the oldest first.
func (p *pool) trim(now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && now-p.idle[n].idle > int64(idleWorker) {
		p.idle[n].jobs <- job{}
		n++
	}
	p.idle = slices.Delete(p.idle, 0, n) // which also lets go of what they hold
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, w := range p.idle {
		w.jobs <- job{}
	}
	p.idle = nil
}
