package engine

import "time"

// A slow peer is measured by the time that it makes us wait, not by the time
// that a handler takes.

// rateGrace is how long a peer may make us wait before its rate
// is looked at, so that a short pause is no reason.
const rateGrace = 10 * time.Second

// waits is how long, and for how many bytes, the exchange under way has waited.
type waits struct {
	in      time.Duration
	bytesIn int64
	// Guarded by outMu.
	out      time.Duration
	bytesOut int64
}

// bodyDeadline returns until when the next bytes of the body must come, and the
// limit that is broken if they do not; zero for never.
func (c *conn) bodyDeadline(now time.Time) (by time.Time, limit string) {
	s, w := c.n.s, &c.turn.waits
	if d := s.bodyTimeout(); d > 0 {
		by, limit = now.Add(d), "body_timeout"
	}
	if rate := s.minRate(); rate > 0 {
		left := rateGrace + time.Duration(float64(w.bytesIn)/float64(rate)*float64(time.Second)) - w.in
		if end := now.Add(left); by.IsZero() || end.Before(by) {
			by, limit = end, "body_rate"
		}
	}
	return by, limit
}

// stallDeadline returns until when the peer must take more output.
func (c *conn) stallDeadline(now time.Time) (by time.Time) {
	s, w := c.n.s, &c.turn.waits
	if d := s.stallTimeout(); d > 0 {
		by = now.Add(d)
		if rate := s.minRate(); rate > 0 {
			left := d + time.Duration(float64(w.bytesOut)/float64(rate)*float64(time.Second)) - w.out
			by = earlierOf(by, now.Add(left))
		}
	}
	return by
}

// owedDeadline is stallDeadline, on the loops' clock, for n bytes that wait
// while nobody serves.
func (c *conn) owedDeadline(n int) int64 {
	s := c.n.s
	d := s.stallTimeout()
	if d <= 0 {
		return 0
	}
	if rate := s.minRate(); rate > 0 {
		d += time.Duration(float64(n) / float64(rate) * float64(time.Second))
	}
	return c.n.set.Now() + int64(d)
}

// setDeadlines begins the times of an exchange.
func (c *conn) setDeadlines() {
	s := c.n.s
	c.turn.waits.in, c.turn.waits.bytesIn = 0, 0 // the others: by the first write
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
