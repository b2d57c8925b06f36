package main

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// proxy is the network between browsers and a server, which the test can cut.
type proxy struct {
	l       net.Listener
	backend string
	running sync.WaitGroup

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]struct{}
}

func newProxy(t *testing.T, backend string) *proxy {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, backend: backend, conns: make(map[net.Conn]struct{})}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.setDown(true)
		p.running.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.pass(c) })
	}
}

func (p *proxy) pass(front net.Conn) {
	back, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.backend)
	if err != nil {
		front.Close()
		return
	}
	if !p.add(front, back) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(front, back) })
	both.Go(func() { p.copy(back, front) })
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, front)
	delete(p.conns, back)
}

func (p *proxy) copy(to, from net.Conn) {
	_, _ = io.Copy(to, from) // it ends when either side does
	to.Close()
	from.Close()
}

func (p *proxy) add(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.down {
			c.Close()
		} else {
			p.conns[c] = struct{}{}
		}
	}
	return !p.down
}

// setDown cuts all connections, and those that come, or lets them through.
func (p *proxy) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	for c := range p.conns {
		if down {
			c.Close()
		}
	}
}
