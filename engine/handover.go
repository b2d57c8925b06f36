package engine

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// handover gives connections that this package does not serve, since they speak
// HTTP/2, to a net/http server of its own: it is that server's listener, in
// memory.
type handover struct {
	server *http.Server
	conns  chan net.Conn
	done   chan struct{}
	once   sync.Once
}

// newHandover returns a handover to a server like s.http, but for the hooks: to
// those a connection stays the one that it was.
func (s *Server) newHandover() *handover {
	server := s.std()
	server.MaxHeaderBytes = h2HeaderBytes(s.MaxHeaderBytes)
	server.BaseContext = nil
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if own, _ := handedOver(c); own != nil {
			return own
		}
		return ctx
	}
	server.ConnState = nil
	if told := s.ConnState; told != nil {
		server.ConnState = func(c net.Conn, state http.ConnState) {
			if _, hook := handedOver(c); hook != nil {
				c = hook
			}
			if state != http.StateNew { // it was told when the connection came
				told(c, state)
			}
		}
	}
	return &handover{server: server, conns: make(chan net.Conn), done: make(chan struct{})}
}

// handedOver returns the context of a connection that was handed over, and what
// hooks know it by.
func handedOver(c net.Conn) (context.Context, net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if h, ok := c.(interface {
		handedContext() (context.Context, net.Conn)
	}); ok {
		return h.handedContext()
	}
	return nil, nil
}

// deliver gives conn to the accepter, and closes it when there is none any more.
func (h *handover) deliver(conn net.Conn) {
	select {
	case h.conns <- conn:
	case <-h.done:
		_ = conn.Close()
	}
}

// Accept implements net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handover) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr implements net.Listener.
func (h *handover) Addr() net.Addr { return &net.UnixAddr{Name: "engine", Net: "memory"} }

// handed is a plain connection that was handed over. It reads what had come
// before, and then its socket.
type handed struct {
	net.Conn
	came []byte
	ctx  context.Context
	hook net.Conn
}

func (h *handed) handedContext() (context.Context, net.Conn) { return h.ctx, h.hook }

// Read implements net.Conn.
func (h *handed) Read(p []byte) (int, error) {
	if len(h.came) == 0 {
		return h.Conn.Read(p)
	}
	n := copy(p, h.came)
	if h.came = h.came[n:]; len(h.came) == 0 {
		h.came = nil
	}
	return n, nil
}
