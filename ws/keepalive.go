package ws

import "time"

// due looks after all that takes time: it has pings sent, notices their missing
// answer and a peer that does not read, and ends a close handshake that takes
// too long.
func (c *Conn) due(now int64) (next int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flags&heard != 0 {
		c.flags &^= heard | pingSent
		c.lastHeard = now
		if c.state == stateOpen {
			c.awaited = 0
		}
	}
	switch c.state {
	case stateOpen:
		return c.dueOpen(now)
	case stateClosing:
		if c.awaited == 0 {
			c.awaited = now + int64(closeTimeout)
		}
		if now >= c.awaited {
			c.failLocked(errCloseTimeout)
			return 0
		}
		return c.awaited
	default:
		return 0
	}
}

func (c *Conn) dueOpen(now int64) (next int64) {
	stallEnd := c.stallEnd(now)
	if stallEnd != 0 && now >= stallEnd {
		c.failLocked(ErrWriteTimeout)
		return 0
	}
	next = c.pingNext(now)
	if c.state != stateOpen {
		return 0
	}
	if next == 0 || stallEnd != 0 && stallEnd < next {
		return stallEnd
	}
	return next
}

// stallEnd returns when the socket is to have taken what was given to it last,
// or 0.
func (c *Conn) stallEnd(now int64) int64 {
	switch {
	case c.flags&writing == 0:
		c.stalled = 0
		return 0
	case c.stalled == 0 || c.flags&progress != 0:
		c.stalled = now
	}
	c.flags &^= progress
	return c.stalled + int64(c.h.writeTimeout())
}

// pingNext has a ping sent if it is time for one, and returns when to look
// again, or 0.
func (c *Conn) pingNext(now int64) int64 {
	every := int64(c.h.pingEvery())
	if every < 0 {
		return 0
	}
	// A hundred thousand connections that came in one second are not to be
	// pinged in one second.
	every -= every / (10 * 256) * int64(c.jitter)
	if c.flags&busy != 0 {
		// While a callback runs nobody reads, so a pong may be waiting unseen.
		c.awaited = 0
		c.flags &^= pingSent
		c.lastHeard = now
	}
	if c.flags&pingSent != 0 {
		c.flags &^= pingSent
		c.awaited = now + int64(c.h.pongTimeout())
	}
	switch {
	case c.awaited != 0 && now >= c.awaited:
		c.failLocked(ErrPongTimeout)
		return 0
	case c.awaited != 0:
		return c.awaited
	case c.flags&pingDue != 0:
		return 0 // it waits behind a message, and ErrWriteTimeout watches over that
	case now-c.lastHeard < every:
		return c.lastHeard + every
	}
	c.flags |= pingDue
	c.sock.Wake()
	return 0
}

// setBusy notes whether a callback may keep the reader from reading.
func (c *Conn) setBusy(is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if is {
		c.flags |= busy
	} else {
		c.flags = c.flags&^busy | heard
	}
}

// closeTimeout is how long the peer may take for its half of the close
// handshake, and what is still queued for getting out.
const closeTimeout = 5 * time.Second
