package engine

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// tlsConn is the TLS side of a connection. crypto/tls runs on a transport that
// never blocks: reads fail with errWouldBlock, over which a tls.Conn keeps its
// state once its handshake is done, and what it writes is gathered, since it
// could not go on after half a write.
type tlsConn struct {
	conn  *tls.Conn
	tr    *transport
	facts *tls.ConnectionState // once the handshake is done

	mu  sync.Mutex // guards enc: reading, too, may write, to change keys
	enc []byte     // records that are not in the turn yet
}

func newTLS(c *conn, config *tls.Config) *tlsConn {
	t := &tlsConn{}
	t.tr = &transport{c: c, t: t}
	t.conn = tls.Server(t.tr, config)
	return t
}

func (t *tlsConn) state() *tls.ConnectionState {
	if t == nil {
		return nil
	}
	return t.facts
}

// recv reads what has been decrypted.
func (t *tlsConn) recv(p []byte) (int, error) {
	n, err := t.conn.Read(p)
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// encrypt turns the output into records. The connection's outMu is held.
func (t *tlsConn) encrypt(turn *turn) {
	t.mu.Lock()
	if t.enc == nil {
		t.enc, turn.spare = turn.spare, nil
	}
	t.mu.Unlock()
	if len(turn.out) > 0 && turn.err == nil {
		if _, err := t.conn.Write(turn.out); err != nil {
			turn.err = err
		}
		turn.out = turn.out[:0]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if turn.sent == len(turn.enc) {
		turn.enc, t.enc, turn.sent = t.enc, turn.enc[:0], 0
		return
	}
	turn.enc = append(turn.enc, t.enc...)
	t.enc = t.enc[:0]
}

// idle takes the buffer back when the connection's turn ends. outMu is held.
func (t *tlsConn) idle(turn *turn) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	turn.spare, t.enc = t.enc[:0], nil
}

// bye tells the client that nothing more comes, so that it can tell the end from
// a cut.
func (c *conn) bye() {
	if c.tls == nil {
		return
	}
	if err := c.tls.conn.CloseWrite(); err == nil {
		c.outMu.Lock()
		_ = c.sendSome() // the socket was empty: it takes these few bytes or none
		c.outMu.Unlock()
	}
}

// handshake runs on a worker: its state does not survive a read that would
// block, so it needs a goroutine, of which there is a limited number. It reports
// whether c is still the caller's.
func (c *conn) handshake() bool {
	n, w := c.n, c.turn.w
	switch {
	case c.headBy != 0 && n.set.Now() >= c.headBy:
		n.refused.add("header_timeout")
		c.close()
		return false
	case n.draining.Load():
		c.close()
		return false
	case w.Leads(): // the client has sent something
		c.detach()
		n.set.Serve(c)
		return false
	case !n.handshakes.enter():
		n.refused.add("handshakes")
		c.close()
		return false
	}
	err := c.shakeHands()
	n.handshakes.leave()
	if err != nil {
		c.handshakeFailed(err)
		return false
	}
	facts := c.tls.conn.ConnectionState()
	if facts.NegotiatedProtocol == "h2" {
		c.handOver()
		return false
	}
	c.tls.facts, c.headBy = &facts, 0
	c.phase.Store(phaseReading)
	return true
}

func (c *conn) shakeHands() error {
	tr := c.tls.tr
	tr.blocking = true
	err := c.tls.conn.HandshakeContext(c.ctx)
	tr.blocking = false
	return err
}

// handshakeFailed says so where that helps.
func (c *conn) handshakeFailed(err error) {
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && looksLikeHTTP(record.RecordHeader) {
		const text = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
		c.outMu.Lock()
		c.turn.enc, c.turn.sent = append(c.turn.enc[:0], text...), 0
		_ = c.sendSome()
		c.outMu.Unlock()
		c.n.bad.add("http_to_https")
		c.ending = endLinger
		c.farewell()
		return
	}
	c.n.bad.add("tls_handshake")
	c.n.log.Debug("engine: TLS handshake failed", "addr", c.remote, "err", err)
	c.outMu.Lock()
	_ = c.sendSome() // the alert
	c.outMu.Unlock()
	c.close()
}

// looksLikeHTTP reports whether the bytes that should have begun a TLS record
// begin a request.
func looksLikeHTTP(b [5]byte) bool {
	switch string(b[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH", "TRACE", "CONNE":
		return true
	}
	return false
}

// handOver gives a connection that speaks HTTP/2 to net/http.
func (c *conn) handOver() {
	if err := c.Flush(); err != nil {
		c.close()
		return
	}
	conn, err := c.takeOut()
	if err != nil {
		c.close()
		return
	}
	c.n.s.h2.deliver(conn)
}

// takeOut takes the connection out of the loop. It gives its place in the limits
// back when it is closed.
func (c *conn) takeOut() (net.Conn, error) {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	raw, err := c.Conn.Detach()
	if err != nil {
		return nil, err
	}
	c.turn = nil
	c.phase.Store(phaseGone)
	c.n.end()
	place := counted{release: sync.OnceFunc(c.giveBack)}
	if tcp, ok := raw.(*net.TCPConn); ok {
		raw = &countedTCP{tcp, place}
	} else {
		raw = &countedConn{raw, place}
	}
	if c.tls == nil {
		return raw, nil
	}
	c.tls.tr.out = raw
	return c.tls.conn, nil
}

// transport is the socket under a tls.Conn: the loop's, or, once it has been
// taken out of the loop, the runtime's.
type transport struct {
	c        *conn
	t        *tlsConn
	blocking bool     // for the handshake
	out      net.Conn // once taken out
}

func (t *transport) Read(p []byte) (int, error) {
	if t.out != nil {
		return t.out.Read(p)
	}
	for {
		n, errno := t.c.Conn.Read(p)
		switch {
		case n > 0:
			t.c.n.counts[t.c.Loop()].read.Add(uint64(n))
			return n, nil
		case errno == 0:
			return 0, io.EOF
		case errno != unix.EAGAIN:
			return 0, errno
		case !t.blocking:
			return 0, errWouldBlock
		}
		if err := t.await(); err != nil {
			return 0, err
		}
	}
}

// await sends what the handshake has written and sleeps until there is more to
// read.
func (t *transport) await() error {
	c := t.c
	if err := c.Flush(); err != nil {
		return err
	}
	if c.cutOff.Load() {
		return net.ErrClosed
	}
	var by time.Time
	if c.headBy != 0 {
		by = time.Now().Add(time.Duration(c.headBy - c.n.set.Now()))
	}
	return c.WaitIn(by)
}

func (t *transport) Write(p []byte) (int, error) {
	if t.out != nil {
		return t.out.Write(p)
	}
	t.t.mu.Lock()
	defer t.t.mu.Unlock()
	t.t.enc = append(t.t.enc, p...)
	return len(p), nil
}

func (t *transport) Close() error {
	if t.out != nil {
		return t.out.Close()
	}
	return nil // the owner of the connection closes it
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
