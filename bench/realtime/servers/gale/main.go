// Command gale serves the benchmark with package ws on gale's engine.
package main

import (
	"net"
	"net/http"

	"github.com/galeweb/gale/bench/realtime/internal/peer"
	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/ws"
)

func main() {
	peer.Main(func(o peer.Options) (peer.Server, error) {
		var room peer.Room[*ws.Conn]
		echo := func(c *ws.Conn, m ws.Message) error { return c.Send(m) }
		compression := ws.Compression{Enabled: o.Deflate, MinSize: 1}
		mux := http.NewServeMux()
		mux.Handle("GET "+peer.Echo, &ws.Handler{Message: echo})
		mux.Handle("GET "+peer.Watch, &ws.Handler{
			Open:    func(c *ws.Conn, _ *http.Request) error { room.Add(c); return nil },
			Message: echo, Compression: compression,
		})
		l, err := net.Listen("tcp", o.Addr)
		if err != nil {
			return peer.Server{}, err
		}
		// The limit of connections is lifted, since 19,000 are held open; all else
		// is as users get it.
		s := &engine.Server{Handler: mux, Mode: engine.Mode(o.Mode), MaxConns: -1, MaxConnsPerAddr: -1}
		return peer.Server{
			Serve: func() error { return s.Serve(l) },
			Broadcast: func(message []byte) error {
				p, err := ws.Prepare(ws.Message{Data: message})
				if err != nil {
					return err
				}
				return room.Each(func(c *ws.Conn) error { return c.SendPrepared(p) })
			},
		}, nil
	})
}
