package engine

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/exchange"
)

// errWouldBlock says that nothing can be read, or written, now. crypto/tls keeps
// its state over errors that are Temporary.
var errWouldBlock error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "engine: the socket has nothing now" }
func (wouldBlock) Timeout() bool   { return false }
func (wouldBlock) Temporary() bool { return true }

// recv reads what is there.
func (c *conn) recv(p []byte) (int, error) {
	if c.tls != nil {
		return c.tls.recv(p)
	}
	n, errno := c.Conn.Read(p)
	switch {
	case errno == unix.EAGAIN:
		return 0, errWouldBlock
	case errno != 0:
		return 0, readError(errno)
	case n == 0:
		return 0, io.EOF
	}
	// An end of input that is behind these bytes was announced with them.
	c.turn.drained = n < len(p) && !c.HasHungUp()
	c.n.counts[c.Loop()].read.Add(uint64(n))
	return n, nil
}

// Buffered implements exchange.Wire, as do the methods below.
func (c *conn) Buffered() []byte { return c.turn.input() }

func (c *conn) Discard(n int) { c.turn.r += n }

func (c *conn) Unfilled() bool { return c.turn.failed == nil }

func (c *conn) Fill() error {
	t := c.turn
	if t.failed != nil {
		return t.failed
	}
	for {
		n, err := c.recv(t.room())
		t.e += n
		if n > 0 {
			t.waitsIn.bytes += int64(n)
			return nil
		}
		if err == errWouldBlock {
			err = c.awaitInput()
		}
		if err != nil {
			t.failed = err
			return err
		}
	}
}

// awaitInput sleeps until input comes, away from the loop.
func (c *conn) awaitInput() error {
	c.leaveLoop()
	if c.outMu.TryLock() { // else somebody is sending
		_ = c.sendSome()
		c.outMu.Unlock()
	}
	began := time.Now()
	by, limit := c.bodyDeadline(began)
	c.n.away.sleeps(c, 1)
	err := c.WaitIn(earlier(by, c.readBy.Load()))
	c.n.away.sleeps(c, -1)
	c.turn.waitsIn.time += time.Since(began)
	switch {
	case c.cutOff.Load():
		return net.ErrClosed
	case err == nil:
		return nil
	case passed(c.readBy.Load()):
		return os.ErrDeadlineExceeded
	case !by.IsZero() && !time.Now().Before(by):
		c.n.refused.add(limit)
		return os.ErrDeadlineExceeded
	}
	return nil // the deadline was moved on
}

// leaveLoop lets others lead the loop, since what comes may block.
func (c *conn) leaveLoop() {
	c.turn.lease.GiveUp()
	// Also when the watch was quicker: it may not have told yet.
	if x := c.cur.Load(); x != nil {
		c.n.away.add(c, x, false)
	}
	// Waiting has timers of its own, which each kick would start again.
	c.SetDeadline(0)
}

func (c *conn) Write(p []byte) (int, error) {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	t := c.turn
	if t.err != nil {
		return 0, t.err
	}
	if !t.began {
		t.began, t.mark, t.marked = true, len(t.out), t.flushes
	}
	if len(t.out)+len(p) <= outSize {
		t.out = append(t.out, p...)
		return len(p), nil
	}
	if err := c.sendAll(); err != nil {
		return 0, err
	}
	for rest := p; len(rest) > 0; {
		n := min(len(rest), outSize)
		if c.tls == nil && len(rest) > outSize {
			n = len(rest)
			if err := c.sendDirect(rest); err != nil {
				return 0, err
			}
		} else {
			t.out = append(t.out, rest[:n]...)
			if n == outSize {
				if err := c.sendAll(); err != nil {
					return 0, err
				}
			}
		}
		rest = rest[n:]
	}
	return len(p), nil
}

func (c *conn) Flush() error {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	if c.turn.err != nil {
		return c.turn.err
	}
	return c.sendAll()
}

// maxSendFile is how much one call may send, so that deadlines are looked at.
const maxSendFile = 4 << 20

func (c *conn) SendFile(f *os.File, n int64) (sent int64, err error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || c.tls != nil {
		return 0, exchange.ErrNoSendFile
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, exchange.ErrNoSendFile
	}
	c.outMu.Lock()
	defer c.outMu.Unlock()
	if c.turn.err != nil {
		return 0, c.turn.err
	}
	if err := c.sendAll(); err != nil {
		return 0, err
	}
	for sent < n {
		k, err := c.Conn.SendFile(raw, int(min(n-sent, maxSendFile)))
		sent += int64(k)
		c.wrote(k)
		switch {
		case k > 0:
		case err == nil:
			return sent, nil // the end of the file
		case errors.Is(err, unix.EAGAIN):
			if err := c.awaitRoom(); err != nil {
				return sent, err
			}
		case sent == 0 && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS)):
			return 0, exchange.ErrNoSendFile
		default:
			c.turn.err = err
			return sent, err
		}
	}
	return sent, nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.readBy.Store(nanos(t))
	c.own.Or(ownIn)
	c.Poke()
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.writeBy.Store(nanos(t))
	c.own.Or(ownOut)
	c.Poke()
	return nil
}

// Hijack gives the connection away. Its handler mostly goes on for long.
func (c *conn) Hijack() (net.Conn, error) {
	c.leaveLoop()
	if err := c.Flush(); err != nil {
		return nil, err
	}
	c.clearDeadlines()
	n := c.n
	n.detach(1)
	conn, err := c.takeOut()
	if err != nil {
		n.detach(-1)
		return nil, err
	}
	c.tell(http.StateHijacked)
	return conn, nil
}

