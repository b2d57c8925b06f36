// Package hub is real time by topics: values of one type are published under
// a name, and everyone who subscribed to the name gets them, in the process, or
// in browsers over WebSocket, server-sent events or long-poll.
//
//	h := hub.New(hub.Options{})
//	packets := hub.NewTopic(h, "packets/{channel}", hub.TopicOptions[Packet]{
//		History:   100,
//		Authorize: func(ctx context.Context, name string, params map[string]string) error { … },
//	})
//	mux.Handle("/live", h.Handler())
//	…
//	packets.Publish(ctx, "packets/7", p)
//
// A value is encoded once, into one frame that all receivers share. Each
// subscriber has a bounded queue and the topic a [Policy] for those who read
// slower than is written; what they miss is counted and told to them, and
// [Hub.Slow] names them. Each message has a [Position]; who comes back with the
// last one gets what he missed from the history, or is told that it cannot be
// had. The same goes for a node whose [Broker] was lost: it fetches what its
// subscribers missed, or tells them.
//
// Clients may also be told who else is there (TopicOptions.Presence), and call
// methods ([Handle]). The protocol is in docs/hub-protocol.md, a client for
// browsers in [ClientJS], one for programs in package hubclient.
//
// Concurrency: everything here may be used from any goroutine; [NewTopic] and
// [Handle] are called before the hub serves. Locks are taken in the order
// broker's topic → feed → subscriber → link, and presence → subscriber;
// nothing calls back up. The hub's goroutines (one that listens to other
// nodes, from the first connection on, and one for whatever is being fetched)
// end with [Hub.Drain].
//
// Security: nobody may subscribe over the network until a topic has an
// Authorize; [AllowAll] opens one to the world. [Hub.Recheck] has it asked
// again, and a subscription that came in between is found too. Browsers connect
// only from pages of the same host, by any transport. Clients are bounded: 128
// subscriptions each, 4 KiB a request, 64 KiB a call, names of [MaxName] bytes;
// who does not read is bounded by the topic's policy, then closed. Errors show
// no causes. A topic's presence shows users' ids and Identity.Info to whoever
// may subscribe, unless it tells only counts.
//
// Limits: delivery is at most once. What must not be lost belongs in a
// database first; the topic then says that there is news. An order to
// disconnect that a node could not hear, because it was without the broker for
// over 10 minutes, is lost; it then checks all its subscriptions.
package hub
