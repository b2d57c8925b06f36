package ws

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/galeweb/gale/internal/wsframe"
	"github.com/galeweb/gale/obs"
)

// readBytes is the buffer that a connection holds on net/http.
const readBytes = 4 << 10

// run reads until the socket closes, then ends the connection.
func (c *Conn) run(early []byte) {
	c.alive()
	c.feed(early)
	err := c.read()

	c.mu.Lock()
	if c.state == stateOpen {
		c.cause = err
		c.cancel(err)
	}
	c.state = stateClosed
	cause := c.cause
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	c.hangUp()
	c.writers.Wait()
	<-c.openDone
	if c.openOK && c.h.Close != nil {
		c.call(func() error { c.h.Close(c, cause); return nil })
	}
	c.h.remove(c)
	close(c.done)
}

func (c *Conn) read() error {
	buf := make([]byte, readBytes)
	for {
		n, err := c.nc.Read(buf)
		if n > 0 {
			c.alive()
			c.feed(buf[:n])
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // no close frame came before it
		}
		if err != nil {
			return fmt.Errorf("ws: read: %w", err)
		}
	}
}

// feed takes what arrived and handles the frames in it.
func (c *Conn) feed(in []byte) {
	for len(in) > 0 {
		f, n, ok, err := c.parser.Next(in)
		in = in[n:]
		if err != nil {
			c.breach(err)
			return
		}
		if ok {
			c.frame(f)
		}
	}
}

// breach closes after an error of the parser; further bytes meet the same
// error and are thereby ignored.
func (c *Conn) breach(err error) {
	c.mu.Lock()
	c.broken = true
	c.shutLocked(closeFor(err), fmt.Errorf("ws: %w", err))
	sent := c.closeSent
	c.mu.Unlock()
	if sent {
		c.hangUp()
	}
}

func (c *Conn) frame(f wsframe.Frame) {
	switch f.Op {
	case wsframe.Ping:
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.state == stateOpen {
			c.out.pong, c.out.hasPong = f.Payload, true
			c.startWriter()
		}
	case wsframe.Pong: // a sign of life like any other byte
	case wsframe.Close:
		code, reason := wsframe.ParseClose(f.Payload)
		c.mu.Lock()
		c.peerClosed = true
		c.shutLocked(CloseError{Code: code}, &CloseError{Code: code, Reason: reason})
		sent := c.closeSent
		c.mu.Unlock()
		if sent {
			c.hangUp()
		}
	default:
		c.deliver(Message{Binary: f.Op == wsframe.Binary, Data: f.Payload})
	}
}

// deliver hands m to the application, unless the connection is closing.
func (c *Conn) deliver(m Message) {
	if c.ctx.Err() != nil {
		return
	}
	c.busy.Store(true)
	defer func() {
		c.alive()
		c.busy.Store(false)
	}()
	if c.h.Message == nil {
		select {
		case c.incoming <- m:
		case <-c.ctx.Done():
		case <-c.unwanted:
		}
		return
	}
	if err := c.call(func() error { return c.h.Message(c, m) }); err != nil {
		c.refuse(err)
	}
}

// call runs a callback; a panic is logged and becomes an error.
func (c *Conn) call(callback func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errPanicked
			obs.Logger(c.ctx).ErrorContext(c.ctx, "ws: callback panicked", "panic", p, "stack", string(debug.Stack()))
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
		obs.Logger(c.ctx).ErrorContext(c.ctx, "ws: callback failed", "error", err)
	}
	c.shut(closeFor(err), err)
}
