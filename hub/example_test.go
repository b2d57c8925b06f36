package hub_test

import (
	"context"
	"fmt"

	"github.com/galeweb/gale/hub"
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
