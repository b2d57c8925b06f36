package engine

import "time"

// Stats is what a server has counted since it started, and the connections it
// has now. Counters only grow.
type Stats struct {
	// Connections now open, by what they do. Hijacked are also those that were
	// upgraded, such as WebSockets.
	Handshaking, Reading, Active, Idle, Hijacked, Closing int64

	Accepted uint64
	// Refused counts connections and requests turned away or cut off, by the limit
	// that did it:
	//
	//	conns, conns_per_addr        MaxConns, MaxConnsPerAddr
	//	files                        the process can open no more files; accepting pauses
	//	handshakes                   MaxHandshakes
	//	header_timeout               ReadHeaderTimeout
	//	request_line_too_long        MaxRequestLine
	//	header_too_large             MaxHeaderBytes
	//	too_many_fields              MaxHeaderFields
	//	trailer_too_large, too_many_trailers   the trailer of a chunked body
	//	body_size                    MaxBodyBytes, LimitBody
	//	body_timeout, body_rate      BodyTimeout, MinRate
	//	write_stalled, write_rate    WriteStallTimeout, MinRate
	//	idle                         IdleTimeout
	//	overload                     MaxQueueing
	Refused map[string]uint64
	// BadRequests counts requests that broke the protocol, by the parser's kind.
	BadRequests map[string]uint64

	BytesRead, BytesWritten uint64
	Requests                uint64

	// Drained is what became of connections and requests at the end.
	Drained Drained

	// Takeovers counts requests whose handler, or upgraded connections whose
	// callback, ran so long that another goroutine took the loop, by route (""
	// where that is not known).
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
