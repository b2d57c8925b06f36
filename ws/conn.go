package ws

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/galeweb/gale/internal/wsframe"
)

type state uint8

const (
	stateOpen    state = iota
	stateClosing       // a close frame is queued or sent, or the connection broke
	stateClosed        // no writer may start any more
)

// Conn is one connection. Its methods may be called from any goroutine and
// from callbacks; none blocks.
type Conn struct {
	h           *Handler
	nc          net.Conn
	client      bool
	req         *http.Request
	subprotocol string
	ctx         context.Context
	cancel      context.CancelCauseFunc
	done        chan struct{}

	parser wsframe.Parser // of the reader

	incoming chan Message  // only without Handler.Message
	claimed  atomic.Bool   // Messages was called
	unwanted chan struct{} // closed when nobody will call Messages
	openDone chan struct{} // closed when Open has returned
	openOK   bool          // valid after openDone

	started  time.Time
	lastRead atomic.Int64 // since started
	busy     atomic.Bool  // a callback keeps the reader from reading

	writers sync.WaitGroup // at most one

	mu         sync.Mutex
	state      state
	cause      error
	out        outbox
	peerClosed bool // the peer's close frame has come
	closeSent  bool // ours has gone
	broken     bool // the peer breached the protocol; its bytes are ignored
	timer      *time.Timer
	pinged     time.Duration // since started; 0 when no answer is awaited
}

func newConn(ctx context.Context, h *Handler, nc net.Conn, r *http.Request, subprotocol string) *Conn {
	c := &Conn{
		h:           h,
		nc:          nc,
		subprotocol: subprotocol,
		done:        make(chan struct{}),
		openDone:    make(chan struct{}),
		parser:      wsframe.Parser{Masked: true, Limit: h.readLimit()},
		started:     time.Now(),
	}
	// The request's context ends with the handler; its values (session, user,
	// request id) are what callbacks want.
	c.ctx, c.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	c.req = r.Clone(c.ctx)
	c.req.Body = http.NoBody
	if h.Message == nil {
		c.incoming = make(chan Message)
		c.unwanted = make(chan struct{})
	}
	return c
}

// serve registers the connection, runs Open and sees that the reader runs:
// after Open when there are message callbacks, beside it when Open itself may
// range over Messages.
func (c *Conn) serve(early []byte) {
	c.h.add(c)
	if every := c.h.pingEvery(); every > 0 {
		c.mu.Lock()
		c.timer = time.AfterFunc(every, c.tick)
		c.mu.Unlock()
	}
	if c.h.Message == nil {
		go c.run(early) // ends with the connection; Drain waits for it
		c.open()
		return
	}
	c.open()
	go c.run(early)
}

func (c *Conn) open() {
	defer close(c.openDone)
	if c.h.Open != nil {
		if err := c.call(func() error { return c.h.Open(c) }); err != nil {
			c.refuse(err)
			return
		}
	}
	c.openOK = true
	if c.h.Message == nil && !c.client && !c.claimed.Load() {
		close(c.unwanted)
	}
}

// Context is cancelled when the connection begins to close or breaks; its
// cause is that of the end. It carries the values of the request's context.
func (c *Conn) Context() context.Context { return c.ctx }

// Request returns a copy of the request that was upgraded, without its body.
// It may be kept, and must not be changed.
func (c *Conn) Request() *http.Request { return c.req }

// Subprotocol returns the subprotocol agreed on, or "".
func (c *Conn) Subprotocol() string { return c.subprotocol }

// RemoteAddr returns the peer's network address, which may be a proxy's.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Done is closed when the connection is over and its last callback returned.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Send queues m, whose Data it copies. It returns [ErrQueueFull] or
// [ErrClosed], or an error for text that is not UTF-8. Messages arrive in the
// order of the calls.
func (c *Conn) Send(m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	return c.enqueue(encode(c.client, m.op(), m.Data))
}

// SendText queues a text message, like [Conn.Send].
func (c *Conn) SendText(s string) error { return c.Send(Message{Data: []byte(s)}) }

// SendBinary queues a binary message, like [Conn.Send].
func (c *Conn) SendBinary(b []byte) error { return c.Send(Message{Binary: true, Data: b}) }

// SendPrepared queues a message that other connections share.
func (c *Conn) SendPrepared(p *Prepared) error {
	if c.client {
		return c.enqueue(encode(true, p.op, p.payload))
	}
	return c.enqueue(p.frame)
}

// Close sends what is queued and then a close frame, waits up to 5 s for the
// peer's answer and closes the connection. It returns at once; see
// [Conn.Done]. A code that must not be sent (RFC 6455 section 7.4) becomes
// 1011; a reason over 123 bytes is cut. Only the first call counts.
func (c *Conn) Close(code int, reason string) {
	e := &CloseError{Code: code, Reason: reason}
	if !wsframe.ValidCode(code) {
		e.Code = CodeInternal
	}
	c.shut(*e, e)
}

// shut starts the close handshake, unless it has started.
func (c *Conn) shut(e CloseError, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shutLocked(e, cause)
}

func (c *Conn) shutLocked(e CloseError, cause error) {
	if c.state != stateOpen {
		return
	}
	c.state, c.cause = stateClosing, cause
	reason := e.Reason
	if !utf8.ValidString(reason) {
		reason = strings.ToValidUTF8(reason, "\uFFFD")
	}
	c.out.last = encode(c.client, wsframe.Close, wsframe.AppendClose(nil, e.Code, reason))
	c.startTimer(closeTimeout)
	c.cancel(cause)
	c.startWriter()
}

// fail ends the connection without a handshake: it is broken.
func (c *Conn) fail(cause error) {
	c.mu.Lock()
	if c.state == stateOpen {
		c.state, c.cause = stateClosing, cause
		c.cancel(cause)
	}
	c.mu.Unlock()
	c.hangUp()
}

// hangUp closes the socket, which ends the reader and the writer. It is never
// called under mu: closing TLS may write.
func (c *Conn) hangUp() { c.nc.Close() }

func (c *Conn) startTimer(d time.Duration) {
	if c.timer == nil {
		c.timer = time.AfterFunc(d, c.tick)
		return
	}
	c.timer.Reset(d)
}
