package engine

import "time"

// Stats is what a server has counted since it started, and the connections it
// has now. Counters only grow.
type Stats struct {
	// Connections now open, by what they do.
	Handshaking, Reading, Active, Idle, Hijacked, Closing int64

	Accepted uint64
	// Refused counts connections and requests turned away, by the limit that
	// did: "conns", "conns_per_addr", "handshakes", "header_timeout",
	// "body_timeout", "body_rate", "body_size", "write_stalled", "idle",
	// "files", "overload" …
	Refused map[string]uint64
	// BadRequests counts requests that broke the protocol, by the parser's kind.
	BadRequests map[string]uint64

	BytesRead, BytesWritten uint64
	Requests                uint64

	// Takeovers counts requests whose handler ran so long that another
	// goroutine took the loop, by route ("" where that is not known).
	Takeovers map[string]uint64
	// HandedOff counts requests that left the loop before their handler ran,
	// since their route had been slow.
	HandedOff uint64

	// Turns counts the loops' rounds by their length: Turns[i] took at most
	// TurnBounds[i], the last one longer than all of them. TurnTime is their sum.
	Turns    [8]uint64
	TurnTime time.Duration
}

// TurnBounds returns the upper bounds of the first seven of [Stats.Turns].
func TurnBounds() [7]time.Duration {
	return [7]time.Duration{
		50 * time.Microsecond, 200 * time.Microsecond, time.Millisecond, 5 * time.Millisecond,
		25 * time.Millisecond, 100 * time.Millisecond, time.Second,
	}
}
