// Command centrifuge serves the benchmark with the library centrifuge on
// net/http: its node with the memory broker, its WebSocket handler, JSON.
package main

import (
	"context"
	"net/http"

	"github.com/centrifugal/centrifuge"
	"github.com/galeweb/gale/bench/realtime/internal/peer"
)

func main() {
	peer.Main(func(o peer.Options) (peer.Server, error) {
		node, err := centrifuge.New(centrifuge.Config{})
		if err != nil {
			return peer.Server{}, err
		}
		node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
			return centrifuge.ConnectReply{
				Credentials: &centrifuge.Credentials{},
				WriteDelay:  o.WriteDelay, WriteWithTimer: o.WriteDelay > 0,
			}, nil
		})
		node.OnConnect(func(c *centrifuge.Client) {
			c.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
				done(centrifuge.SubscribeReply{}, nil)
			})
		})
		if err := node.Run(); err != nil {
			return peer.Server{}, err
		}
		config := centrifuge.WebsocketConfig{Compression: o.Deflate}
		if o.Deflate {
			// Compressed once for all who watch, rather than for each.
			config.CompressionPreparedMessageCacheSize = 1 << 20
		}
		mux := http.NewServeMux()
		mux.Handle("GET "+peer.Watch, centrifuge.NewWebsocketHandler(node, config))
		return peer.Server{
			Serve: func() error { return http.ListenAndServe(o.Addr, mux) },
			Broadcast: func(message []byte) error {
				_, err := node.Publish(peer.Topic, message)
				return err
			},
		}, nil
	})
}
