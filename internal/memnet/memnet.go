// Package memnet is a network in memory: a [net.Listener] whose connections
// are a pair of bounded buffers. Unlike [net.Pipe] a write does not wait for
// its reader, as on a socket, and unlike a socket it works in a
// [testing/synctest] bubble. Deadlines, half-closed reads and net.Error
// time-outs behave as those of package net.
//
//	l := memnet.Listen("gale.test:80")
//	go srv.Serve(l)
//	conn, err := l.Dial(ctx)
//
// Listeners and connections are safe for concurrent use.
package memnet

import (
	"context"
	"net"
	"sync"
)

// Addr is the name of a listener, or of the client's end of a connection.
type Addr string

// Network returns "memory".
func (Addr) Network() string { return "memory" }

// String returns the name.
func (a Addr) String() string { return string(a) }

// Listener hands each dialled connection to Accept.
type Listener struct {
	addr   Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Listen returns a listener of that name. Names need not be unique.
func Listen(name string) *Listener {
	return &Listener{addr: Addr(name), conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for the next dialled connection; after Close it returns
// [net.ErrClosed].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "memory", Addr: l.addr, Err: net.ErrClosed}
	}
}

// Dial connects and returns the client's end once the connection was accepted.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	client, server := Pipe(l.addr, "192.0.2.1:1234")
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "memory", Addr: l.addr, Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "memory", Addr: l.addr, Err: ctx.Err()}
	}
}

// Close ends Accept and Dial; connections stay open. A second call does nothing.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr returns the listener's name.
func (l *Listener) Addr() net.Addr { return l.addr }
