// Package hub is real time by topics: values of one type are published under
// a name, and everyone who subscribed to the name gets them, in the browser
// over WebSocket or in the process.
//
//	h := hub.New(hub.Options{})
//	packets := hub.NewTopic(h, "packets/{channel}", hub.TopicOptions[Packet]{
//		History:   100,
//		Authorize: func(ctx context.Context, name string, params map[string]string) error { … },
//	})
//	mux.Handle("GET /live", h.Handler())
//	…
//	packets.Publish(ctx, "packets/7", p)
//
// A value is encoded once, into one frame that all receivers share. Each
// subscriber has a bounded queue and the topic a [Policy] for those who read
// slower than is written; what they miss is counted and told to them. Each
// message has a [Position]; who comes back with the last one gets what he
// missed from the history, or is told that it cannot be had.
//
// The protocol is in docs/hub-protocol.md, a client for browsers in
// [ClientJS].
//
// Concurrency: everything here may be used from any goroutine. Locks are taken
// in the order broker's topic → feed → subscriber → [ws.Conn]; nothing calls
// back up.
//
// Security: nobody may subscribe over the network until a topic has an
// Authorize; [AllowAll] opens one to the world. Browsers connect only from
// pages of the same host. Clients are bounded: 128 subscriptions each, 4 KiB a
// request, names of [MaxName] bytes.
//
// Limits: delivery is at most once. What must not be lost belongs in a
// database first; the topic then says that there is news.
package hub
