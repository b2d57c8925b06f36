// Package hubclient follows the topics of a [hub.Hub] from another process,
// over WebSocket, and calls its methods.
//
//	c, err := hubclient.Dial(ctx, "wss://example.com/live", hubclient.Options{})
//	defer c.Close()
//	sub, err := hubclient.Subscribe[Packet](ctx, c, "packets/7", hubclient.SubscribeOptions{})
//	for e, err := range sub.Messages() {
//		if lost, ok := errors.AsType[*hubclient.LostError](err); ok { … ; continue }
//		…
//	}
//
// A connection that is lost is made again, after random pauses or when the
// server said, and subscriptions go on behind the last message that came:
// none comes twice or out of order, and what the server cannot give any more
// is told as a [LostError]. The protocol is in docs/hub-protocol.md.
//
// Each subscription has a bounded queue. When it is full the client stops
// reading until there is room: nothing is dropped here, and the server's
// policy for slow subscribers decides. All subscriptions of a client share its
// connection, so one that is never read ends up stopping the others, and after
// half a minute the server closes the connection; give it a client of its own.
//
// Concurrency: everything here may be used from any goroutine, save that one
// loop at a time takes a subscription's messages. A client has one goroutine
// beside those of its connection; [Client.Close] waits for all.
//
// Security: TLS is that of crypto/tls. What is received counts as the
// server's: messages are bounded by [Options].ReadLimit, and decoded into the
// types of the caller.
//
// Limits: a server takes 128 subscriptions from a connection, and one for each
// topic. Calls are carried out at most once: one whose connection is lost
// before the answer fails with [ErrDisconnected] and is not repeated.
package hubclient
