// Package wsframe is RFC 6455 framing: bytes in, messages out, and back. It
// has no I/O and no clock, so that one codec serves net/http's blocking
// connections, gale's event loop, clients and fuzzers alike.
//
//	p := wsframe.Parser{Masked: true, Limit: 1 << 20}
//	for len(in) > 0 {
//		f, n, ok, err := p.Next(in)
//		in = in[n:]
//		…
//	}
//
// A [Parser] belongs to one goroutine at a time; the Append functions are free
// of state.
//
// Security: the parser is strict (section 5 of the RFC, every MUST) and never
// holds more memory than about twice what the peer has really sent, whatever
// length a header claims. A message over the limit is refused at its header.
//
// Limits: extensions are not negotiated here, so reserved bits are errors.
package wsframe
