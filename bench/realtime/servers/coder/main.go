// Command coder serves the benchmark with coder/websocket on net/http. It has no
// prepared messages.
package main

import (
	"context"
	"net/http"

	"github.com/coder/websocket"
	"github.com/galeweb/gale/bench/realtime/internal/peer"
)

func main() {
	peer.Main(func(o peer.Options) (peer.Server, error) {
		var room peer.Room[*websocket.Conn]
		var options websocket.AcceptOptions
		if o.Deflate {
			options = websocket.AcceptOptions{CompressionMode: websocket.CompressionNoContextTakeover, CompressionThreshold: 1}
		}
		serve := func(joins bool) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				c, err := websocket.Accept(w, r, &options)
				if err != nil {
					return // the client was told
				}
				defer c.CloseNow()
				if joins {
					room.Add(c)
				}
				echo(r.Context(), c)
			}
		}
		mux := http.NewServeMux()
		mux.Handle("GET "+peer.Echo, serve(false))
		mux.Handle("GET "+peer.Watch, serve(true))
		return peer.Server{
			Serve: func() error { return http.ListenAndServe(o.Addr, mux) },
			Broadcast: func(message []byte) error {
				return room.Each(func(c *websocket.Conn) error {
					return c.Write(context.Background(), websocket.MessageText, message)
				})
			},
		}, nil
	})
}

func echo(ctx context.Context, c *websocket.Conn) {
	for {
		kind, message, err := c.Read(ctx)
		if err != nil {
			return
		}
		if err := c.Write(ctx, kind, message); err != nil {
			return
		}
	}
}
