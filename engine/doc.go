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
// # Concurrency
//
// Set the fields before the first call of a method; after that every method is
// safe for concurrent use. Serve may be called for several listeners at once.
//
// # Security
//
// A client is given 10 s for its request header, 64 KiB for the header's bytes
// and 75 s between requests; the number of connections is bounded in all and
// for each public address. HTTP/2 without TLS is off, since no browser speaks
// it and a proxy that passes it on unseen lets requests be smuggled.
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
// The time and the size of a body are limited a route at a time, by package
// middleware: one figure for a whole server is either too short for an upload
// or too long for a login form.
package engine
