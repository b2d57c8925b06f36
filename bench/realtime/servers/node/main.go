// Command node serves the benchmark with gale's hub as one node of several, or
// alone.
package main

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/galeweb/gale/bench/realtime/internal/peer"
	"github.com/galeweb/gale/drivers/galenats"
	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/hub"
	"github.com/go-json-experiment/json/jsontext"
)

func main() {
	peer.Main(func(o peer.Options) (peer.Server, error) {
		broker, err := open(context.Background(), o.Broker)
		if err != nil {
			return peer.Server{}, err
		}
		h := hub.New(hub.Options{Broker: broker})
		topic := hub.NewTopic(h, peer.Topic, hub.TopicOptions[jsontext.Value]{Authorize: hub.AllowAll, History: o.History})
		mux := http.NewServeMux()
		mux.Handle("GET "+peer.Watch, h.Handler())
		l, err := net.Listen("tcp", o.Addr)
		if err != nil {
			return peer.Server{}, err
		}
		s := &engine.Server{Handler: mux}
		return peer.Server{
			Serve: func() error { return s.Serve(l) },
			Broadcast: func(message []byte) error {
				_, err := topic.Publish(context.Background(), peer.Topic, message)
				return err
			},
		}, nil
	})
}

// prefix keeps the benchmark's subjects apart from those of others.
const prefix = "gale-bench"

func open(ctx context.Context, url string) (hub.Broker, error) {
	switch {
	case url == "":
		return hub.NewMemoryBroker(), nil
	case strings.HasPrefix(url, "nats:"):
		return galenats.Open(ctx, url, galenats.Options{Prefix: prefix})
	}
	return galevalkey.Open(ctx, url, galevalkey.Options{Prefix: prefix})
}
