package engine

import (
	"net/http"
	"time"

	"golang.org/x/sys/unix"

	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/http1"
	"github.com/galeweb/gale/internal/loop"
)

// Serve implements loop.Source.
func (c *conn) Serve(w *loop.Worker) {
	n := c.n
	if w.Leads() && (n.pool || n.allSlow && c.protocol != nil) {
		n.set.Serve(c)
		return
	}
	c.guard(w, false)
}

// guard serves c, or wakes it, with the buffers of w.
func (c *conn) guard(w *loop.Worker, woken bool) {
	n, t := c.n, c.attach(w)
	ended := false
	defer func() {
		if !ended {
			c.escaped(recover(), woken)
			w.Scratch = nil // it may have been handed on
		}
	}()
	if woken {
		c.wake()
	} else {
		c.serve()
	}
	ended = true
	if !w.Leads() && w.Scratch == t {
		w.Scratch = nil
		n.turns.put(t)
	}
}

// escaped closes a connection whose handler, or protocol, has ended its
// goroutine, or in which there is a defect.
func (c *conn) escaped(v any, woken bool) {
	if v != nil {
		c.complain(v)
	}
	x := c.cur.Swap(nil)
	if x != nil {
		c.n.away.remove(c)
		out := x.Outcome()
		c.n.account(c, &out)
		if out.Hijacked {
			c.n.detach(-1)
			return
		}
		if out.Upgraded {
			c.leaveHTTP(x)
			c.over(http.ErrAbortHandler)
			return
		}
	}
	if c.isUpgraded() {
		if c.protocol != nil {
			c.fell(v, woken)
		}
		return
	}
	if v != nil || x == nil {
		c.close()
		return
	}
	// Responses before the one that was aborted are whole.
	c.drop()
	c.finish(endAbort)
}

// serve does what there is to do. When it returns, c has been given up and must
// not be touched.
func (c *conn) serve() {
	if c.protocol != nil {
		c.talk()
		return
	}
	if c.cutOff.Load() {
		c.unused()
		c.close()
		return
	}
	switch c.phase.Load() {
	case phaseHandshake:
		if !c.handshake() {
			return
		}
	case phaseFlushing:
		if !c.flushOwed() {
			return
		}
	case phaseLingering:
		c.linger()
		return
	case phaseResumed:
		c.phase.Store(phaseReading)
		c.turn.lease = c.turn.w.Lease()
		c.worker.Store(c.turn.w.ID)
		if !c.resume(c.cur.Load()) {
			return
		}
	}
	for c.requests() && c.flushed() && c.receive() {
	}
}

// requests serves the requests that are there. It reports whether c is still
// the caller's.
func (c *conn) requests() bool {
	t, most := c.turn, c.n.s.maxPipelined()
	for i := 0; t.r < t.e; i++ {
		t.r += http1.Skip(t.input())
		length, bad := t.scan.Next(t.input(), c.n.config.Limits)
		if bad == nil && length == 0 {
			return true
		}
		if i == most {
			return c.again()
		}
		t.lease = t.w.Lease() // a refusal, too, may have to wait
		x := exchange.New(&c.n.config, c, c.from.ctx, c.remote, c.tls.state())
		if bad == nil {
			head := string(t.in[t.r : t.r+length])
			t.r += length
			if bad = x.Parse(head); c.isH2C(bad) {
				c.handOver(append([]byte(head), t.input()...))
				return false
			}
		}
		if bad != nil {
			c.n.countBad(bad)
			x.Refuse(bad.Status, bad.Reason)
			return c.finish(endLinger)
		}
		c.headBy, c.greeted, t.received = 0, true, true
		if !c.begin(x) {
			return false
		}
	}
	return true
}

// again lets others have their turn before c goes on.
func (c *conn) again() bool {
	if c.flushed() {
		w := c.turn.w
		c.detach()
		w.Again(c)
	}
	return false
}

// begin serves x, here or, when its route has been slow, on a worker.
func (c *conn) begin(x *exchange.Exchange) bool {
	n, w := c.n, c.turn.w
	if n.overload.Sheds(x.Request(), w.Waited()) {
		return c.shed(x)
	}
	c.tell(http.StateActive)
	c.worker.Store(w.ID)
	c.cur.Store(x) // from here on it may be told that the client has gone
	if !w.Leads() || !n.allSlow && !n.predictor.Slow(x.Request()) {
		return c.exchange(x)
	}
	// What was answered before must not wait for this one.
	c.outMu.Lock()
	_ = c.sendSome()
	c.outMu.Unlock()
	n.handed.Add(1)
	c.phase.Store(phaseResumed)
	w.Scratch = nil // the buffers go with the connection
	n.set.Serve(c)
	return false
}

// resume serves x, for which c was handed to a worker.
func (c *conn) resume(x *exchange.Exchange) bool {
	if c.n.overload.Sheds(x.Request(), c.turn.w.Waited()) {
		c.cur.Store(nil)
		return c.shed(x)
	}
	return c.exchange(x)
}

// retryAfter is what a refused client is told to wait, in seconds.
const retryAfter = 1

