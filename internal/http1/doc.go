// Package http1 is HTTP/1.1 and HTTP/1.0 for servers: bytes in and requests
// out, responses in and bytes out. It has no I/O and no clock, so that one codec
// serves gale's event loop, blocking connections and fuzzers alike.
package http1
