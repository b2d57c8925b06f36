// Package web is the handler model: functions that return their error, typed
// JSON handlers, and the responses they send. All of it is net/http; each
// handler is an [http.Handler].
//
//	mux.Handle("GET /hello", web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
//		return web.Text(w, http.StatusOK, "hello, wind")
//	}))
//	mux.Handle("POST /packets", web.JSON(packets.Create)) // func(ctx, In) (Out, error)
//
// An error becomes a response in one place, [Fail]: an [*Error] chooses what
// the client sees, anything else is a 500 that says nothing. A [Renderer]
// writes it, as a page for people or a problem (RFC 9457) for programs.
//
// Input is read by [JSON], [DecodeJSON], [Form], [ReadNDJSON] and [ReadLines];
// output is written by [Text], [HTML], [WriteJSON], [Redirect], [File] and
// [NDJSON]. [Writer] is the one wrapper around a ResponseWriter.
//
// # Concurrency
//
// Handlers and renderers are used by many goroutines at once and hold no state
// of a request. A ResponseWriter belongs to its handler's goroutine.
//
// # Security
//
// Unknown members and parameters are refused, with every problem named at
// once. Text that a program does not expect (control characters, invalid
// UTF-8, doubled parameters and names) is refused too. The cause of an error
// is logged, never shown; an error is never cached. Whole responses carry
// nosniff. Targets of a redirect that a browser might take for another site
// are refused; [LocalPath] keeps one that came from the client on this site.
//
// # Limits
//
// Bodies are 1 MiB unless [LimitBody] says otherwise, JSON is nested at most
// 64 deep, forms have at most 256 fields, lines of a stream at most 64 KiB; at
// most some 16 problems of a kind are told. Time limits are the server's and
// those of the request's context.
package web
