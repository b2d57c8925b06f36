package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/tlsrecord"
)

// transport is the socket under a tls.Conn: the loop's, or, once it has been
// taken out of the loop, the runtime's.
type transport struct {
	c        *conn
	blocking bool              // for the handshake
	frame    tlsrecord.Framing // of what was read
	out      net.Conn          // once taken out

	mu   sync.Mutex // guards what follows: reading, too, may write, to change keys
	enc  []byte     // records; while a turn lasts, in its buffer
	sent int        // how much of enc is gone
}

// mostRecords is how many bytes of records may wait when more are written. Our
// output stays far below it; answers to changes of keys pass it when a client
// asks for many and reads none.
const mostRecords = 64 << 10

var (
	errTooManyRecords = errors.New("engine: the client does not read what it asks for")
	errCutHandshake   = errors.New("engine: the handshake was cut")
)

// Read reads from the socket. It fails with errWouldBlock, but in a handshake.
func (t *transport) Read(p []byte) (int, error) {
	if t.out != nil {
		return t.out.Read(p)
	}
	n, err := t.read(p)
	for err == errWouldBlock && t.blocking {
		if err = t.await(); err == nil {
			n, err = t.read(p)
		}
	}
	t.frame.Pass(p[:n])
	return n, err
}

func (t *transport) read(p []byte) (int, error) {
	c := t.c
	if turn := c.turn; t.blocking && turn.r < turn.e { // came before the handshake began
		in := turn.input()
		n := copy(p, in[:t.frame.Rest(in)]) // one record, or else p would grow
		turn.r += n
		return n, nil
	}
	n, errno := c.Conn.Read(p)
	switch {
	case n > 0:
		c.n.counts[c.Loop()].read.Add(uint64(n))
		return n, nil
	case errno == 0:
		return 0, io.EOF
	case errno == unix.EAGAIN:
		return 0, errWouldBlock
	}
	return 0, readError(errno)
}

// await sends what the handshake has written and sleeps until there is more to
// read.
func (t *transport) await() error {
	c := t.c
	if err := c.Flush(); err != nil {
		return err
	}
	c.hurry(c.n.set.Now())
	if c.cutOff.Load() {
		return errCutHandshake
	}
	var by time.Time
	if c.headBy != 0 {
		by = time.Now().Add(time.Duration(c.headBy - c.n.set.Now()))
	}
	c.n.handshakes.Waits(c, true)
	err := c.WaitIn(by)
	c.n.handshakes.Waits(c, false)
	switch {
	case c.cutOff.Load():
		return errCutHandshake
	case err != nil:
		c.n.refused.add("header_timeout")
		return errors.Join(errCutHandshake, err)
	}
	return nil
}

// Write gathers records.
func (t *transport) Write(p []byte) (int, error) {
	if t.out != nil {
		return t.out.Write(p)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.enc)-t.sent > mostRecords {
		return 0, errTooManyRecords
	}
	t.enc = append(t.enc, p...)
	return len(p), nil
}

// records returns those that the socket has not taken.
func (t *transport) records() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.enc[t.sent:]
}

// owes reports whether there are any.
func (t *transport) owes() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent < len(t.enc)
}

// took notes that n bytes of records are gone.
func (t *transport) took(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent += n
	if t.sent == len(t.enc) {
		t.enc, t.sent = t.enc[:0], 0
	}
}

// borrow takes the turn's buffer for records.
func (t *tlsConn) borrow(turn *turn) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enc, turn.enc, t.sent = append(turn.enc[:0], t.enc[t.sent:]...), nil, 0
}

// repay returns it. All records in it are lost.
func (t *tlsConn) repay(turn *turn) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	turn.enc, t.enc, t.sent = t.enc[:0], nil, 0
}

// goOn has the transport work on conn, and sends what is left.
func (t *transport) goOn(conn net.Conn) error {
	t.out = conn
	if left := t.records(); len(left) > 0 {
		_, err := conn.Write(left)
		return err
	}
	return nil
}

// Close has the connection closed. crypto/tls calls it when the context of a
// handshake ends, and hooks may.
func (t *transport) Close() error {
	if t.out != nil {
		return t.out.Close()
	}
	t.c.cut(net.ErrClosed)
	return nil
}

func (t *transport) LocalAddr() net.Addr {
	if t.out != nil {
		return t.out.LocalAddr()
	}
	return t.c.LocalAddr()
}

func (t *transport) RemoteAddr() net.Addr {
	if t.out != nil {
		return t.out.RemoteAddr()
	}
	return t.c.peer()
}

func (t *transport) SetDeadline(at time.Time) error {
	return errors.Join(t.SetReadDeadline(at), t.SetWriteDeadline(at))
}

func (t *transport) SetReadDeadline(at time.Time) error {
	if t.out != nil {
		return t.out.SetReadDeadline(at)
	}
	return nil
}

func (t *transport) SetWriteDeadline(at time.Time) error {
	if t.out != nil {
		return t.out.SetWriteDeadline(at)
	}
	return nil
}

// HandedOver implements handover.Handed.
func (t *transport) HandedOver() (context.Context, net.Conn) { return t.c.from.ctx, t.c.facade() }
