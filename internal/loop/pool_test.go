//go:build linux

package loop

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/assert"
)

const childVar = "GALE_TEST_CHILD"

// child runs the test again in a process of its own, in which it may do what
// would disturb others. It reports whether this is that process.
func child(t *testing.T) bool {
	t.Helper()
	if os.Getenv(childVar) == t.Name() {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), childVar+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	return false
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	assert.NoError(t, err)
	return len(all)
}

// goodbye closes its connection when it is served.
type goodbye struct{ Conn }

func (g *goodbye) HungUp()       {}
func (g *goodbye) TakenOver()    {}
func (g *goodbye) Serve(*Worker) { g.Close() }

// Kicks for many connections at once do not take a goroutine for each.
func TestManyKicks(t *testing.T) {
	t.Parallel()
	s := newSet(t, Options{Loops: 2})
	const n = 1000
	var peers [n]int
	for i := range peers {
		g := &goodbye{}
		peers[i] = pair(t, s, &g.Conn, g)
		assert.True(t, g.Release(false), "there is news")
	}
	before := s.pool.ids.Load()
	s.Conns((*Conn).Kick)
	for s.Open() > 0 {
		runtime.Gosched()
	}
	if made := s.pool.ids.Load() - before; made > n/4 {
		t.Errorf("%d workers for %d kicks", made, n)
	}
	for _, fd := range peers {
		_ = unix.Close(fd)
	}
}

func idle(s *Set) []*Worker {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	return append([]*Worker(nil), s.pool.idle...)
}

// Workers are kept for a while, the last one to finish is used first, and those
// that nobody needs are let go.
func TestTrim(t *testing.T) {
	t.Parallel()
	s := newSet(t, Options{Loops: 1})
	gate, began := make(chan struct{}), make(chan *Worker)
	for range 3 {
		s.Serve(work(func(w *Worker) { began <- w; <-gate }))
	}
	for range 3 {
		<-began
	}
	for i := range 3 {
		gate <- struct{}{}
		for len(idle(s)) != i+1 {
			runtime.Gosched()
		}
	}
	all := idle(s)
	s.Serve(work(func(w *Worker) { began <- w }))
	assert.True(t, <-began == all[2], "not the worker that was idle for the least time")
	for len(idle(s)) != 3 {
		runtime.Gosched()
	}
	s.pool.trim(s.Now() + int64(idleWorker)/2)
	assert.Equal(t, len(idle(s)), 3)
	s.pool.mu.Lock()
	s.pool.idle[2].idle += int64(idleWorker)
	s.pool.mu.Unlock()
	s.pool.trim(s.Now() + int64(idleWorker) + int64(time.Second))
	left := idle(s)
	assert.Equal(t, len(left), 1)
	assert.True(t, left[0] == all[2], "not the one that was idle for the least time is left")
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	assert.True(t, s.pool.idle[:2][1] == nil, "what was let go is still held")
}

// What a set has opened and started is gone when Stop returns.
func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	if !child(t) {
		return
	}
	files, goroutines := openFiles(t), 0
	for round := range 3 {
		s, err := New(Options{Loops: 3})
		assert.NoError(t, err)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		assert.NoError(t, err)
		a, err := s.Listen(l.(*net.TCPListener), func(w *Worker, fd int, _ unix.Sockaddr) {
			g := &goodbye{}
			if s.Add(&g.Conn, fd, g) == nil && !g.Release(false) {
				w.Again(g)
			}
		}, func(err error) { t.Error(err) })
		assert.NoError(t, err)
		for range 10 {
			c, err := net.Dial("tcp", l.Addr().String())
			assert.NoError(t, err)
			s.Serve(work(func(*Worker) {}))
			_, err = c.Write([]byte("x"))
			assert.NoError(t, err)
			_, _ = c.Read(make([]byte, 1)) // until it is closed
			_ = c.Close()
		}
		a.Close()
		_ = l.Close()
		assert.NoError(t, s.Stop())
		if round == 0 { // the runtime's own poller is there from now on
			files, goroutines = openFiles(t), runtime.NumGoroutine()
		}
	}
	assert.Equal(t, openFiles(t), files)
	for runtime.NumGoroutine() > goroutines { // those that have ended, but for their last instructions
		runtime.Gosched()
	}
}
