// Package wsframe is RFC 6455 framing and the compression of RFC 7692: bytes
// in, messages out, and back. It has no I/O and no clock, so that one codec
// serves net/http's blocking connections, gale's event loop, clients and fuzzers
// alike.
//
//	p := wsframe.Parser{Masked: true, Limit: 1 << 20}
//	for len(in) > 0 {
//		f, n, ok, err := p.Next(in)
//		in = in[n:]
//		…
//	}
//
// A [Parser] belongs to one goroutine at a time, and so does an [Inflater]; the
// Append functions are free of state. Neither remembers anything between two
// messages, so connections can share a few.
//
// Security: the parser is strict (section 5 of the RFC, every MUST) and never
// holds more memory than about twice what the peer has really sent, whatever
// length a header claims. A message over the limit is refused at its header, a
// compressed one as soon as it inflates to more, and one of endless tiny
// fragments, too.
//
// Limits: extensions are not negotiated here; of the reserved bits only the one
// of compression is let through, when the Parser is told so.
package wsframe
