package ws

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/galeweb/gale/internal/wsframe"
)

var errCloseTimeout = errors.New("ws: peer did not answer the close frame")

// open runs Open.
func (c *Conn) open(r *http.Request) {
	ok := false
	defer func() { // also when Open ended its goroutine
		if !ok {
			c.shut(CloseError{Code: CodeInternal, Reason: "internal error"}, errPanicked)
		}
		c.mu.Lock()
		c.flags |= opened
		if ok {
			c.flags |= openOK
		}
		gone := c.state == stateClosed
		c.mu.Unlock()
		if gone {
			c.finish()
		}
	}()
	if c.h.Open != nil {
		if err := c.call(func() error { return c.h.Open(c, r) }); err != nil {
			c.refuse(err)
			return
		}
	}
	ok = true
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
	c.endLocked(cause)
	reason := e.Reason
	if !utf8.ValidString(reason) {
		reason = strings.ToValidUTF8(reason, "\uFFFD")
	}
	o := c.box()
	o.pong, o.ponged = "", false
	o.last = c.frame(wsframe.Frame{Op: wsframe.Close, Payload: wsframe.AppendClose(nil, e.Code, reason)})
	c.sock.Wake()
}

// endLocked ends the open state.
func (c *Conn) endLocked(cause error) {
	c.state = stateClosing
	c.awaited = 0
	c.flags &^= pingDue | pingSent
	l := c.alive()
	l.cause = cause
	if l.ctx != nil {
		l.cancel(cause)
	}
}

// failLocked ends the connection without a handshake: it is broken.
func (c *Conn) failLocked(cause error) {
	if c.state == stateOpen {
		c.endLocked(cause)
	}
	c.sock.Abort(cause)
}

// breach closes after an error of the parser; further bytes are ignored.
func (c *Conn) breach(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flags |= broken
	c.shutLocked(closeFor(err), fmt.Errorf("ws: %w", err))
	c.sock.Wake()
}

// closedByPeer notes the peer's close frame, and answers it.
func (c *Conn) closedByPeer(payload []byte) {
	code, reason := wsframe.ParseClose(payload)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flags |= peerClosed
	c.shutLocked(CloseError{Code: code}, &CloseError{Code: code, Reason: reason})
	c.sock.Wake()
}

// ended is called when the socket has gone.
func (c *Conn) ended(cause error) {
	c.mu.Lock()
	if c.state == stateOpen {
		if cause == nil || errors.Is(cause, io.EOF) {
			cause = io.ErrUnexpectedEOF // no close frame came before it
		}
		c.endLocked(fmt.Errorf("ws: connection lost: %w", cause))
	}
	c.state = stateClosed
	c.first, c.more, c.parser = "", nil, nil
	isOpened := c.flags&opened != 0
	c.mu.Unlock()
	if isOpened {
		c.finish()
	}
}

// finish runs Close. Of the end of Open and that of the socket, the later one
// calls it.
func (c *Conn) finish() {
	c.mu.Lock()
	told, cause := c.flags&openOK != 0, c.life.cause
	c.mu.Unlock()
	defer func() {
		c.h.remove(c)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.flags |= over
		if c.life.done != nil {
			close(c.life.done)
		}
	}()
	if told && c.h.Close != nil {
		_ = c.call(func() error { c.h.Close(c, cause); return nil })
	}
}
