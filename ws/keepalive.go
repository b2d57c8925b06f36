package ws

import "time"

// tick is the connection's one timer: it sends pings, notices their missing
// answer, and ends a close handshake that takes too long.
func (c *Conn) tick() {
	if c.overdue() {
		c.hangUp()
	}
}

// overdue reports whether the peer has had its time, and otherwise sets the
// timer for the next look.
func (c *Conn) overdue() bool {
	every, patience := c.h.pingEvery(), c.h.pongTimeout()
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Since(c.started)
	last := time.Duration(c.lastRead.Load())
	switch {
	case c.state == stateClosed:
	case c.state == stateClosing:
		return true
	case c.busy.Load():
		// While a callback runs nobody reads, so a pong may be waiting unseen.
		c.pinged = 0
		c.timer.Reset(every)
	case c.pinged > last:
		c.state, c.cause = stateClosing, ErrPongTimeout
		c.cancel(c.cause)
		return true
	case now-last < every:
		c.pinged = 0
		c.timer.Reset(every - (now - last))
	default:
		c.pinged = now
		c.out.ping = true
		c.startWriter()
		c.timer.Reset(patience)
	}
	return false
}

func (c *Conn) alive() { c.lastRead.Store(int64(time.Since(c.started))) }
