package engine

import "time"

// stats adds up what n has counted.
func (n *native) stats() Stats {
	st := Stats{
		Accepted: n.accepted.Load(), HandedOff: n.handed.Load(), Hijacked: n.hijacked.Load(),
		Refused: n.refused.snapshot(), BadRequests: n.bad.snapshot(), Takeovers: n.takeovers.snapshot(),
		TurnTime: time.Duration(n.turnTimes.sum.Load()),
	}
	for i := range n.counts {
		st.Requests += n.counts[i].requests.Load()
		st.BytesRead += n.counts[i].read.Load()
		st.BytesWritten += n.counts[i].written.Load()
	}
	for i := range st.Turns {
		st.Turns[i] = n.turnTimes.buckets[i].Load()
	}
	n.each(func(c *conn) {
		switch phase := c.phase.Load(); {
		case phase == phaseHandshake:
			st.Handshaking++
		case c.isUpgraded(): // counted in Hijacked
		case phase == phaseFlushing || phase == phaseLingering:
			st.Closing++
		case c.cur.Load() != nil:
			st.Active++
		case c.Owned():
			st.Reading++
		default:
			st.Idle++
		}
	})
	return st
}
