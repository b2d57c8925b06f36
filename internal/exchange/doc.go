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
// # Where it differs from net/http
//
//   - An HTTP/1.0 client is sent no 1xx response.
//   - A handler that has returned gets errors of everything it kept; Hijack does
//     not panic then.
//   - Closing a body that the client was not asked for (Expect: 100-continue)
//     does not wait for it.
//   - A body that broke off stays broken: each further read says so.
//   - A handler that changes Request.Method, ContentLength or Body changes
//     neither the framing of the response nor what is read off.
//   - What was written before a panic and is not out yet is dropped.
//   - A malformed Content-Length of a handler's is never sent (see http1).
//
// # Concurrency
//
// Handlers may read the body and write the response at the same time. Each
// side has a lock, and after the handler has returned both sides are cut off
// from the wire under their locks, so a goroutine that outlives its handler
// gets errors and can touch no later exchange on the same connection.
package exchange
