//go:build linux

package loop

import (
	"sync/atomic"
	"time"
)

// lull is after how many looks at idle loops the watch goes to sleep.
const lull = 64

type watch struct {
	asleep atomic.Bool
	poke   chan struct{} // holds one
}

// wake is called whenever a loop begins a turn.
func (w *watch) wake() {
	if w.asleep.Load() && w.asleep.CompareAndSwap(true, false) {
		w.poke <- struct{}{}
	}
}

// watchLoops takes a loop from work that it sees twice.
func (s *Set) watchLoops() {
	seen := make([]uint64, len(s.loops))
	timer := time.NewTimer(s.o.Watch)
	defer timer.Stop()
	for idle := 0; ; {
		select {
		case <-s.stop:
			return
		case <-timer.C:
		}
		idle++
		for i, l := range s.loops {
			if !l.parked.Load() {
				idle = 0
			}
			word := l.word.Load()
			if word&1 == 1 && word == seen[i] && l.word.CompareAndSwap(word, word+1) {
				s.takeovers.Add(1)
				word++
				l.now.TakenOver()
				s.pool.takeOver(l, word)
			}
			seen[i] = word
		}
		if idle >= lull && !s.rest() {
			return
		}
		timer.Reset(s.o.Watch)
	}
}

// rest sleeps until a loop has work. It reports whether the set goes on.
func (s *Set) rest() bool {
	s.watch.asleep.Store(true)
	for _, l := range s.loops {
		// A turn may have begun just before; its leader saw the watch awake.
		if !l.parked.Load() && s.watch.asleep.CompareAndSwap(true, false) {
			return true
		}
	}
	select {
	case <-s.stop:
		return false
	case <-s.watch.poke:
		return true
	}
}
