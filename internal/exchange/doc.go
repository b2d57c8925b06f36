// Package exchange serves one HTTP/1 request: it makes the [http.Request] and
// the [http.ResponseWriter] of it, runs the handler, and sees to it that what
// goes over the wire is whole. It keeps net/http's contract with handlers, to
// the bytes, and reads and writes through a [Wire], so it knows neither
// sockets nor event loops.
//
// An [Exchange] is one block of memory that is never used again: whatever of
// it a handler keeps stays its own. Only the buffer that gathers the start of
// a response is pooled, for no handler can come by it.
//
// # Concurrency
//
// Handlers may read the body and write the response at the same time. Each
// side has a lock, and after the handler has returned both sides are cut off
// from the wire under their locks, so a goroutine that outlives its handler
// gets errors and can touch no later exchange on the same connection.
package exchange
