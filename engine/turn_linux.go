package engine

import (
	"sync"

	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/http1"
	"github.com/galeweb/gale/internal/loop"
)

// The sizes of a turn's buffers, in bytes.
const (
	inSize  = 16 << 10
	outSize = 16 << 10
)

// turn is what a connection needs while it is served: the buffers, and what is
// known of them. It goes from connection to connection with the goroutine that
// serves them; no handler ever sees it.
type turn struct {
	w     *loop.Worker
	lease loop.Lease // of the exchange under way

	whole    []byte // the room of in and out, for a connection that uses one at a time
	in       []byte // input is in[r:e]
	r, e     int
	scan     http1.Scanner
	drained  bool  // the last read has emptied the socket
	received bool  // something was read, or served, in this turn
	failed   error // why no more input comes
	waitsIn  waits

	// Output; the connection's outMu guards all of it.
	waitsOut waits
	waitsFor *exchange.Exchange // that waitsOut is of
	out      []byte             // plain; for TLS, not yet encrypted
	sent     int                // how much of out the socket has taken; for TLS none
	enc      []byte             // empty room for records
	flushes  int                // how often something was sent
	err      error              // why output is lost
	began    bool               // the exchange under way has written
	mark     int                // len(out) when it did
	marked   int                // flushes when it did
}

type turns struct{ pool sync.Pool }

func (p *turns) get() *turn {
	if t, ok := p.pool.Get().(*turn); ok {
		return t
	}
	whole := make([]byte, inSize+outSize)
	return &turn{whole: whole, in: whole[:inSize:inSize], out: whole[inSize:inSize]}
}

// put keeps t for later, unless it grew for an unusual request.
func (p *turns) put(t *turn) {
	if len(t.in) != inSize || cap(t.enc) > 4*outSize {
		return
	}
	t.w, t.failed, t.err, t.waitsFor = nil, nil, nil, nil
	p.pool.Put(t)
}

// input returns the bytes that came and were not taken.
func (t *turn) input() []byte { return t.in[t.r:t.e] }

// room makes room for more input and returns it.
func (t *turn) room() []byte {
	switch {
	case t.r == t.e:
		t.r, t.e = 0, 0
	case t.e == len(t.in) && t.r > 0:
		t.e = copy(t.in, t.in[t.r:t.e])
		t.r = 0
	case t.e == len(t.in):
		t.in = append(t.in, make([]byte, len(t.in))...)
	}
	return t.in[t.e:]
}

// kept is what a connection keeps from turn to turn, but for idle ones, of which
// there are the most: they have nothing to keep.
type kept struct {
	rest []byte        // input that waits for more
	scan http1.Scanner // of rest
	owed []byte        // output that waits for room
}

func (c *conn) keep() *kept {
	if c.kept == nil {
		c.kept = new(kept)
	}
	return c.kept
}

// attach gives the connection buffers, with what was left over when it was last
// served.
func (c *conn) attach(w *loop.Worker) *turn {
	t := c.turn
	if t != nil { // handed over with its buffers
		if old, ok := w.Scratch.(*turn); ok {
			c.n.turns.put(old)
		}
		w.Scratch, t.w = t, w
		return t
	}
	t, ok := w.Scratch.(*turn)
	if !ok {
		t = c.n.turns.get()
		w.Scratch = t
	}
	t.w = w
	c.retake(t)
	return t
}

// retake makes t the connection's turn and puts what c has kept into it.
func (c *conn) retake(t *turn) {
	t.r, t.e, t.sent, t.flushes = 0, 0, 0, 0
	t.out = t.out[:0]
	t.drained, t.received, t.failed, t.err, t.waitsFor = false, false, nil, nil, nil
	t.scan = http1.Scanner{}
	if k := c.kept; k != nil {
		if len(t.in) < len(k.rest) {
			t.in = make([]byte, len(k.rest))
		}
		t.e, t.scan = copy(t.in, k.rest), k.scan
		k.rest = nil
		if k.owed == nil {
			c.kept = nil
		}
	}
	c.outMu.Lock()
	c.tls.borrow(t)
	c.turn = t
	c.outMu.Unlock()
}

// detach takes the buffers from the connection, which keeps what is in them.
func (c *conn) detach() {
	t := c.turn
	if in := t.input(); len(in) > 0 {
		k := c.keep()
		k.rest, k.scan = append(make([]byte, 0, len(in)), in...), t.scan
	}
	c.outMu.Lock()
	out := t.out[t.sent:]
	if c.tls != nil {
		out = c.tls.encrypt(t)
	}
	if len(out) > 0 {
		c.keep().owed = append(make([]byte, 0, len(out)), out...)
	}
	c.endTurn()
	c.outMu.Unlock()
}
