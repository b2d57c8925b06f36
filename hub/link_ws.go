package hub

import (
	"context"
	"errors"
	"net/http"

	"github.com/galeweb/gale/internal/hubwire"
	"github.com/galeweb/gale/internal/mailbox"
	"github.com/galeweb/gale/ws"
)

// socketLink is a WebSocket as a link.
type socketLink struct{ *ws.Conn }

func (l socketLink) send(m *message) bool {
	err := l.SendPrepared(m.prepared())
	return err == nil || !errors.Is(err, ws.ErrQueueFull)
}

func (l socketLink) close(code int, reason string) { l.Close(code, reason) }
func (l socketLink) context() context.Context      { return l.Context() }
func (l socketLink) addr() string                  { return l.RemoteAddr().String() }

func (h *Hub) newSocketHandler() *ws.Handler {
	return &ws.Handler{
		Open: func(conn *ws.Conn, _ *http.Request) error {
			c, err := h.admit(socketLink{conn}, transportWS, h.o.Authenticate == nil)
			if err != nil {
				return &ws.CloseError{Code: ws.CodeServiceRestart, Reason: "service restart"}
			}
			conn.SetData(c)
			return nil
		},
		Message: func(conn *ws.Conn, m ws.Message) error {
			if m.Binary {
				return &ws.CloseError{Code: ws.CodeUnsupported, Reason: "binary message"}
			}
			conn.Data().(*client).message(m.Data)
			return nil
		},
		Close: func(conn *ws.Conn, _ error) { conn.Data().(*client).end() },
		Writable: func(conn *ws.Conn) {
			if c, ok := conn.Data().(*client); ok { // there is none yet when Open has failed
				c.writable()
			}
		},
		Subprotocols:  []string{Subprotocol},
		CheckOrigin:   h.o.CheckOrigin,
		Keep:          h.o.Keep,
		ReadLimit:     hubwire.MaxRequest,
		Compression:   h.o.Compression,
		QueueMessages: mailbox.MaxMessages,
		QueueBytes:    mailbox.MaxBytes,
		DrainOver:     -1, // Hub.Drain has spread them
	}
}
