package engine

import "time"

// A slow peer is measured by the time that it makes us wait, not by the time
// that a handler takes.

// rateGrace is how long a peer may make us wait before its rate is looked at
// where no timeout says how long a pause may be.
const rateGrace = 10 * time.Second

// waits is how long, and for how many bytes, an exchange has waited in one
// direction.
type waits struct {
	time  time.Duration
	bytes int64
}

// For a direction in which the handler has set a deadline, be it none, the
// server's limits on slow peers do not hold.
const (
	ownIn uint32 = 1 << iota
	ownOut
)

// bodyDeadline returns until when the next bytes of the body must come, and the
// limit that is broken if they do not; zero for never.
func (c *conn) bodyDeadline(now time.Time) (by time.Time, limit string) {
	if c.own.Load()&ownIn != 0 {
		return by, ""
	}
	s, w := c.n.s, &c.turn.waitsIn
	if d := s.bodyTimeout(); d > 0 {
		by, limit = now.Add(d), "body_timeout"
	}
	if end, ok := s.rateDeadline(now, s.bodyTimeout(), w.bytes, w.time); ok && (by.IsZero() || end.Before(by)) {
		by, limit = end, "body_rate"
	}
	return by, limit
}

// stallDeadline returns until when the peer must take more output, and the limit
// that is broken if it does not; zero for never. outMu is held.
func (c *conn) stallDeadline(now time.Time) (by time.Time, limit string) {
	if x := c.cur.Load(); c.turn.waitsFor != x {
		c.turn.waitsFor, c.turn.waitsOut = x, waits{}
	}
	if c.own.Load()&ownOut != 0 {
		return by, ""
	}
	s, w := c.n.s, &c.turn.waitsOut
	if d := s.stallTimeout(); d > 0 {
		by, limit = now.Add(d), "write_stalled"
	}
	if end, ok := s.rateDeadline(now, s.stallTimeout(), w.bytes, w.time); ok && (by.IsZero() || end.Before(by)) {
		by, limit = end, "write_rate"
	}
	return by, limit
}

// rateDeadline returns when a peer that has made us wait for so long, for so
// many bytes, falls below the least rate, after a pause it may make once.
func (s *Server) rateDeadline(now time.Time, pause time.Duration, bytes int64, waited time.Duration) (by time.Time, ok bool) {
	rate := s.minRate()
	if rate <= 0 {
		return by, false
	}
	if pause <= 0 {
		pause = rateGrace
	}
	return now.Add(pause + forBytes(bytes, rate) - waited), true
}

func forBytes(n int64, rate int) time.Duration {
	return time.Duration(float64(n) / float64(rate) * float64(time.Second))
}

// tooSlow reports whether the peer takes the response at less than the least
// rate. outMu is held.
func (c *conn) tooSlow() bool {
	s, w := c.n.s, &c.turn.waitsOut
	now := time.Now()
	end, ok := s.rateDeadline(now, s.stallTimeout(), w.bytes, w.time)
	return ok && !now.Before(end) && c.own.Load()&ownOut == 0
}

// beginOwing sets the times of n bytes that wait for room while nobody serves.
func (c *conn) beginOwing(n int) {
	s := c.n.s
	c.headBy = 0
	n += c.Unacked() // those before them have to go first
	if rate := s.minRate(); rate > 0 {
		pause := s.stallTimeout()
		if pause <= 0 {
			pause = rateGrace
		}
		c.headBy = c.n.set.Now() + int64(pause+forBytes(int64(n), rate))
	}
	c.setOwing()
}

// setOwing has the connection looked at when the peer has taken nothing for too
// long from now on, or is too slow altogether.
func (c *conn) setOwing() {
	by := c.headBy
	c.queue = int32(c.Unacked())
	if d := c.n.s.stallTimeout(); d > 0 {
		if stall := c.n.set.Now() + int64(d); by == 0 || stall < by {
			by = stall
		}
	}
	c.SetDeadline(by)
}

// owesOn is for when the time of output that waits is over. It closes the
// connection, unless the peer has taken something after all, and reports whether
// it has.
func (c *conn) owesOn() bool {
	limit := "write_stalled"
	if c.headBy != 0 && c.n.set.Now() >= c.headBy {
		limit = "write_rate"
	} else if c.Unacked() < int(c.queue) {
		c.setOwing()
		return true
	}
	c.n.refused.add(limit)
	c.close()
	return false
}

// setDeadlines begins the times of an exchange.
func (c *conn) setDeadlines() {
	s := c.n.s
	c.turn.waitsIn = waits{}
	if s.ReadTimeout > 0 {
		c.readBy.Store(time.Now().Add(s.ReadTimeout).UnixNano())
	}
	if s.WriteTimeout > 0 {
		c.writeBy.Store(time.Now().Add(s.WriteTimeout).UnixNano())
	}
}

// clearDeadlines ends them, and those that the handler has set.
func (c *conn) clearDeadlines() {
	if c.readBy.Load() != 0 {
		c.readBy.Store(0)
	}
	if c.writeBy.Load() != 0 {
		c.writeBy.Store(0)
	}
	if c.own.Load() != 0 {
		c.own.Store(0)
	}
}

// earlier returns the earlier of a time and a deadline in Unix nanoseconds;
// zero is no limit in both.
func earlier(t time.Time, by int64) time.Time {
	if by == 0 {
		return t
	}
	return earlierOf(t, time.Unix(0, by))
}

func earlierOf(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func passed(by int64) bool { return by != 0 && time.Now().UnixNano() >= by }

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