// shed refuses x because the server is overloaded. It reports whether c is still
// the caller's: where it can, it keeps the connection, since a new one would
// cost more than x.
func (c *conn) shed(x *exchange.Exchange) bool {
	c.n.refused.add("overload")
	if !x.Shed(http.StatusServiceUnavailable, "the server is overloaded", retryAfter) {
		return c.finish(endLinger)
	}
	c.tell(http.StateIdle)
	return true
}

// exchange serves x, which is c.cur, and does with the connection what the
// outcome asks for. It reports whether c is still the caller's.
func (c *conn) exchange(x *exchange.Exchange) bool {
	n, t := c.n, c.turn
	w, led := t.w, t.w.Leads()
	c.setDeadlines()
	if c.HasHungUp() {
		c.HungUp()
	}
	if !led {
		n.away.add(c, x, false)
	}
	t.began = false
	out := x.Serve()
	c.cur.Store(nil)
	n.account(c, &out)
	if !led || !w.Step() {
		n.returned(c, x, led)
	}
	if out.Upgraded {
		c.leaveHTTP(x)
		if out.Abort {
			c.over(http.ErrAbortHandler)
		} else {
			c.talk()
		}
		return false
	}
	if out.Hijacked {
		n.detach(-1)
		return false
	}
	if c.writeBy.Load() != 0 && !out.Abort && c.Flush() != nil { // while the handler's deadline holds
		out.Abort = true
	}
	c.clearDeadlines()
	switch {
	case out.Abort:
		c.drop()
		return c.finish(endAbort)
	case out.Close && (out.Linger || t.r < t.e):
		return c.finish(endLinger)
	case out.Close:
		return c.finish(endClose)
	}
	c.tell(http.StateIdle)
	return true
}

// finish closes the connection once its output is flushed. It returns false: c
// is given up.
func (c *conn) finish(how ending) bool {
	c.ending = how
	c.turn.r, c.turn.e = 0, 0
	if c.flushed() {
		c.farewell()
	}
	return false
}

// farewell ends a connection whose output is flushed.
func (c *conn) farewell() {
	if c.ending != endAbort {
		c.bye()
	}
	if c.ending != endLinger {
		c.close()
		return
	}
	c.Shutdown(unix.SHUT_WR)
	c.phase.Store(phaseLingering)
	c.SetDeadline(c.n.set.Now() + int64(lingerTime))
	c.linger()
}

const (
	// lingerTime is how long what a client sends on is thrown away, so that the
	// reset that unread bytes cause does not overtake the response.
	lingerTime = 500 * time.Millisecond
	// lingerReads bounds what is thrown away in one turn.
	lingerReads = 16
)

// linger throws input away until the client has closed its side.
func (c *conn) linger() {
	t := c.turn
	if c.Expired(c.n.set.Now()) {
		c.close()
		return
	}
	for range lingerReads {
		n, errno := c.Conn.Read(t.in)
		switch {
		case errno == unix.EAGAIN:
			c.detach()
			if c.Release(false) {
				return
			}
			c.retake(t)
		case errno != 0 || n == 0:
			c.close()
			return
		}
	}
	c.again()
}

// receive reads more input, or gives c up until there is some. It reports
// whether there is some.
func (c *conn) receive() bool {
	t := c.turn
	for {
		if !t.drained {
			n, err := c.recv(t.room())
			if n > 0 {
				t.e += n
				t.received = true
				return true
			}
			if err != errWouldBlock {
				c.leave()
				return false
			}
			// Change of keys may have been answered.
			if c.tls != nil && c.tls.owes() && !c.flushed() {
				return false
			}
		}
		if c.park() {
			return false
		}
		t.drained = false
	}
}

// park gives c back to its loop until there is news. It reports whether c is
// given up; if not, there is news already.
func (c *conn) park() bool {
	n, t := c.n, c.turn
	now := n.set.Now()
	partial := t.r < t.e || c.tls.halfway()
	switch {
	case c.cutOff.Load():
		if !t.received { // else it was cut while it was used
			c.unused()
		}
		c.close()
		return true
	case !n.config.KeepAlive() && c.greeted && !partial:
		c.unused()
		c.leave()
		return true
	case c.greeted && !partial && !t.received && c.Expired(now):
		n.refused.add("idle")
		c.leave()
		return true
	case c.headBy != 0 && now >= c.headBy:
		if n.draining.Load() && !c.greeted && !partial {
			c.unused()
		} else {
			n.refused.add("header_timeout")
		}
		c.leave()
		return true
	}
	c.SetDeadline(c.deadline(now, partial))
	c.detach()
	if c.Release(false) {
		return true
	}
	c.retake(t)
	return false
}

// deadline returns until when c may wait for input.
func (c *conn) deadline(now int64, partial bool) int64 {
	s := c.n.s
	switch {
	case !c.greeted && !partial && c.n.draining.Load():
		// Someone has connected who may just be about to ask; not for long.
		c.hurry(now)
	case c.greeted && !partial:
		return now + int64(s.idleTimeout())
	case c.headBy == 0 && s.headerTimeout() > 0:
		c.headBy = now + int64(s.headerTimeout())
	}
	return c.headBy
}

// drainNew is how long a connection without a request is kept when the server
// shuts down.
const drainNew = time.Second
