// Command gorilla serves the benchmark with gorilla/websocket on net/http.
package main

import (
	"net/http"
	"sync"

	"github.com/galeweb/gale/bench/realtime/internal/peer"
	"github.com/gorilla/websocket"
)

// conn may be written to by one goroutine at a time.
type conn struct {
	*websocket.Conn
	mu sync.Mutex
}

func main() {
	peer.Main(func(o peer.Options) (peer.Server, error) {
		var room peer.Room[*conn]
		upgrader := websocket.Upgrader{EnableCompression: o.Deflate}
		serve := func(joins bool) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				ws, err := upgrader.Upgrade(w, r, nil)
				if err != nil {
					return // the client was told
				}
				c := &conn{Conn: ws}
				defer c.Close()
				if joins {
					room.Add(c)
				}
				c.echo()
			}
		}
		mux := http.NewServeMux()
		mux.Handle("GET "+peer.Echo, serve(false))
		mux.Handle("GET "+peer.Watch, serve(true))
		return peer.Server{
			Serve: func() error { return http.ListenAndServe(o.Addr, mux) },
			Broadcast: func(message []byte) error {
				p, err := websocket.NewPreparedMessage(websocket.TextMessage, message)
				if err != nil {
					return err
				}
				return room.Each(func(c *conn) error {
					c.mu.Lock()
					defer c.mu.Unlock()
					return c.WritePreparedMessage(p)
				})
			},
		}, nil
	})
}

func (c *conn) echo() {
	for {
		kind, message, err := c.ReadMessage()
		if err != nil {
			return
		}
		c.mu.Lock()
		err = c.WriteMessage(kind, message)
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}
