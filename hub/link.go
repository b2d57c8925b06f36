package hub

import (
	"context"

	"github.com/galeweb/gale/internal/mailbox"
	"github.com/galeweb/gale/ws"
)

// link is what a transport is to a [client]. Its methods may be called under
// the client's lock, do not block, and do not call the client back.
type link interface {
	// send passes m on. false says that there is no room: m was not taken, and
	// client.writable is called when there is. A closed link takes everything.
	send(m *message) bool
	// close ends the connection after what was passed on; code is one of
	// WebSocket's.
	close(code int, reason string)
	// context has the values of the connection's request and ends with the
	// connection.
	context() context.Context
	// addr is the peer's network address.
	addr() string
}

// message is one message for clients, encoded once for all who get it.
type message struct {
	mailbox.Message
	frame *ws.Prepared
}

// prepared returns the WebSocket frame. Those who share a message are served
// one after the other, so it needs no lock.
func (m *message) prepared() *ws.Prepared {
	if m.frame == nil {
		// The data are UTF-8, see newMessage.
		m.frame, _ = ws.Prepare(ws.Message{Data: m.Data})
	}
	return m.frame
}
