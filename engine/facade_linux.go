package engine

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"
)

// facade is what ConnContext and ConnState see of a plain connection: its
// addresses. Its bytes belong to the server.
type facade struct{ c *conn }

// facade returns the connection for hooks: a *tls.Conn where there is TLS.
func (c *conn) facade() net.Conn {
	if c.tls != nil {
		return c.tls.conn
	}
	return facade{c}
}

// tell calls the ConnState hook.
func (c *conn) tell(state http.ConnState) {
	if f := c.n.s.ConnState; f != nil {
		f(c.facade(), state)
	}
}

func (f facade) Read([]byte) (int, error)  { return 0, errServersOwn }
func (f facade) Write([]byte) (int, error) { return 0, errServersOwn }

// Close has the connection closed.
func (f facade) Close() error {
	f.c.cut(net.ErrClosed)
	return nil
}

func (f facade) LocalAddr() net.Addr  { return f.c.LocalAddr() }
func (f facade) RemoteAddr() net.Addr { return f.c.peer() }

func (f facade) SetDeadline(time.Time) error      { return errServersOwn }
func (f facade) SetReadDeadline(time.Time) error  { return errServersOwn }
func (f facade) SetWriteDeadline(time.Time) error { return errServersOwn }

var errServersOwn = &net.OpError{Op: "use", Net: "engine", Err: os.ErrPermission}

// peer returns the remote address as package net has it.
func (c *conn) peer() net.Addr {
	if ap, err := netip.ParseAddrPort(c.remote); err == nil {
		return net.TCPAddrFromAddrPort(ap)
	}
	return &net.UnixAddr{Name: c.remote, Net: "unix"}
}

// LocalAddr implements exchange.Wire.
func (c *conn) LocalAddr() net.Addr {
	if a := c.Conn.LocalAddr(); a != nil {
		return a
	}
	return c.from.ln.addr
}
