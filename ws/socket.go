package ws

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/galeweb/gale/internal/upgrade"
)

// readBytes is the buffer that a connection holds on net/http.
const readBytes = 4 << 10

// socket drives a Conn over a net.Conn: on net/http, for clients, and in
// goroutine mode. One goroutine reads, and another one runs while there is
// something to write, beside it.
type socket struct {
	c      *Conn
	nc     net.Conn
	start  time.Time // of the clock
	intake *intake   // in goroutine mode
	stream stream    // in goroutine mode

	writers sync.WaitGroup // at most one

	mu       sync.Mutex // below Conn.mu
	writer   writer
	stopped  bool  // no writer may start any more
	aborted  bool  // the connection is to end at once
	cause    error // of that
	shutHalf bool  // our half is shut
	timer    *time.Timer
	due      int64 // when the timer fires; 0 when it does not
}

// writer is what the writing goroutine is at.
type writer uint8

const (
	noWriter    writer = iota
	writerRuns         // and will look for output again
	writerWoken        // there is more than it may have seen
)

var _ upgrade.Socket = (*socket)(nil)

var errGoexit = errors.New("ws: callback has ended its goroutine")

func newSocket(c *Conn, nc net.Conn) *socket {
	s := &socket{c: c, nc: nc, start: time.Now()}
	c.sock = s
	if c.h.Message == nil {
		s.intake = newIntake(c)
	} else {
		c.flags |= busy // until Open has returned
	}
	return s
}

// serve registers the connection, runs Open and sees that the reader runs:
// after Open when there are message callbacks, beside it when Open itself may
// range over Messages.
func (s *socket) serve(r *http.Request, early []byte) {
	c := s.c
	accepted := c.h.add(c)
	s.timer = time.AfterFunc(time.Hour, s.tick)
	s.arm(c.due(s.Now()))
	if s.intake != nil {
		go s.run(early) // ends with the connection; Drain waits for it
	}
	if accepted {
		c.open(r)
	} else {
		c.turnAway()
	}
	if s.intake != nil {
		s.intake.opened()
		return
	}
	go s.run(early)
}

// run reads until the socket closes, then ends the connection.
func (s *socket) run(early []byte) {
	ended := errGoexit // stands when a callback has ended the goroutine
	defer func() { s.end(ended) }()
	s.feed(early)
	buf := make([]byte, readBytes)
	for {
		n, err := s.nc.Read(buf)
		if n > 0 {
			s.feed(buf[:n])
		}
		if err != nil {
			ended = err
			return
		}
	}
}

func (s *socket) feed(in []byte) {
	s.c.setBusy(true)
	s.c.receive(in)
	s.c.setBusy(false)
	s.arm(s.c.due(s.Now()))
}

// end stops the writer and ends the connection.
func (s *socket) end(err error) {
	if errors.Is(err, io.EOF) && (*protocol)(s.c).Ending() != upgrade.Open {
		// The peer may have shut its half behind its close frame, and still
		// read ours. The timer is there until then.
		s.writers.Wait()
	}
	s.mu.Lock()
	s.stopped = true
	s.timer.Stop()
	if s.aborted {
		err = s.cause
	}
	s.mu.Unlock()
	s.hangUp()
	s.writers.Wait()
	s.c.ended(err)
}

// hangUp closes the connection. It is never called under a lock: closing TLS
// writes, and may wait; that is spared a connection that is aborted.
func (s *socket) hangUp() {
	s.mu.Lock()
	aborted := s.aborted
	s.mu.Unlock()
	if inner, ok := s.nc.(interface{ NetConn() net.Conn }); ok && aborted {
		inner.NetConn().Close()
	}
	s.nc.Close()
}

// Wake implements upgrade.Socket.
func (s *socket) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
	case s.writer == noWriter:
		s.writer = writerRuns
		s.writers.Go(s.write)
	default:
		s.writer = writerWoken
	}
}

// write sends until nothing is left, and then does what the Conn wants next.
func (s *socket) write() {
	buf := s.c.h.buffer()
	defer s.c.h.putBuffer(buf)
	for {
		// Asked first: a close frame that is queued as the connection breaks, by
		// the reader, goes out before our half is shut.
		how := (*protocol)(s.c).Ending()
		out := s.c.output((*buf)[:0])
		s.arm(s.c.due(s.Now()))
		if len(out) > 0 {
			if _, err := s.nc.Write(out); err != nil {
				s.Abort(fmt.Errorf("write: %w", err))
				return
			}
			continue
		}
		if how == upgrade.Open && (*protocol)(s.c).Ending() != how {
			continue
		}
		switch how {
		case upgrade.EndClose:
			s.hangUp()
			return
		case upgrade.EndLinger:
			s.closeWrite()
		}
		if !s.woken() {
			return
		}
	}
}

// woken reports whether the writer must look again; if not, it is over.
func (s *socket) woken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := s.writer == writerWoken && !s.stopped
	s.writer = noWriter
	if again {
		s.writer = writerRuns
	}
	return again
}

func (s *socket) closeWrite() {
	s.mu.Lock()
	was := s.shutHalf
	s.shutHalf = true
	s.mu.Unlock()
	if was {
		return
	}
	if half, ok := s.nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite() // a failure shows at the reader
		return
	}
	s.hangUp()
}

// Abort implements upgrade.Socket.
func (s *socket) Abort(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aborted || s.stopped {
		return
	}
	s.aborted, s.cause = true, cause
	// A deadline in the past wakes who reads or writes, and unlike Close never
	// waits; the reader then closes.
	if err := s.nc.SetDeadline(time.Unix(1, 0)); err != nil {
		s.nc.Close()
	}
}

// Now implements upgrade.Socket.
func (s *socket) Now() int64 { return int64(time.Since(s.start)) + 1 }

// Step implements upgrade.Socket.
func (s *socket) Step() bool { return false }

// GiveUp implements upgrade.Socket.
func (s *socket) GiveUp() {}

// LocalAddr implements upgrade.Socket.
func (s *socket) LocalAddr() net.Addr { return s.nc.LocalAddr() }

// RemoteAddr implements upgrade.Socket.
func (s *socket) RemoteAddr() net.Addr { return s.nc.RemoteAddr() }

// tick calls due when it is time.
func (s *socket) tick() {
	s.mu.Lock()
	s.due = 0
	s.mu.Unlock()
	s.arm(s.c.due(s.Now()))
}

// arm sets the timer. One that fires too early is left as it is: setting it at
// each message would cost more than that.
func (s *socket) arm(next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if next == 0 || s.stopped || s.due != 0 && s.due <= next {
		return
	}
	s.due = next
	s.timer.Reset(time.Duration(next - s.Now()))
}
