package ws

import "github.com/galeweb/gale/internal/upgrade"

// protocol is a Conn as the server knows it.
type protocol Conn

var _ upgrade.Protocol = (*protocol)(nil)

// Receive implements upgrade.Protocol.
func (p *protocol) Receive(in []byte) { (*Conn)(p).receive(in) }

// Output implements upgrade.Protocol.
func (p *protocol) Output(dst []byte) []byte { return (*Conn)(p).output(dst) }

// Due implements upgrade.Protocol.
func (p *protocol) Due(now int64) int64 { return (*Conn)(p).due(now) }

// Ended implements upgrade.Protocol.
func (p *protocol) Ended(cause error) { (*Conn)(p).ended(cause) }

// Ending implements upgrade.Protocol. A server shuts its half only, and reads on
// until the client has closed too: closing with bytes unread, such as those
// behind a breach, would reset the connection, and the client might never see
// the close frame.
func (p *protocol) Ending() upgrade.Ending {
	c := (*Conn)(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.flags&broken != 0, c.flags&peerClosed != 0 && c.kind&client == 0:
		return upgrade.EndLinger
	case c.flags&peerClosed != 0:
		return upgrade.EndClose
	default:
		return upgrade.Open
	}
}
