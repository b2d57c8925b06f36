package ws

import (
	"strconv"
	"strings"
)

// Compression says what of a connection is compressed (permessage-deflate, RFC
// 7692), when the peer can do it too. It costs processor time, and it tells a
// listener who can have a secret and text of his own sent in one message how
// like the two are (BREACH): leave it off where that may happen.
//
// Nothing is kept for it between messages, save with a Dictionary.
type Compression struct {
	// Enabled has messages compressed in both directions. Defaults to false.
	Enabled bool
	// MinSize is from how many bytes on a message is compressed. Defaults to
	// 200.
	MinSize int
	// Dictionary is how much of what was sent, in bytes, each connection keeps,
	// so that messages which are like those before them get shorter. It is 8 KiB
	// at most. Defaults to 0.
	Dictionary int
}

func (o Compression) minSize() int { return or(o.MinSize, 200) }

const (
	deflateName = "permessage-deflate"

	noServerTakeover = "server_no_context_takeover"
	noClientTakeover = "client_no_context_takeover"
	serverWindow     = "server_max_window_bits"
	clientWindow     = "client_max_window_bits"
)

// minWindow and maxWindow are how far an inflater may have to reach back, as
// powers of 2.
const (
	minWindow = 8
	maxWindow = 15
)

// agreement is what permessage-deflate was agreed on with. The zero agreement
// is none.
type agreement struct {
	agreed       bool
	serverForget bool // the server's messages do without those before them
	clientForget bool // and so do the client's
	window       int  // of the server; 0 when nobody has spoken of it
}

// accept chooses the first offer that we can accept, if any; ok is false when
// the header is malformed. As a server we always ask the client to forget what
// it sent, so that receiving needs no memory. We cannot tell stateless deflate
// to use a smaller window; a message that is not longer than the window needs
// none.
func (o Compression) accept(header []string) (a agreement, ok bool) {
	offers, ok := parseExtensions(header)
	for _, offer := range offers {
		if a, ok := offer.deflate(true); ok {
			a.serverForget = a.serverForget || o.Dictionary <= 0
			a.clientForget = true
			return a, true
		}
	}
	return agreement{}, ok
}

// offer is what a client sends.
func (o Compression) offer() string {
	a := agreement{agreed: true, clientForget: o.Dictionary <= 0, serverForget: o.Dictionary <= 0}
	return a.String()
}

// answered judges what a server answers to our offer; ok is false when the
// connection must fail. A server that does not promise to forget is let
// through: then we remember.
func (o Compression) answered(header []string) (a agreement, ok bool) {
	answers, ok := parseExtensions(header)
	switch {
	case !ok:
		return a, false
	case len(answers) == 0:
		return a, true
	case len(answers) > 1 || !o.Enabled:
		return a, false
	}
	return answers[0].deflate(false)
}

// deflate reads e as an offer, or as an answer to one; ok is false when it is
// none that we can work with, RFC 7692 section 7.1.
func (e extension) deflate(isOffer bool) (a agreement, ok bool) {
	if e.name != deflateName {
		return agreement{}, false
	}
	a.agreed = true
	seen := map[string]bool{}
	for _, p := range e.params {
		if seen[p.name] {
			return agreement{}, false
		}
		seen[p.name] = true
		bits, isBits := parseWindow(p.value)
		switch {
		case p.name == noServerTakeover && !p.valued:
			a.serverForget = true
		case p.name == noClientTakeover && !p.valued:
			a.clientForget = true
		case p.name == serverWindow && isBits:
			a.window = bits
		case p.name == clientWindow && isOffer && (isBits || !p.valued):
			// We may limit the client's window, and need not.
		default:
			return agreement{}, false
		}
	}
	return a, true
}

// parseWindow reads a number from 8 to 15 without leading zeros.
func parseWindow(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= minWindow && n <= maxWindow && strconv.Itoa(n) == s
}

// String returns the element of Sec-WebSocket-Extensions.
func (a agreement) String() string {
	var b strings.Builder
	b.WriteString(deflateName)
	if a.serverForget {
		b.WriteString("; " + noServerTakeover)
	}
	if a.clientForget {
		b.WriteString("; " + noClientTakeover)
	}
	if a.window != 0 {
		b.WriteString("; " + serverWindow + "=" + strconv.Itoa(a.window))
	}
	return b.String()
}
