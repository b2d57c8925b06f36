// Package loop serves many sockets with few goroutines on Linux: it is the only
// package of gale that handles raw descriptors, and the only one with unsafe.
//
// A [Set] has one epoll instance a [Loop]. A [Conn] is registered once,
// edge-triggered, and costs no system call to wait. Whoever polls a loop, its
// leader, serves the connections that have news by itself, so that quick work
// costs no switch. Three things keep slow work from stalling the loop:
//
//   - the watch looks at each loop every millisecond, and when it sees the same
//     piece of work twice has another goroutine lead the loop on from there;
//   - work that is about to block gives the loop away first ([Worker.GiveUp]);
//   - work that is known to be slow is handed to a worker ([Set.Serve]).
//
// Kicks of connections that may be kicked by the thousand are gathered
// ([Conn.Batch]): one worker serves them all, however quickly they come.
//
// # Ownership
//
// One goroutine at a time owns a connection: it alone reads, writes and closes
// the descriptor. News of an owned connection is noted in the connection's
// state and found by the owner when it wants to give the connection back. This
// is what makes it impossible for a descriptor to be used after it was closed
// and given to another connection.
package loop
