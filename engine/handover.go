package engine

import (
	"context"
	"net"
	"net/http"

	"github.com/galeweb/gale/internal/handover"
)

// h2Server gives connections that this package does not serve, since they speak
// HTTP/2, to a net/http server of its own.
type h2Server struct {
	*handover.Listener
	server *http.Server
}

// newH2Server returns a server like s.http, but for the hooks: to those
// a connection stays the one that it was.
func (s *Server) newH2Server() *h2Server {
	server := s.std()
	server.MaxHeaderBytes = h2HeaderBytes(s.MaxHeaderBytes)
	server.BaseContext = nil
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if own, _ := handover.Of(c); own != nil {
			return own
		}
		return ctx
	}
	server.ConnState = nil
	if told := s.ConnState; told != nil {
		server.ConnState = func(c net.Conn, state http.ConnState) {
			if _, hook := handover.Of(c); hook != nil {
				c = hook
			}
			if state != http.StateNew { // it was told when the connection came
				told(c, state)
			}
		}
	}
	return &h2Server{handover.Listen(), server}
}
