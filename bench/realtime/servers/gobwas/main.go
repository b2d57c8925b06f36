// Command gobwas serves the benchmark with gobwas/ws: a goroutine for each
// connection, the handshake on the bare socket, and frames that are made once.
package main

import (
	"net"
	"sync"

	"github.com/galeweb/gale/bench/realtime/internal/peer"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

// conn may be written to by one goroutine at a time.
type conn struct {
	net.Conn
	mu sync.Mutex
}

func (c *conn) send(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.Write(frame)
	return err
}

type server struct {
	deflate bool
	room    peer.Room[*conn]
}

func main() {
	peer.Main(func(o peer.Options) (peer.Server, error) {
		s := &server{deflate: o.Deflate}
		return peer.Server{Serve: func() error { return s.serve(o.Addr) }, Broadcast: s.broadcast}, nil
	})
}

func (s *server) serve(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go s.handle(&conn{Conn: c})
	}
}

func (s *server) handle(c *conn) {
	defer c.Close()
	joins := false
	u := ws.Upgrader{OnRequest: func(uri []byte) error {
		joins = string(uri) == peer.Watch
		return nil
	}}
	if s.deflate {
		u.Negotiate = (&wsflate.Extension{Parameters: wsflate.DefaultParameters}).Negotiate
	}
	if _, err := u.Upgrade(c.Conn); err != nil {
		return // the client was told
	}
	if joins {
		s.room.Add(c)
	}
	for {
		message, op, err := wsutil.ReadClientData(c.Conn)
		if err != nil || c.send(ws.MustCompileFrame(ws.NewFrame(op, true, message))) != nil {
			return
		}
	}
}

func (s *server) broadcast(message []byte) error {
	frame := ws.NewTextFrame(message)
	if s.deflate {
		var err error
		if frame, err = wsflate.CompressFrame(frame); err != nil {
			return err
		}
	}
	compiled, err := ws.CompileFrame(frame)
	if err != nil {
		return err
	}
	return s.room.Each(func(c *conn) error { return c.send(compiled) })
}
