package ws

import (
	"context"
	"errors"
	"io"
	"math"
	"sync/atomic"

	"github.com/galeweb/gale/internal/wsframe"
)

// intake hands messages over from the reader of a connection to the goroutine
// that takes them, in pieces, so that messages of any size need no memory.
type intake struct {
	c        *Conn
	pieces   chan wsframe.Frame
	claimed  atomic.Bool   // somebody takes messages
	unwanted chan struct{} // closed when nobody will

	current *incoming // the message being read; the taker's
}

func newIntake(c *Conn) *intake {
	return &intake{c: c, pieces: make(chan wsframe.Frame), unwanted: make(chan struct{})}
}

// opened is called when Open has returned. Nobody can claim the messages of a
// server's connection any more; a client's are for whoever called Dial.
func (in *intake) opened() {
	if in.c.kind&client == 0 && !in.claimed.Load() {
		close(in.unwanted)
	}
}

// claim returns the intake of a connection in goroutine mode, for method.
func (c *Conn) claim(method string) *intake {
	if c.h.Message != nil {
		panic("ws: " + method + " on a connection whose Handler has Message; use one of them")
	}
	in := c.sock.(*socket).intake
	in.claimed.Store(true)
	return in
}

// take hands a piece over, unless the connection is closing.
func (c *Conn) take(f wsframe.Frame) bool {
	in := c.sock.(*socket).intake
	select {
	case in.pieces <- f:
	case <-c.Context().Done():
	case <-in.unwanted:
	}
	return true
}

// piece waits for the next piece.
func (in *intake) piece(ctx context.Context) (wsframe.Frame, error) {
	select {
	case f := <-in.pieces:
		return f, nil
	case <-in.c.Context().Done():
		return wsframe.Frame{}, context.Cause(in.c.Context())
	case <-ctx.Done():
		return wsframe.Frame{}, context.Cause(ctx)
	}
}

// next waits for the next message, of which limit bytes may be read. What was
// not read of the one before is skipped.
func (in *intake) next(ctx context.Context, limit int64) (*incoming, error) {
	if m := in.current; m != nil {
		m.ctx = ctx
		if err := m.skip(); err != nil {
			return nil, err
		}
	}
	f, err := in.piece(ctx)
	if err != nil {
		return nil, err
	}
	m := &incoming{in: in, ctx: ctx, binary: f.Op == wsframe.Binary, piece: f.Payload, last: f.Last, left: limit}
	m.from = (*pieces)(m)
	in.current = m
	if !f.Compressed {
		return m, nil
	}
	m.inflater = in.c.h.inflater()
	var dict []byte
	if h := in.c.history; h != nil {
		m.past, dict = &h.received, h.received.bytes
	}
	m.from, err = m.inflater.Stream((*pieces)(m), dict, limit, !m.binary)
	return m, err
}

// incoming is a message being read.
type incoming struct {
	in     *intake
	ctx    context.Context
	binary bool
	from   io.Reader // pieces, inflated where need be
	left   int64     // how much more may be read

	inflater *wsframe.Inflater // of a compressed message
	past     *past             // what is to be remembered of it, or nil

	piece []byte // the rest of the piece at hand
	last  bool   // it is the last one
	err   error  // the end
}

// Read implements io.Reader.
func (m *incoming) Read(p []byte) (n int, err error) {
	if m.err != nil {
		return 0, m.err
	}
	n, m.err = m.from.Read(p)
	if m.past != nil {
		m.past.add(p[:n])
	}
	if m.left -= int64(n); m.left < 0 {
		m.err = &wsframe.Error{Code: CodeTooBig, Reason: "message over the size limit"}
	}
	if m.err == nil {
		return n, nil
	}
	if m.inflater != nil {
		m.in.c.h.inflaters.Put(m.inflater)
		m.inflater = nil
	}
	if breach, ok := errors.AsType[*wsframe.Error](m.err); ok {
		m.in.c.breach(breach)
		m.err = context.Cause(m.in.c.Context())
	}
	return n, m.err
}

// skip takes what is left of the message. When the peer's messages refer to
// those before, it is inflated all the same.
func (m *incoming) skip() error {
	if m.past != nil {
		_, err := io.Copy(io.Discard, m)
		return err
	}
	if m.inflater != nil {
		m.in.c.h.inflaters.Put(m.inflater)
		m.inflater = nil
	}
	if m.err == nil {
		m.err = errSkipped
	}
	for !m.last {
		if err := m.fetch(); err != nil {
			return err
		}
	}
	return nil
}

var errSkipped = errors.New("ws: message was skipped, since a later one was asked for")

func (m *incoming) fetch() error {
	f, err := m.in.piece(m.ctx)
	if err == nil {
		m.piece, m.last = f.Payload, f.Last
	}
	return err
}

// pieces is an incoming message as it goes over the wire.
type pieces incoming

// Read implements io.Reader.
func (p *pieces) Read(b []byte) (n int, err error) {
	for len(p.piece) == 0 {
		if p.last {
			return 0, io.EOF
		}
		if err := (*incoming)(p).fetch(); err != nil {
			return 0, err
		}
	}
	n = copy(b, p.piece)
	p.piece = p.piece[n:]
	return n, nil
}

// all reads the whole message.
func (m *incoming) all() ([]byte, error) {
	if whole := m.piece; m.last && m.inflater == nil && int64(len(whole)) <= m.left {
		m.piece, m.err = nil, io.EOF
		return whole, nil
	}
	return io.ReadAll(m)
}

// streamLimit returns the limit as one of the parser, which counts in int.
func (h *Handler) streamLimit() int {
	if h.StreamLimit < 0 {
		return math.MaxInt
	}
	return int(min(or(h.StreamLimit, 64<<20), math.MaxInt))
}
