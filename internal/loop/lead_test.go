//go:build linux

package loop

import (
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/assert"
)

// work is a source without a connection.
type work func(w *Worker)

func (f work) Serve(w *Worker) { f(w) }
func (f work) HungUp()         {}
func (f work) TakenOver()      {}

// onLoop runs f as the leader of a loop of s.
func onLoop(t *testing.T, s *Set, f work) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	var once sync.Once
	a, err := s.Listen(l.(*net.TCPListener), func(w *Worker, fd int, _ unix.Sockaddr) {
		_ = unix.Close(fd)
		once.Do(func() { f(w) })
	}, func(err error) { t.Error(err) })
	assert.NoError(t, err)
	t.Cleanup(func() {
		a.Close()
		_ = l.Close()
	})
	c, err := net.Dial("tcp", l.Addr().String())
	assert.NoError(t, err)
	_ = c.Close()
}

func newSet(t *testing.T, o Options) *Set {
	t.Helper()
	s, err := New(o)
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Stop()) })
	return s
}

// Those that wait for their next turn get it whatever becomes of the leader.
func TestAgain(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(w *Worker){
		"in order":   func(*Worker) {},
		"exit":       func(*Worker) { runtime.Goexit() },
		"gives up":   func(w *Worker) { w.GiveUp() },
		"leased out": func(w *Worker) { w.Lease().GiveUp() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSet(t, Options{Loops: 1, Watch: -1})
			served := make(chan int, 4)
			onLoop(t, s, func(w *Worker) {
				w.Again(work(func(w *Worker) { served <- 1; first(w) }))
				w.Again(work(func(w *Worker) {
					served <- 2
					w.Again(work(func(*Worker) { served <- 4 }))
				}))
				w.Again(work(func(*Worker) { served <- 3 }))
			})
			for want := range 4 {
				assert.Equal(t, <-served, want+1)
			}
		})
	}
}

// A goroutine that ends at work leaves its loop led, and the count of those away
// right.
func TestExit(t *testing.T) {
	t.Parallel()
	s := newSet(t, Options{Loops: 1})
	gate := make(chan struct{})
	onLoop(t, s, func(w *Worker) {
		w.Again(work(func(*Worker) { runtime.Goexit() })) // as the leader
		w.Again(work(func(w *Worker) { w.GiveUp(); runtime.Goexit() }))
		w.Again(work(func(*Worker) { <-gate; runtime.Goexit() })) // taken over
		s.Serve(work(func(*Worker) { runtime.Goexit() }))         // as a worker
	})
	for s.Takeovers() == 0 {
		runtime.Gosched()
	}
	close(gate)
	for s.pool.away.Load() != 0 {
		runtime.Gosched()
	}
	done := make(chan struct{})
	onLoop(t, s, func(w *Worker) {
		assert.True(t, w.Leads(), "nobody leads the loop")
		close(done)
	})
	<-done
	assert.Equal(t, s.pool.away.Load(), int64(0))
}

// However often, and whenever, the loop is taken from work, each source is served
// as often as it asked for, by one goroutine at a time.
func TestTakeOverAnywhere(t *testing.T) {
	t.Parallel()
	s := newSet(t, Options{Loops: 1, Watch: -1})
	const sources, rounds = 8, 2000
	var left sync.WaitGroup
	left.Add(sources)
	over, taker := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(taker)
		l := s.loops[0]
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			default:
			}
			if word := l.word.Load(); word&1 == 1 && n%8 == 0 && l.word.CompareAndSwap(word, word+1) {
				s.pool.takeOver(l, word+1)
			}
		}
	}()
	for range sources {
		src := &restless{left: rounds, done: left.Done}
		src.peer = pair(t, s, &src.Conn, src)
		s.Serve(src)
	}
	left.Wait()
	close(over)
	<-taker
}

// restless has itself served again, by way of the loop's events and of its queue.
type restless struct {
	Conn
	peer int
	busy atomic.Bool
	left int
	done func()
}

func (r *restless) HungUp()    {}
func (r *restless) TakenOver() {}

func (r *restless) Serve(w *Worker) {
	if r.busy.Swap(true) {
		panic("served by two goroutines at once")
	}
	r.left--
	switch {
	case r.left == 0:
		r.Close()
		_ = unix.Close(r.peer)
		r.done()
		return
	case r.left%3 > 0:
		r.busy.Store(false)
		w.Again(r)
		return
	}
	var buf [8]byte
	_, _ = r.Read(buf[:])
	w.Step()
	r.busy.Store(false)
	_, _ = unix.Write(r.peer, []byte{1}) // an event, before or after it is released
	if !r.Release(false) {
		w.Again(r)
	}
}
