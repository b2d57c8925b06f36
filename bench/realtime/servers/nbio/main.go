// Command nbio serves the benchmark with nbio's WebSocket on its event loop. A
// broadcast writes one frame, made once by gobwas/ws, to every connection:
// nbio has no prepared messages, and its writes are atomic.
package main

import (
	"net/http"

	"github.com/galeweb/gale/bench/realtime/internal/peer"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

func main() {
	peer.Main(func(o peer.Options) (peer.Server, error) {
		logging.SetLevel(logging.LevelError)
		var room peer.Room[*websocket.Conn]
		serve := func(joins bool) http.HandlerFunc {
			u := websocket.NewUpgrader()
			u.EnableCompression(o.Deflate)
			u.OnMessage(func(c *websocket.Conn, kind websocket.MessageType, message []byte) {
				_ = c.WriteMessage(kind, message) // a broken connection is closed by the loop
			})
			if joins {
				u.OnOpen(room.Add)
			}
			return func(w http.ResponseWriter, r *http.Request) {
				_, _ = u.Upgrade(w, r, nil) // the client was told
			}
		}
		mux := http.NewServeMux()
		mux.Handle("GET "+peer.Echo, serve(false))
		mux.Handle("GET "+peer.Watch, serve(true))
		engine := nbhttp.NewEngine(nbhttp.Config{Network: "tcp", Addrs: []string{o.Addr}, Handler: mux, ReleaseWebsocketPayload: true})
		return peer.Server{
			Serve: func() error {
				if err := engine.Start(); err != nil {
					return err
				}
				select {}
			},
			Broadcast: func(message []byte) error {
				frame := ws.NewTextFrame(message)
				if o.Deflate {
					var err error
					if frame, err = wsflate.CompressFrame(frame); err != nil {
						return err
					}
				}
				compiled, err := ws.CompileFrame(frame)
				if err != nil {
					return err
				}
				return room.Each(func(c *websocket.Conn) error {
					_, err := c.UnderlayerConn().Write(compiled)
					return err
				})
			},
		}, nil
	})
}
