// Package ws is WebSocket (RFC 6455) for servers and clients: a [Handler] is
// an [http.Handler] whose callbacks are told of a connection's opening, its
// messages and its end.
//
//	mux.Handle("GET /echo", &ws.Handler{
//		Message: func(c *ws.Conn, m ws.Message) error { return c.Send(m) },
//	})
//
// Those who would rather hold a goroutine leave Message nil and range over
// [Conn.Messages].
//
// Concurrency: the callbacks of one connection run in order and never two at a
// time, save [Handler.Writable]. Every method of [Conn] may be called from any
// goroutine. Sending never blocks: it queues, and an [ErrQueueFull] says that
// the peer reads slower than you write. What is queued goes out joined, in few
// writes. The API asks for no goroutine for each connection; on net/http a
// connection holds one to read, and one to write while there is something to
// write.
//
// Security: by default browsers may connect only from pages of the same host
// (a WebSocket is not held back by CORS; [Handler.CheckOrigin]), messages are
// limited to 1 MiB, a peer that stops reading or answering is closed, and a
// callback that panics closes its connection and no other. The parser is
// strict and keeps no more than what has really arrived.
//
// Limits: no extension but permessage-deflate ([Compression], off by default),
// no WebSocket over HTTP/2.
package ws
