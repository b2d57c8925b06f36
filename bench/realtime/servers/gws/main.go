// Command gws serves the benchmark with lxzan/gws on net/http.
package main

import (
	"net/http"

	"github.com/galeweb/gale/bench/realtime/internal/peer"
	"github.com/lxzan/gws"
)

// handler echoes.
type handler struct{ gws.BuiltinEventHandler }

func (handler) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	_ = c.WriteMessage(m.Opcode, m.Bytes()) // the read loop sees a broken connection too
}

// watcher joins the room besides.
type watcher struct {
	handler
	room *peer.Room[*gws.Conn]
}

func (w watcher) OnOpen(c *gws.Conn) { w.room.Add(c) }

func main() {
	peer.Main(func(o peer.Options) (peer.Server, error) {
		var room peer.Room[*gws.Conn]
		var options gws.ServerOption
		if o.Deflate {
			options.PermessageDeflate = gws.PermessageDeflate{Enabled: true, Threshold: 1}
		}
		serve := func(h gws.Event) http.HandlerFunc {
			upgrader := gws.NewUpgrader(h, &options)
			return func(w http.ResponseWriter, r *http.Request) {
				c, err := upgrader.Upgrade(w, r)
				if err != nil {
					return // the client was told
				}
				// As its README does it: the request's memory is freed.
				go c.ReadLoop()
			}
		}
		mux := http.NewServeMux()
		mux.Handle("GET "+peer.Echo, serve(handler{}))
		mux.Handle("GET "+peer.Watch, serve(watcher{room: &room}))
		return peer.Server{
			Serve: func() error { return http.ListenAndServe(o.Addr, mux) },
			Broadcast: func(message []byte) error {
				b := gws.NewBroadcaster(gws.OpcodeText, message)
				defer b.Close()
				return room.Each(b.Broadcast)
			},
		}, nil
	})
}
