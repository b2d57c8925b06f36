//go:build linux

package loop

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/assert"
)

// echo sends back what comes. A line that holds "block" waits for gate, "sleep"
// sleeps away from the loop, "exit" ends the goroutine.
type echo struct {
	Conn
	gate chan struct{}
	hung chan struct{}
	once sync.Once
}

func (e *echo) HungUp() { e.once.Do(func() { close(e.hung) }) }

func (e *echo) TakenOver() {}

func (e *echo) Serve(w *Worker) {
	buf := make([]byte, 4096)
	for {
		n, errno := e.Read(buf)
		switch {
		case errno == syscall.EAGAIN:
			if e.Release(false) {
				return
			}
			continue
		case errno != 0 || n == 0:
			e.Close()
			return
		}
		switch {
		case bytes.Contains(buf[:n], []byte("block")):
			<-e.gate
		case bytes.Contains(buf[:n], []byte("away")):
			w.GiveUp()
			<-e.gate
		}
		for out := buf[:n]; len(out) > 0; {
			n, errno := e.Write(out)
			out = out[n:]
			if errno == syscall.EAGAIN {
				w.GiveUp()
				if err := e.WaitOut(time.Now().Add(5 * time.Second)); err != nil {
					e.Close()
					return
				}
			} else if errno != 0 {
				e.Close()
				return
			}
		}
		w.Step()
	}
}

type server struct {
	set  *Set
	addr string
	gate chan struct{}

	mu    sync.Mutex
	conns []*echo
}

func serve(t *testing.T, o Options) *server {
	t.Helper()
	set, err := New(o)
	assert.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	s := &server{set: set, addr: l.Addr().String(), gate: make(chan struct{})}
	a, err := set.Listen(l.(*net.TCPListener), func(w *Worker, fd int, _ unix.Sockaddr) {
		e := &echo{gate: s.gate, hung: make(chan struct{})}
		s.mu.Lock()
		s.conns = append(s.conns, e)
		s.mu.Unlock()
		if err := set.Add(&e.Conn, fd, e); err != nil {
			t.Error(err)
		} else if !e.Release(false) {
			w.Again(e)
		}
	}, func(err error) { t.Error(err) })
	assert.NoError(t, err)
	t.Cleanup(func() {
		a.Close()
		_ = l.Close()
		set.Conns(func(c *Conn) { c.Shutdown(unix.SHUT_RDWR) })
		for set.Open() > 0 {
			time.Sleep(time.Millisecond) // the owners close; there is nobody to tell when
		}
		assert.NoError(t, set.Stop())
	})
	return s
}

func dial(t *testing.T, s *server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	assert.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

func say(t *testing.T, c net.Conn, s string) {
	t.Helper()
	_, err := io.WriteString(c, s)
	assert.NoError(t, err)
	hear(t, c, s)
}

func hear(t *testing.T, c net.Conn, s string) {
	t.Helper()
	got := make([]byte, len(s))
	_, err := io.ReadFull(c, got)
	assert.NoError(t, err)
	assert.Equal(t, string(got), s)
}

func TestEcho(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	var wg sync.WaitGroup
	for i := range 50 {
		c := dial(t, s)
		wg.Go(func() {
			for j := range 100 {
				say(t, c, fmt.Sprintf("hello %d %d", i, j))
			}
		})
	}
	wg.Wait()
}

func TestWorkThatBlocksStallsNobody(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"block", "away"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			s := serve(t, Options{Loops: 1})
			slow, quick := dial(t, s), dial(t, s)
			for range 3 {
				_, err := io.WriteString(slow, word)
				assert.NoError(t, err)
				say(t, quick, "quick")
				say(t, quick, "again")
				s.gate <- struct{}{}
				hear(t, slow, word)
			}
		})
	}
}

func TestWithoutWatchWorkStallsItsLoop(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Loops: 1, Watch: -1})
	slow, quick := dial(t, s), dial(t, s)
	say(t, quick, "there")
	_, err := io.WriteString(slow, "block")
	assert.NoError(t, err)
	_, err = io.WriteString(quick, "quick")
	assert.NoError(t, err)
	s.gate <- struct{}{}
	hear(t, slow, "block")
	hear(t, quick, "quick")
	assert.Equal(t, s.set.Takeovers(), uint64(0))
}

func TestOwnerHearsOfTheHangUp(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Loops: 1})
	c := dial(t, s)
	say(t, c, "x")
	_, err := io.WriteString(c, "block")
	assert.NoError(t, err)
	for s.set.Takeovers() == 0 {
		time.Sleep(time.Millisecond)
	}
	_ = c.Close()
	s.mu.Lock()
	e := s.conns[0]
	s.mu.Unlock()
	select {
	case <-e.hung:
	case <-time.After(10 * time.Second):
		t.Error("nobody told the owner")
	}
	s.gate <- struct{}{}
}

func TestBigWritesWaitForRoom(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Loops: 1})
	c, quick := dial(t, s), dial(t, s)
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	go func() { _, _ = c.Write(big) }()
	say(t, quick, "quick")
	got := make([]byte, len(big))
	_, err := io.ReadFull(c, got)
	assert.NoError(t, err)
	assert.True(t, bytes.Equal(got, big), "other bytes came back")
}
