package ws

import (
	"context"
	"errors"
	"io"

	"github.com/galeweb/gale/internal/wsframe"
)

// outgoing is a message being written piece by piece.
type outgoing struct {
	c     *Conn
	ctx   context.Context
	op    wsframe.Opcode // Continuation after the first fragment
	text  bool
	valid wsframe.Validator
	buf   []byte
	err   error // the end
}

// stream is the fragment of an outgoing message that goes out next, in goroutine
// mode, under Conn.mu.
type stream struct {
	fragment string // or the rest of it
	last     bool
	taken    chan struct{} // closed when something went out; nil when nobody waits
}

var errWriterClosed = errors.New("ws: writer is closed")

// NextWriter returns a writer of one message, for messages that are too large to
// be held, in goroutine mode only: where [Conn.Messages] can be used. Each 16
// KiB are a fragment, not compressed. Writing waits until the peer has taken
// what was written before; ctx bounds that. It begins when what was queued is
// gone, and what is sent meanwhile goes out behind the message.
//
// Close the writer to end the message. A message that cannot be ended, since ctx
// has or since its text is not UTF-8, ends the connection then.
//
// It panics when the Handler has a Message callback.
func (c *Conn) NextWriter(ctx context.Context, binary bool) (io.WriteCloser, error) {
	if c.h.Message != nil {
		panic("ws: NextWriter on a connection whose Handler has Message; use Send")
	}
	w := &outgoing{c: c, ctx: ctx, op: Message{Binary: binary}.op(), text: !binary}
	err := w.when(func() bool {
		count, _ := c.queued()
		if count > 0 || c.flags&streaming != 0 {
			return false
		}
		c.flags |= streaming
		return true
	})
	if err != nil {
		return nil, err
	}
	w.buf = make([]byte, 0, bufferBytes)
	return w, nil
}

// when waits until do, which is called under Conn.mu, has done what it shall.
func (w *outgoing) when(do func() bool) error {
	c := w.c
	for {
		c.mu.Lock()
		closing := c.state != stateOpen
		done := !closing && do()
		s := &c.sock.(*socket).stream
		if s.taken == nil {
			s.taken = make(chan struct{})
		}
		taken := s.taken
		c.mu.Unlock()
		if closing {
			return ErrClosed
		}
		if done {
			return nil
		}
		select {
		case <-taken:
		case <-c.Context().Done():
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
	}
}

// Write implements io.Writer.
func (w *outgoing) Write(p []byte) (n int, err error) {
	if w.err == nil && w.text && !w.valid.Write(p) {
		w.err = errNotUTF8
	}
	for len(p) > 0 && w.err == nil {
		if len(w.buf) == cap(w.buf) {
			w.err = w.flush(false)
			continue
		}
		take := min(len(p), cap(w.buf)-len(w.buf))
		w.buf = append(w.buf, p[:take]...)
		p = p[take:]
		n += take
	}
	return n, w.err
}

// Close implements io.Closer.
func (w *outgoing) Close() error {
	if errors.Is(w.err, errWriterClosed) {
		return nil
	}
	if w.err == nil && w.text && !w.valid.Complete() {
		w.err = errNotUTF8
	}
	if w.err == nil {
		w.err = w.flush(true)
	}
	err := w.err
	if err != nil {
		w.c.shut(CloseError{Code: CodeInternal, Reason: "message was not completed"}, err)
	}
	w.err = errWriterClosed
	return err
}

// flush sends what was written as a fragment.
func (w *outgoing) flush(last bool) error {
	fragment := w.c.frame(wsframe.Frame{Op: w.op, Last: last, Payload: w.buf})
	w.op, w.buf = wsframe.Continuation, w.buf[:0]
	return w.when(func() bool {
		s := &w.c.sock.(*socket).stream
		if s.fragment != "" {
			return false
		}
		s.fragment, s.last = fragment, last
		w.c.sock.Wake()
		return true
	})
}

// fillStream appends the fragment of a message under way. It reports whether
// messages behind it may follow.
func (c *Conn) fillStream(dst []byte) (longer []byte, more bool) {
	s := &c.sock.(*socket).stream
	dst, s.fragment = appendRoom(dst, s.fragment)
	if s.fragment != "" {
		c.flags |= cut
		return dst, false
	}
	c.flags &^= cut
	if s.last {
		s.last = false
		c.flags &^= streaming
	}
	return dst, c.flags&streaming == 0
}

// tellTaken wakes the writers that wait, under mu.
func (c *Conn) tellTaken() {
	if c.h.Message != nil {
		return
	}
	if s := &c.sock.(*socket).stream; s.taken != nil {
		close(s.taken)
		s.taken = nil
	}
}
