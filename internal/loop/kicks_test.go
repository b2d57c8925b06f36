//go:build linux

package loop

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/assert"
)

// subscriber is woken to see what was sent to it.
type subscriber struct {
	Conn
	sent, seen atomic.Int32
	wakes      atomic.Int32
	first      func() // called when it is woken first
}

func (s *subscriber) HungUp()       {}
func (s *subscriber) TakenOver()    {}
func (s *subscriber) Serve(*Worker) { s.Close() }

func (s *subscriber) Woken(w *Worker) {
	if s.wakes.Add(1) == 1 && s.first != nil {
		s.first()
	}
	for {
		s.Heed()
		s.seen.Store(s.sent.Load())
		given, input := s.GiveBack(false)
		if given {
			return
		}
		if input { // the peer has closed
			w.set.Serve(s)
			return
		}
	}
}

func subscribers(t *testing.T, s *Set, n int) []*subscriber {
	t.Helper()
	all := make([]*subscriber, n)
	for i := range all {
		all[i] = &subscriber{}
		peer := pair(t, s, &all[i].Conn, all[i])
		all[i].Batch()
		assert.True(t, all[i].Release(false), "there is news")
		t.Cleanup(func() { _ = unix.Close(peer) })
	}
	t.Cleanup(func() {
		s.Conns(func(c *Conn) { _ = unix.Shutdown(int(c.fd), unix.SHUT_RDWR) })
		for s.Open() > 0 {
			runtime.Gosched()
		}
	})
	return all
}

// However often many connections are kicked, one worker of each loop sees to
// them, once for all kicks that came before it could.
func TestKicksAreGathered(t *testing.T) {
	t.Parallel()
	const n, loops, rounds = 1000, 2, 20
	s := newSet(t, Options{Loops: loops})
	all := subscribers(t, s, n)
	gate := make(chan struct{})
	var waiting sync.WaitGroup
	for _, sub := range all[:loops] { // the first of each loop
		waiting.Add(1)
		sub.first = func() { waiting.Done(); <-gate }
	}
	before := s.pool.ids.Load()
	var kicking sync.WaitGroup
	for range 4 {
		kicking.Go(func() {
			for range rounds {
				for _, sub := range all {
					sub.sent.Add(1)
					sub.Kick()
				}
			}
		})
	}
	kicking.Wait()
	waiting.Wait()
	close(gate)
	for _, sub := range all {
		for sub.seen.Load() != 4*rounds {
			runtime.Gosched()
		}
	}
	if made := s.pool.ids.Load() - before; made > 2*loops {
		t.Errorf("%d workers for the kicks of %d loops", made, loops)
	}
	for i, sub := range all[loops:] {
		if got := sub.wakes.Load(); got != 1 {
			t.Fatalf("connection %d was woken %d times", i, got)
		}
	}
}

// Who ends its goroutine when it is woken does not take those behind it along.
func TestGoexitWhenWoken(t *testing.T) {
	t.Parallel()
	s := newSet(t, Options{Loops: 1})
	all := subscribers(t, s, 10)
	gate := make(chan struct{})
	all[0].first = func() { <-gate }
	all[4].first = func() {
		s.Serve(all[4])
		runtime.Goexit()
	}
	for _, sub := range all {
		sub.sent.Add(1)
		sub.Kick()
	}
	close(gate)
	for i, sub := range all {
		for i != 4 && sub.seen.Load() != 1 {
			runtime.Gosched()
		}
	}
}

// Room for many kicked connections is not kept for ever.
func TestRoomForKicksIsLetGo(t *testing.T) {
	t.Parallel()
	l := &Loop{}
	for range 2 {
		l.kicks.now = make([]*Conn, 0, 2*keptKicked)
		l.kicks.waiting = make([]*Conn, 0, 2*keptKicked)
		assert.True(t, !l.kicks.take(), "there is something to serve")
		assert.Equal(t, cap(l.kicks.now)+cap(l.kicks.waiting), 0)
	}
	l.kicks.now = make([]*Conn, 0, keptKicked)
	assert.True(t, !l.kicks.take(), "there is something to serve")
	assert.Equal(t, cap(l.kicks.waiting), keptKicked)
}
