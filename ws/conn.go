package ws

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"

	"github.com/galeweb/gale/internal/upgrade"
	"github.com/galeweb/gale/internal/wsframe"
)

// Conn is one connection. Its methods may be called from any goroutine and from
// callbacks; none blocks, save those of goroutine mode.
//
// On the engine there is one of these for each idle connection and nothing else
// of this package, so every field counts (TestConnSize).
type Conn struct {
	h          *Handler
	sock       upgrade.Socket
	values     context.Context // whose values Context has
	history    *history        // what either side remembers of compressed messages; mostly nil
	prev, next *Conn           // in the Handler's list, under its lock

	// parser is the receiver's, and nil unless a message is under way.
	parser *wsframe.Parser

	mu        sync.Mutex
	data      any
	life      *life   // made when somebody asks, and for the end
	first     string  // the frame, or the rest of it, that goes out next
	more      *outbox // what goes out besides; mostly nil
	lastHeard int64   // when the peer gave a sign of life, on the clock of sock
	awaited   int64   // when a pong, or the end of a closing connection, is overdue; 0 for none
	stalled   int64   // since when the socket has taken nothing; 0 when nothing is being written
	onWire    uint16  // messages among what the last Output gave
	flags     flags
	state     state

	// What follows never changes.
	kind        kind
	jitter      uint8 // by how many of 2,560 parts pings come earlier
	subprotocol uint8 // index in Handler.Subprotocols, plus 1
}

type state uint8

const (
	stateOpen    state = iota
	stateClosing       // a close frame is queued or sent, or the connection is broken
	stateClosed        // the socket has gone
)

// kind is what a connection is. The lowest bits say how far back, as a power of
// 2, the peer's inflater reaches.
type kind uint8

const (
	windowBits kind = 0x0f
	client     kind = 0x10
	deflated   kind = 0x20 // permessage-deflate was agreed on
)

// flags are what is so at the moment, under Conn.mu.
type flags uint16

const (
	opened     flags = 1 << iota // Open has returned
	openOK                       // without an error
	over                         // the last callback has returned
	peerClosed                   // the peer's close frame has come
	broken                       // the peer breached the protocol; its bytes are ignored
	refused                      // ErrQueueFull was returned: Writable is owed
	pingDue                      // a ping is to be sent
	pingSent                     // it went out, and Due must note when
	cut                          // first is the rest of a frame, which nothing may interrupt
	writing                      // the last Output gave something
	progress                     // Output was asked again, so all before was taken
	heard                        // bytes came
	busy                         // nobody reads, since a callback runs
	roomy                        // input is handled, and the queue had room when it came
	streaming                    // a message is under way that is sent piece by piece
)

// life is what a connection needs only when somebody asks for it, or ends it.
type life struct {
	ctx    context.Context // cancelled by the end
	cancel context.CancelCauseFunc
	lent   bool  // others may wait for the end of ctx
	brief  int32 // how many of brief.WithTimeout are derived from it
	done   chan struct{}
	cause  error // of the end
}

func newConn(h *Handler, values context.Context, k kind) *Conn {
	return &Conn{h: h, values: values, kind: k | maxWindow, flags: heard, jitter: uint8(rand.Uint32())}
}

// Subprotocol returns the subprotocol agreed on, or "".
func (c *Conn) Subprotocol() string {
	if c.subprotocol == 0 {
		return ""
	}
	return c.h.Subprotocols[c.subprotocol-1]
}

// RemoteAddr returns the peer's network address, which may be a proxy's.
func (c *Conn) RemoteAddr() net.Addr { return c.sock.RemoteAddr() }

// SetData keeps v with the connection, for [Conn.Data].
func (c *Conn) SetData(v any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data = v
}

// Data returns what [Conn.SetData] has kept, or nil.
func (c *Conn) Data() any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.data
}

// Done is closed when the connection is over and its last callback returned.
func (c *Conn) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.alive()
	if l.done == nil {
		l.done = make(chan struct{})
		if c.flags&over != 0 {
			close(l.done)
		}
	}
	return l.done
}

// alive returns the life, which it makes when there is none. It is called under
// mu.
func (c *Conn) alive() *life {
	if c.life == nil {
		c.life = &life{}
	}
	return c.life
}

// Send queues m, whose Data it copies. It returns [ErrQueueFull] or
// [ErrClosed], or an error for text that is not UTF-8. Messages arrive in the
// order of the calls.
func (c *Conn) Send(m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	if c.deflates(len(m.Data)) {
		return c.sendDeflated(m.op(), m.Data)
	}
	return c.send(wsframe.Frame{Op: m.op(), Last: true, Payload: m.Data})
}

// SendText queues a text message, like [Conn.Send].
func (c *Conn) SendText(s string) error { return c.Send(Message{Data: []byte(s)}) }

// SendBinary queues a binary message, like [Conn.Send].
func (c *Conn) SendBinary(b []byte) error { return c.Send(Message{Binary: true, Data: b}) }

// SendPrepared queues a message that other connections share.
func (c *Conn) SendPrepared(p *Prepared) error {
	if c.kind&client != 0 {
		return c.Send(Message{Binary: p.binary, Data: []byte(p.payload())})
	}
	if c.deflates(len(p.payload())) {
		return c.sendPreparedDeflated(p)
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
