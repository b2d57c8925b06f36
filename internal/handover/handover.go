// Package handover gives connections that one server has accepted to another: it
// is the listener of that one, in memory.
package handover

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

// Listener is a net.Listener of connections that were delivered to it.
type Listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// Listen returns a Listener.
func Listen() *Listener { return &Listener{conns: make(chan net.Conn), done: make(chan struct{})} }

// Deliver gives conn to the accepter, and closes it when there is none any more.
func (h *Listener) Deliver(conn net.Conn) {
	select {
	case h.conns <- conn:
	case <-h.done:
		_ = conn.Close()
	}
}

// Accept implements net.Listener.
func (h *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *Listener) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr implements net.Listener.
func (h *Listener) Addr() net.Addr { return &net.UnixAddr{Name: "engine", Net: "memory"} }

// Handed is a connection that was handed over, or the transport of one with TLS.
type Handed interface {
	// HandedOver returns the context of its requests, and what hooks know it by.
	HandedOver() (context.Context, net.Conn)
}

// Of returns the context of a connection that was handed over, and what hooks
// know it by; nil for any other.
func Of(c net.Conn) (context.Context, net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if h, ok := c.(Handed); ok {
		return h.HandedOver()
	}
	return nil, nil
}

// Plain returns conn, whose requests derive from ctx, as a Handed that reads what came before, and then conn.
func Plain(ctx context.Context, conn net.Conn, came []byte, hook net.Conn) net.Conn {
	return &plain{conn, came, ctx, hook}
}

type plain struct {
	net.Conn
	came []byte
	ctx  context.Context
	hook net.Conn
}

// HandedOver implements Handed.
func (p *plain) HandedOver() (context.Context, net.Conn) { return p.ctx, p.hook }

// Read implements net.Conn.
func (p *plain) Read(b []byte) (int, error) {
	if len(p.came) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.came)
	if p.came = p.came[n:]; len(p.came) == 0 {
		p.came = nil
	}
	return n, nil
}
