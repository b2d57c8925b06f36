// Package ws is WebSocket (RFC 6455) with compression (RFC 7692) for servers
// and clients: a [Handler] is an [http.Handler] whose callbacks are told of a
// connection's opening, its messages and its end.
//
//	mux.Handle("GET /echo", &ws.Handler{
//		Message: func(c *ws.Conn, m ws.Message) error { return c.Send(m) },
//	})
//
// Those who would rather hold a goroutine leave Message nil and range over
// [Conn.Messages], or read and write messages of any size by [Conn.NextReader]
// and [Conn.NextWriter].
//
// On the engine a connection with callbacks stays on its event loop: while it
// is idle it is a struct of 160 bytes and the engine's share, without goroutine
// or buffer. Callbacks run as handlers do: inline, so that a quick one costs no
// switch; away from the loop once one was slow. On net/http, in goroutine mode
// and as a client a connection holds a goroutine to read, and one to write while
// there is something to write.
//
// Concurrency: the callbacks of one connection run in order and never two at a
// time, save [Handler.Writable]. Every method of [Conn] may be called from any
// goroutine. Sending never blocks: it queues, and an [ErrQueueFull] says that
// the peer reads slower than you write. What is queued goes out joined, in few
// writes; on the engine what a callback sends goes out when it has returned.
//
// Security: by default browsers may connect only from pages of the same host
// (a WebSocket is not held back by CORS; [Handler.CheckOrigin]), messages are
// limited to 1 MiB, inflated ones too, a peer that stops reading or answering is
// closed, and a callback that panics closes its connection and no other. The
// parser is strict and keeps no more than what has really arrived. Compression
// is off unless asked for; see [Compression] for what it may tell a listener.
//
// Limits: no WebSocket over HTTP/2. Compression is that of stateless deflate,
// which costs no memory for each connection and finds a little less than zlib.
package ws
