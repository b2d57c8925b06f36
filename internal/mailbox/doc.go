// Package mailbox brings the messages of a hub to clients that take them over
// HTTP: by [Stream], server-sent events, or by [Polls], one request after the
// other. What the messages say is the hub's; here they are JSON that moves a
// topic's position.
//
// A [Box] is filled from any goroutine, and never blocks. Stream and Polls are
// called by handlers, whose goroutines they hold.
//
// Clients are not trusted: a reader that takes nothing for 10 s is cut off, a
// resume token that makes no sense counts as a position that cannot be
// recovered, and a node keeps at most 16,384 sessions of polls.
package mailbox
