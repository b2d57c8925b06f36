package engine

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"unique"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/connlimit"
	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/loop"
	"github.com/galeweb/gale/internal/upgrade"
)

// conn is one connection. It belongs to the goroutine that owns the loop.Conn,
// but for the fields that say otherwise. While it waits for a request it holds
// no buffer.
type conn struct {
	loop.Conn
	n      *native
	from   *origin
	remote string
	tls    *tlsConn // nil on a plain connection

	cur    atomic.Pointer[exchange.Exchange] // being served; read by any goroutine
	phase  atomic.Uint32                     // read by any goroutine
	worker atomic.Uint32                     // that serves cur, or the protocol; read by any goroutine
	cutOff atomic.Bool                       // to be closed; set by any goroutine
	own    atomic.Uint32                     // ownIn, ownOut; set by any goroutine
	cause  atomic.Pointer[error]             // why it was cut off first

	turn  *turn      // while it is served
	outMu sync.Mutex // guards the turn's output, and writing to the socket
	kept  *kept      // while nobody serves; nil when there is nothing

	protocol upgrade.Protocol // that the connection was given to
	asked    unique.Handle[asked]

	// The deadlines that the handler has set, in Unix nanoseconds; 0 for none.
	// Set by any goroutine.
	readBy, writeBy atomic.Int64

	headBy   int64 // when the head that has begun must be complete, or what is owed be sent; 0: never
	queue    int32 // bytes that the peer had not acknowledged when the time of what is owed began
	ending   ending
	greeted  bool // a request has come
	halfShut bool // the protocol sends nothing more
}

// origin is where connections come from, and the context of their requests.
type origin struct {
	ln  *listener
	ctx context.Context
}

// The phases of a connection between two turns.
const (
	phaseReading   uint32 = iota // waits for a request, or the rest of its head
	phaseHandshake               // of TLS
	phaseResumed                 // an exchange was handed to a worker
	phaseFlushing                // output waits for room
	phaseLingering               // the last response is out; input is thrown away
	phaseUpgraded                // it is a protocol's
	phaseCalled                  // so it is, and that may be calling the application
	phaseGone
)

// ending is how a connection ends once its output is flushed.
type ending uint8

const (
	endNone   ending = iota
	endClose         // close it
	endLinger        // input may come that must not reset the connection yet
	endAbort         // close it without a farewell
)

// open readies a new connection, which is its caller's and in a loop already:
// hooks may ask it for its addresses, and close it.
func (c *conn) open() {
	s := c.n.s
	if c.tls != nil {
		c.phase.Store(phaseHandshake)
	}
	if s.ConnContext != nil {
		c.from = &origin{c.from.ln, s.ConnContext(c.from.ctx, c.facade())}
	}
	c.tell(http.StateNew)
	if d := s.headerTimeout(); d > 0 {
		c.headBy = c.n.set.Now() + int64(d)
		c.SetDeadline(c.headBy)
	}
}

// close ends the connection. Only its owner may call it.
func (c *conn) close() {
	c.outMu.Lock()
	c.Conn.Close()
	c.endTurn()
	c.outMu.Unlock()
	if c.cur.Swap(nil) != nil { // cut before a worker came to it
		c.n.away.remove(c)
	}
	if c.phase.Swap(phaseGone) != phaseGone {
		// Deferred, since a hook may end the goroutine.
		defer c.n.end(&c.n.live)
		defer c.giveBack()
		c.tell(http.StateClosed)
	}
}

// unused is called before a connection is closed because nothing runs on it.
func (c *conn) unused() {
	if c.n.draining.Load() && c.cur.Load() == nil {
		c.n.s.drained.idle.Add(1)
	}
}

// endTurn parts the connection from its turn, if it has one. outMu is held.
func (c *conn) endTurn() {
	if c.turn != nil {
		c.tls.repay(c.turn)
		c.turn = nil
	}
}

// takeOut takes the connection out of the loop. It gives its place in the limits
// back when it is closed. After an error nothing has changed.
func (c *conn) takeOut() (net.Conn, error) {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	raw, err := c.Conn.Detach()
	if err != nil {
		return nil, err
	}
	c.n.hijacked.Add(1)
	raw = connlimit.Counted(raw, func() {
		c.n.hijacked.Add(-1)
		c.giveBack()
	})
	if c.tls != nil {
		// Who takes the connection finds out when this fails.
		_ = c.tls.goOn(raw)
		raw = c.tls.conn
	}
	c.endTurn()
	c.phase.Store(phaseGone)
	c.n.end(&c.n.live)
	return raw, nil
}

// giveBack gives the connection's place in the limits back.
func (c *conn) giveBack() {
	var key netip.Prefix
	if ap, err := netip.ParseAddrPort(c.remote); err == nil {
		key = connlimit.KeyOf(ap.Addr())
	}
	c.n.s.limits.Give(key)
}

// cut has the connection closed at once, whatever it does. Any goroutine may
// call it.
func (c *conn) cut(cause error) {
	cause = cmp.Or(cause, net.ErrClosed)
	c.cause.CompareAndSwap(nil, &cause)
	again := c.cutOff.Swap(true)
	if x := c.cur.Load(); x != nil {
		if !again && c.n.draining.Load() {
			c.n.s.drained.cut.Add(1)
		}
		x.Cancel(cause)
	}
	c.Shutdown(unix.SHUT_RDWR)
	c.Kick()
}

// isUpgraded reports whether the connection is a protocol's. Any goroutine may
// call it.
func (c *conn) isUpgraded() bool {
	phase := c.phase.Load()
	return phase == phaseUpgraded || phase == phaseCalled
}

// HungUp implements loop.Source.
func (c *conn) HungUp() {
	x := c.cur.Load()
	if x == nil {
		return
	}
	broken := c.Broken()
	if !broken && x.BodyRead() && c.Unread() > c.farewellSize() {
		x.Pipelined()
	}
	x.PeerGone(errPeerGone, broken)
}

// farewellSize is how much a client may have sent last that is no request: with
// TLS, the record that says goodbye, of 24 to 41 bytes; a request has more.
func (c *conn) farewellSize() int {
	if c.tls != nil {
		return 48
	}
	return 0
}

// TakenOver implements loop.Source. The responses before the one that takes so
// long must not wait for it.
func (c *conn) TakenOver() {
	// Who holds the lock is sending, or about to end the turn.
	if c.outMu.TryLock() {
		if c.turn != nil && !c.isUpgraded() {
			_ = c.sendSome()
		}
		c.outMu.Unlock()
	}
	if x := c.cur.Load(); x != nil || c.isUpgraded() {
		c.n.away.add(c, x, true)
	}
}
