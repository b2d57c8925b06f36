package ws

import (
	"errors"
	"runtime/debug"
	"time"

	"github.com/galeweb/gale/internal/wsframe"
	"github.com/galeweb/gale/obs"
)

// receive implements upgrade.Protocol.
func (c *Conn) receive(in []byte) {
	if !c.hear() {
		return
	}
	defer c.heardAll()
	p := c.parser
	if p == nil {
		p = c.newParser()
	}
	var t turn
	for len(in) > 0 {
		f, n, ok, err := p.Next(in)
		in = in[n:]
		if err != nil {
			c.parser = nil
			c.breach(err)
			return
		}
		if ok && !c.handle(f, &t) {
			c.parser = nil
			return
		}
	}
	c.parser = p
	if p.Idle() {
		c.parser = nil
		c.h.parsers.Put(p)
	}
}

// hear notes that bytes came, and reports whether they are to be looked at.
//
// They may hold thousands of messages, and nothing that is sent in answer goes
// out before the last of them is handled: a client that reads, and only writes
// quickly, must not be met by a full queue for that.
func (c *Conn) hear() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flags |= heard
	if count, _ := c.queued(); count < c.h.queueMessages() {
		c.flags |= roomy
	}
	return c.state != stateClosed && c.flags&(peerClosed|broken) == 0
}

func (c *Conn) heardAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flags &^= roomy
}

func (c *Conn) newParser() *wsframe.Parser {
	p, ok := c.h.parsers.Get().(*wsframe.Parser)
	if !ok {
		p = &wsframe.Parser{}
	}
	*p = wsframe.Parser{
		Masked: c.kind&client == 0, Deflate: c.kind&deflated != 0, Limit: c.h.readLimit(),
	}
	if c.h.Message == nil {
		p.Pieces, p.Limit = true, max(p.Limit, c.h.streamLimit())
	}
	return p
}

// handle does what f says; false means that nothing more is to be received.
func (c *Conn) handle(f wsframe.Frame, t *turn) bool {
	switch f.Op {
	case wsframe.Ping:
		c.pong(f.Payload)
	case wsframe.Pong: // a sign of life like any other byte
	case wsframe.Close:
		c.closedByPeer(f.Payload)
		return false
	default:
		if c.h.Message == nil {
			return c.take(f)
		}
		data := f.Payload
		if f.Compressed {
			var err error
			if data, err = c.inflate(f); err != nil {
				c.breach(err)
				return false
			}
		}
		c.deliver(Message{Binary: f.Op == wsframe.Binary, Data: data}, t)
	}
	return true
}

func (c *Conn) pong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == stateOpen {
		o := c.box()
		o.pong, o.ponged = string(payload), true
		c.sock.Wake()
	}
}

// turn is what is known of the goroutine while it receives.
type turn struct {
	asked bool
	leads bool // it leads a loop, which others wait for
}

// slowFor is for how many messages a Handler counts as slow after one was, and
// slowAfter is how long a slow one takes.
const (
	slowFor   = 1000
	slowAfter = 500 * time.Microsecond
)

// deliver gives m to Message, unless the connection is closing.
func (c *Conn) deliver(m Message, t *turn) {
	if c.Context().Err() != nil {
		return
	}
	if !t.asked {
		t.asked, t.leads = true, c.sock.Step()
	}
	slow := c.h.slow.Load() > 0
	if slow && t.leads {
		c.sock.GiveUp()
		t.leads = false
	}
	var start time.Time
	if slow {
		start = time.Now()
	}
	if err := c.call(func() error { return c.h.Message(c, m) }); err != nil {
		c.refuse(err)
	}
	led := t.leads
	t.leads = c.sock.Step()
	switch {
	case led && !t.leads, slow && time.Since(start) >= slowAfter:
		c.h.slow.Store(slowFor)
	case slow:
		c.h.slow.Add(-1) // a little below 0 when several connections do it: no harm
	}
}

// call runs a callback; a panic is logged and becomes an error.
func (c *Conn) call(callback func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errPanicked
			ctx := c.Context()
			obs.Logger(ctx).ErrorContext(ctx, "ws: callback panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return callback()
}

var errPanicked = errors.New("ws: callback panicked")

// refuse closes after an error of a callback. The peer sees the words of a
// CloseError only; any other error is for the log.
func (c *Conn) refuse(err error) {
	_, told := errors.AsType[*CloseError](err)
	if !told && !errors.Is(err, errPanicked) && !errors.Is(err, ErrClosed) {
		ctx := c.Context()
		obs.Logger(ctx).ErrorContext(ctx, "ws: callback failed", "error", err)
	}
	c.shut(closeFor(err), err)
}
