package engine

import (
	"crypto/tls"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/tlsrecord"
)

// tlsConn is the TLS side of a connection. crypto/tls runs on a transport that
// never blocks: reads fail with errWouldBlock, over which a tls.Conn keeps its
// state once its handshake is done, and what it writes is gathered, since it
// could not go on after half a write.
type tlsConn struct {
	transport
	conn  *tls.Conn
	facts *tls.ConnectionState // once the handshake is done
}

// connTLS is a connection with its TLS side in one block of memory: a size that
// nothing else has, so that the blocks of idle connections lie side by side, not
// one by one amid what handshakes leave behind.
type connTLS struct {
	conn
	side tlsConn
}

// newConn returns an empty connection, with its TLS side where there is one.
func (ln *listener) newConn() *conn {
	if ln.tls == nil {
		return &conn{}
	}
	both := &connTLS{}
	c, t := &both.conn, &both.side
	c.tls, t.c = t, c
	t.conn = tls.Server(&t.transport, ln.tls)
	return c
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
		return n, nil // an error comes again
	}
	return 0, err
}

// halfway reports whether a part of a record has come.
func (t *tlsConn) halfway() bool { return t != nil && t.frame.Halfway() }

// unsent returns records that the socket has not taken. The output is encrypted
// only once all before it has gone, so that who never reads cannot make the
// records pile up. The connection's outMu is held.
func (t *tlsConn) unsent(turn *turn) []byte {
	if p := t.records(); len(p) > 0 {
		return p
	}
	return t.encrypt(turn)
}

// encrypt turns the output into records and returns all that are unsent. The
// connection's outMu is held.
func (t *tlsConn) encrypt(turn *turn) []byte {
	if len(turn.out) > 0 && turn.err == nil {
		if _, err := t.conn.Write(turn.out); err != nil {
			turn.err = err
		}
		turn.out = turn.out[:0]
	}
	return t.records()
}

// bye tells the client that nothing more comes, so that it can tell the end from
// a cut.
func (c *conn) bye() {
	if c.tls == nil {
		return
	}
	_ = c.tls.conn.CloseWrite() // fails before the end of the handshake; alerts are left to send
	c.outMu.Lock()
	_ = c.sendSome() // the socket was empty: it takes these few bytes or none
	c.outMu.Unlock()
}

// handshake runs on a worker: its state does not survive a read that would
// block, so it needs a goroutine, of which there is a limited number. It reports
// whether c is still the caller's.
func (c *conn) handshake() bool {
	n, w := c.n, c.turn.w
	if !c.hello() {
		return false
	}
	if w.Leads() {
		w.Scratch = nil // the buffers go with the connection
		n.set.Serve(c)
		return false
	}
	if !n.handshakes.Enter(c) {
		n.refused.add("handshakes")
		c.close()
		return false
	}
	err := c.shakeHands()
	if err != nil {
		c.handshakeFailed(err)
		return false
	}
	c.headBy = 0
	if d := n.s.headerTimeout(); d > 0 {
		c.headBy = n.set.Now() + int64(d)
	}
	c.phase.Store(phaseReading)
	facts := c.tls.conn.ConnectionState()
	switch facts.NegotiatedProtocol {
	case "", "http/1.1", "http/1.0":
		c.tls.facts = &facts
		return true
	case "h2":
		c.handOver(nil)
	default: // such as acme-tls/1, which wants no more than the handshake
		c.leave()
	}
	return false
}

// hello returns true once the client's first record is there, and else gives c
// up until it is: a client that says nothing, or half of it, costs no goroutine.
func (c *conn) hello() bool {
	t := c.turn
	for {
		now := c.n.set.Now()
		c.hurry(now)
		if c.headBy != 0 && now >= c.headBy {
			c.n.refused.add("header_timeout")
			c.close()
			return false
		}
		if tlsrecord.Whole(t.input()) {
			return true
		}
		k, errno := c.Conn.Read(t.room())
		switch {
		case k > 0:
			t.e += k
			c.n.counts[c.Loop()].read.Add(uint64(k))
		case errno != unix.EAGAIN:
			c.close()
			return false
		default:
			c.SetDeadline(c.headBy)
			c.detach()
			if c.Release(false) {
				return false
			}
			c.retake(t)
		}
	}
}

// hurry gives a client that has asked nothing yet less time when the server
// shuts down.
func (c *conn) hurry(now int64) {
	if soon := now + int64(drainNew); c.n.draining.Load() && (c.headBy == 0 || soon < c.headBy) {
		c.headBy = soon
	}
}

func (c *conn) shakeHands() error {
	defer c.n.handshakes.Leave(c) // also when a hook of the configuration panics
	tr, t := &c.tls.transport, c.turn
	t.e = t.r + tlsrecord.SplitHello(t.in[t.r:], t.e-t.r)
	tr.blocking = true
	if c.headBy != 0 {
		left := time.Duration(c.headBy - c.n.set.Now())
		c.writeBy.Store(time.Now().Add(left).UnixNano())
	}
	err := c.tls.conn.HandshakeContext(c.from.ctx)
	c.writeBy.Store(0)
	tr.blocking = false
	return err
}

// handshakeFailed says so where that helps.
func (c *conn) handshakeFailed(err error) {
	if errors.Is(err, errCutHandshake) {
		c.close()
		return
	}
	c.turn.r, c.turn.e = 0, 0
	c.ending = endLinger // what the client has sent must not destroy the alert
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && looksLikeHTTP(record.RecordHeader) {
		c.n.bad.add("http_to_https")
		const text = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
		_, _ = c.tls.Write([]byte(text))
		c.farewell()
		return
	}
	c.n.bad.add("tls_handshake")
	c.n.log.Debug("engine: TLS handshake failed", "addr", c.remote, "err", err)
	c.farewell()
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

// leave closes the connection in good order.
func (c *conn) leave() {
	c.bye()
	c.close()
}
