package hubclient_test

import (
	"context"
	"errors"
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
	packets := hub.NewTopic(h, "packets/{channel}", hub.TopicOptions[Packet]{History: 100, Authorize: hub.AllowAll})
	server := httptest.NewServer(h.Handler())
	defer server.Close()
	ctx := context.Background()
	defer h.Drain(ctx)
	packets.Publish(ctx, "packets/7", Packet{Device: "anemometer", Value: 12.5})

	c, err := hubclient.Dial(ctx, server.URL, hubclient.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	watcher, err := hubclient.Subscribe[Packet](ctx, c, "packets/7", hubclient.SubscribeOptions{Recent: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	for e, err := range watcher.Messages() {
		if lost, ok := errors.AsType[*hubclient.LostError](err); ok {
			fmt.Println(lost.Missed, "are missing; 0 is an unknown number: load the state afresh")
			continue
		}
		if err != nil {
			fmt.Println(err) // it is over
			break
		}
		fmt.Println(e.Position.Offset, e.Value)
		watcher.Close()
	}
	// Output: 1 {anemometer 12.5}
}
