// Command hub serves the benchmark with gale's hub on gale's engine.
package main

import (
	"context"
	"net"
	"net/http"

	"github.com/galeweb/gale/bench/realtime/internal/peer"
	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/ws"
	"github.com/go-json-experiment/json/jsontext"
)

func main() {
	peer.Main(func(o peer.Options) (peer.Server, error) {
		// MinSize is that of the peers: all is compressed.
		h := hub.New(hub.Options{Compression: ws.Compression{Enabled: o.Deflate, MinSize: 1}})
		topic := hub.NewTopic(h, peer.Topic, hub.TopicOptions[jsontext.Value]{Authorize: hub.AllowAll})
		mux := http.NewServeMux()
		mux.Handle("GET "+peer.Watch, h.Handler())
		l, err := net.Listen("tcp", o.Addr)
		if err != nil {
			return peer.Server{}, err
		}
		s := &engine.Server{Handler: mux, Mode: engine.Mode(o.Mode), MaxConns: -1, MaxConnsPerAddr: -1}
		return peer.Server{
			Serve: func() error { return s.Serve(l) },
			Broadcast: func(message []byte) error {
				_, err := topic.Publish(context.Background(), peer.Topic, message)
				return err
			},
		}, nil
	})
}
