// Package galenats is a [hub.Broker] on NATS: in the process, so that several
// machines need nothing besides the program, or on servers of their own.
//
//	broker, err := galenats.Open(ctx, "nats://nats.example.com", galenats.Options{})
//	…
//	defer broker.Close(ctx)
//	h := hub.New(hub.Options{Broker: broker})
//
// # How
//
// What has no history is published as it is, and has no positions. What has
// goes into a stream of JetStream, one for all topics of the same retention,
// which numbers it, keeps it, and publishes it again with its number and that
// of the message before: each node has one plain subscription for each topic
// that its hub needs, and the servers have no consumer. Offsets are those of the
// stream, so they grow by more than one where topics share it.
//
// Streams are made when they are first needed, and named GALE_prefix_messages-
// milliseconds. They can be changed (replicas, limits of bytes) by the tools of
// NATS, save their subjects and their republishing. A topic asked about while
// nothing of it is kept gets an empty message, which gives it a position.
//
// # In the process
//
// The URL nats:embedded starts a server inside the process. It listens on
// nothing, and keeps history in memory, unless parameters say otherwise:
//
//	dir=/var/lib/app/nats    keep history in files
//	listen=127.0.0.1:4222    let other processes connect
//	cluster=10.0.0.1:6222    be one of several servers, which find one another
//	routes=10.0.0.2:6222,…   at these addresses
//	name=a                   what tells it from them; defaults to host and port
//	secret=…                 what clients and routes must know
//
// A cluster keeps history as long as more than half of all servers it ever had
// are there: run three or more, with Options.Replicas 3. Each needs a dir and a
// name that stay the same.
//
// Concurrency: a [Broker] may be used from any goroutine.
//
// Security: an embedded server refuses to listen beyond this machine without a
// secret. It speaks plain text: use it on networks of your own. Use tls: URLs
// to reach servers of their own. Errors never show passwords.
//
// Limits: NATS 2.9 and later, with JetStream for history. A message may be as
// big as the servers allow, 1 MiB by default. The messages of one batch are
// kept one by one: when one fails, those before it are published. A server
// that loses power may lose the last two minutes, and gives their offsets away
// a second time; Replicas 3, or sync: always in its configuration, prevents it.
// The end of a presence is told by the clocks of servers and nodes.
package galenats
