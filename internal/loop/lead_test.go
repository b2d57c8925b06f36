//go:build linux

package loop

import (
	"net"
	"runtime"
	"sync"
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