// unsent returns the bytes that the socket has not taken. outMu is held.
func (c *conn) unsent() []byte {
	t := c.turn
	if c.tls != nil {
		return c.tls.unsent(t)
	}
	return t.out[t.sent:]
}

// took notes that the socket has taken n of those bytes. outMu is held.
func (c *conn) took(n int) {
	if c.tls != nil {
		c.tls.took(n)
		return
	}
	c.turn.sent += n
}

// sendSome sends what the socket takes. It returns errWouldBlock when something
// is left. outMu is held.
func (c *conn) sendSome() error {
	t := c.turn
	for p := c.unsent(); len(p) > 0; p = c.unsent() {
		if t.err != nil {
			return t.err
		}
		n, errno := c.Conn.Write(p)
		c.took(n)
		t.flushes++
		c.wrote(n)
		if errno == unix.EAGAIN {
			return errWouldBlock
		}
		if errno != 0 {
			t.err = c.writeError(errno)
			return t.err
		}
	}
	t.sent, t.out = 0, t.out[:0]
	return t.err
}

// sendAll sends everything, and sleeps while the peer does not take it. outMu is
// held.
func (c *conn) sendAll() error {
	for {
		if passed(c.writeBy.Load()) {
			c.turn.err = os.ErrDeadlineExceeded
			return c.turn.err
		}
		err := c.sendSome()
		if err != errWouldBlock {
			return err
		}
		if err := c.awaitRoom(); err != nil {
			return err
		}
	}
}

// sendDirect sends p, which is too large to be copied, after all that came
// before it. outMu is held.
func (c *conn) sendDirect(p []byte) error {
	for len(p) > 0 {
		n, errno := c.Conn.Write(p)
		p = p[n:]
		c.wrote(n)
		c.turn.flushes++
		switch {
		case errno == unix.EAGAIN:
			if err := c.awaitRoom(); err != nil {
				return err
			}
		case errno != 0:
			c.turn.err = c.writeError(errno)
			return c.turn.err
		}
	}
	return nil
}

// awaitRoom sleeps until the socket takes more, away from the loop. An error is
// kept: what was half sent cannot be mended.
func (c *conn) awaitRoom() error {
	c.leaveLoop()
	began, queue := time.Now(), c.Unacked()
	by, limit := c.stallDeadline(began)
	c.n.away.sleeps(c, 1)
	err := c.WaitOut(earlier(by, c.writeBy.Load()))
	c.n.away.sleeps(c, -1)
	// The kernel tells of room only when there is much of it.
	taken := max(queue-c.Unacked(), 0)
	c.turn.waitsOut.time += time.Since(began)
	c.turn.waitsOut.bytes += int64(taken)
	switch {
	case c.cutOff.Load():
		err = net.ErrClosed
	case err == nil:
	case passed(c.writeBy.Load()):
	case !by.IsZero() && !time.Now().Before(by) && (taken == 0 || c.tooSlow()):
		c.n.refused.add(limit)
	default:
		err = nil // the deadline was moved on, or the peer has taken something
	}
	if err != nil {
		c.turn.err = err
	}
	return err
}

func readError(errno syscall.Errno) error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", errno)}
}

func (c *conn) writeError(errno syscall.Errno) error {
	return &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", errno)}
}

func (c *conn) wrote(n int) {
	if n > 0 {
		c.n.counts[c.Loop()].written.Add(uint64(n))
	}
}

// drop forgets what an exchange has written that is not sent: a part of a
// response must not be taken for the whole.
func (c *conn) drop() {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	if t := c.turn; t.began && t.flushes == t.marked {
		t.out = t.out[:t.mark]
	}
}

// flushed sends the output of this turn. When the socket does not take it all,
// c is given up until it does, and flushed returns false.
func (c *conn) flushed() bool {
	c.outMu.Lock()
	err := c.sendSome()
	left := len(c.turn.out)
	if c.tls != nil {
		left += len(c.tls.records())
	}
	c.outMu.Unlock()
	switch {
	case err == nil:
		return true
	case err != errWouldBlock:
		c.close()
		return false
	}
	c.beginOwing(left)
	return c.owe()
}

// owe waits for room with nobody serving. It reports whether all was sent after
// all, and c is still the caller's.
func (c *conn) owe() bool {
	t := c.turn
	for {
		c.phase.Store(phaseFlushing)
		c.detach()
		if c.Release(true) {
			return false
		}
		c.retake(t)
		if done, mine := c.sendOwed(); !mine || done {
			return mine
		}
	}
}

// flushOwed goes on with output that waited for room. It reports whether all is
// sent and c is still the caller's.
func (c *conn) flushOwed() bool {
	done, mine := c.sendOwed()
	switch {
	case !mine:
		return false
	case !done:
		if c.Expired(c.n.set.Now()) && !c.owesOn() {
			return false
		}
		if !c.owe() {
			return false
		}
	}
	if c.ending != endNone {
		c.farewell()
		return false
	}
	return true
}

// sendOwed reports whether all is sent, and whether c is still the caller's.
func (c *conn) sendOwed() (done, mine bool) {
	for c.kept != nil && len(c.kept.owed) > 0 {
		n, errno := c.Conn.Write(c.kept.owed)
		c.kept.owed = c.kept.owed[n:]
		c.wrote(n)
		if n > 0 {
			c.setOwing()
		}
		if errno == unix.EAGAIN {
			return false, true
		}
		if errno != 0 {
			c.close()
			return false, false
		}
	}
	c.kept, c.headBy = nil, 0
	c.SetDeadline(0) // that was the time of the output
	c.phase.Store(phaseReading)
	return true, true
}
