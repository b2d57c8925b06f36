// Package engine is the HTTP server under gale: [Server] has the fields and
// methods of [net/http.Server] that a user knows, serves any [net/http.Handler]
// over HTTP/1.1 and, on TLS, HTTP/2, and has safe limits unless told otherwise.
//
//	srv := &engine.Server{Handler: h}
//	l, err := net.Listen("tcp", "127.0.0.1:8080")
//	…
//	err = srv.Serve(l) // http.ErrServerClosed after Shutdown or Close
//
// Most programs call gale.Run, which owns listeners, signals and draining.
//
// # How it serves
//
// On Linux an event loop for each processor polls the connections; one that
// waits for a request holds no goroutine and no buffer. Who polls runs the handler
// as well, so that a quick one costs no switch. A handler that holds its loop for
// a millisecond loses it to another goroutine and goes on undisturbed; one that
// waits for its client, or whose route was slow before, leaves the loop by
// itself. So handlers are plain, blocking code, and no handler holds up another.
// HTTP/2, listeners that are not of package net, and other systems are served by
// net/http. [Mode] chooses the mechanism.
//
// # Upgraded connections
//
// A WebSocket of package ws stays on its loop after its handler has returned: an
// idle one holds no goroutine, no buffer, and less than 300 bytes here. Its
// callbacks run as handlers do, so a slow one holds up no other connection. Who
// sends to very many of them does not write itself: one goroutine for each loop
// does, and what was sent to a connection until its turn came goes out together.
//
// # Differences from net/http
//
// What a handler and a client see is what net/http would do, down to the bytes
// (the contract tests of this package), but for this:
//
//   - more malformed requests are refused, see package internal/http1;
//   - Date may be a quarter of a second old;
//   - a body limit, and limits on slow clients, hold by default;
//   - [net/http.MaxBytesReader] closes the connection only when it is in the
//     Body of the request that the server made, not of a copy; [LimitBody] has
//     no such restriction;
//   - a hijacked connection is a [*net.TCPConn] in a wrapper, not that type;
//   - the connection given to ConnContext and ConnState has addresses, and cannot
//     be read or written;
//   - goroutine labels are set: see [WorkerLabel].
//
// # Concurrency
//
// Set the fields before the first call of a method; after that every method is
// safe for concurrent use. Serve may be called for several listeners at once.
// Each request has one goroutine at a time, which may be another for the next
// request of the connection.
//
// # TLS and HTTP/2
//
// TLS is 1.2 at least. Certificates from files are read again within 10 s of a
// change, for new connections; while the two files do not belong together the old
// certificate stays, and a warning says so once. Session tickets are on; their
// keys change daily. A client that says nothing, or only a part of its hello,
// costs no goroutine, one that is silent between requests 6 KB of memory. The
// connection that hooks and hijackers get is a *[tls.Conn].
//
// HTTP/2 is net/http's: a connection that agrees on it, or begins with it where
// Server.H2C is set, is handed over with its place in the limits, and is counted
// in Stats.Hijacked until it is closed. At most 100 requests run on it at once;
// limits of the header's bytes, of bodies and of the time for their next bytes
// hold as for HTTP/1.1, but not MinRate, MaxQueueing, MaxRequestLine and
// MaxHeaderFields. Shutdown tells its clients to go, and waits for what runs.
//
// # Limits
//
// Every limit is a field of [Server] with its default and its reason: the size
// of request line, header and body, the number of fields, the time for a header,
// between the bytes of a body or of a response, and between requests, the least
// rate of bodies and responses, connections in all and by address, TLS
// handshakes at once, and the time that requests may queue. What each has refused
// is in [Stats].
//
// # Security
//
// The parser refuses whatever two readers might understand differently, such as
// two lengths, since that is how requests are smuggled past a proxy. HTTP/2
// without TLS is off for the same reason.
package engine
