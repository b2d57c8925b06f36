package galenats_test

import (
	"context"
	"fmt"

	"github.com/galeweb/gale/drivers/galenats"
	"github.com/galeweb/gale/hub"
)

// Two nodes share a topic. The first one has the server in its process.
func Example() {
	ctx := context.Background()
	broker, err := galenats.Open(ctx, "nats:embedded", galenats.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close(ctx)
	here, there := hub.New(hub.Options{Broker: broker}), hub.New(hub.Options{Broker: broker})
	options := hub.TopicOptions[string]{History: 100}
	winds, same := hub.NewTopic(here, "winds", options), hub.NewTopic(there, "winds", options)

	watcher, err := same.Subscribe(ctx, "winds", hub.SubscribeOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer watcher.Close()
	if _, err := winds.Publish(ctx, "winds", "north-west 8"); err != nil {
		fmt.Println(err)
		return
	}
	for e, err := range watcher.Messages() {
		fmt.Println(e.Value, err)
		break
	}
	// Output: north-west 8 <nil>
}
