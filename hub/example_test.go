package hub_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/hub/hubclient"
)

func Example() {
	type Packet struct {
		Device string  `json:"device"`
		Value  float64 `json:"value"`
	}
	h := hub.New(hub.Options{})
	packets := hub.NewTopic(h, "packets/{channel}", hub.TopicOptions[Packet]{History: 100})

	ctx := context.Background()
	watcher, err := packets.Subscribe(ctx, "packets/7", hub.SubscribeOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer watcher.Close()

	packets.Publish(ctx, "packets/7", Packet{Device: "anemometer", Value: 12.5})
	packets.Publish(ctx, "packets/7", Packet{Device: "anemometer", Value: 17})

	for e, err := range watcher.Messages() {
		fmt.Println(e.Position.Offset, e.Value, err)
		if e.Position.Offset == 2 {
			break
		}
	}
	// Output:
	// 1 {anemometer 12.5} <nil>
	// 2 {anemometer 17} <nil>
}

func ExampleHandle() {
	type Move struct {
		From string `json:"from" validate:"required"`
		To   string `json:"to" validate:"required"`
	}
	h := hub.New(hub.Options{})
	hub.Handle(h, "chess.move", func(_ context.Context, m Move) (string, error) {
		return m.From + " to " + m.To, nil
	})
	server := httptest.NewServer(h.Handler())
	defer server.Close()
	ctx := context.Background()
	defer h.Drain(ctx)

	c, err := hubclient.Dial(ctx, server.URL, hubclient.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(hubclient.Call[string](ctx, c, "chess.move", Move{"e2", "e4"}))
	_, err = hubclient.Call[string](ctx, c, "chess.move", Move{From: "e2"})
	fmt.Println(err)
	// Output:
	// e2 to e4 <nil>
	// hubclient: call "chess.move": hubclient: invalid: Some of the values are not valid.
}
