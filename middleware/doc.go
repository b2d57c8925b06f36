// Package middleware is what stands between the server and the handlers of an
// application: each middleware is a func(http.Handler) http.Handler, or returns
// one, has a file of its own, and works with any handler and any router.
//
//	h := middleware.Chain(routes, middleware.Default(middleware.DefaultOptions{})...)
//
// [Default] is the whole chain in the one order that is documented and tested;
// gale.Run uses it. For a route or a group of routes, pick single ones:
//
//	r.Group("/upload", func(r *router.Router) {
//		r.Use(middleware.BodyLimit(1<<30), middleware.Timeout(5*time.Minute))
//	})
//
// A middleware with something to choose has a plain form and an options form
// ([AccessLog] and [AccessLogWith]), or takes options whose zero value is the
// safe default. Options that cannot work panic when the chain is built, and
// nothing panics after that, save for [http.ErrAbortHandler], the way to end a
// response that has begun.
//
// # Together
//
// They share one [web.Writer], one [obs.Request] and one private context value,
// which whoever comes first puts there. So each works alone, and [Nonce],
// [ClientAddr] and [IsHTTPS] work everywhere below.
//
// # Concurrency
//
// A middleware may serve any number of requests at once. What it hands to a
// handler belongs to that handler's goroutine, as with net/http; the functions
// that take a context may be called from any.
//
// # Security
//
// Headers that a client can write are not believed: X-Forwarded-For and
// X-Forwarded-Proto only from proxies that are named ([ClientIP]), X-Request-Id
// only when told so ([RequestIDOptions]). Refusals go through [web.Fail] and say
// why; panics and causes stay in the log ([Recover]). No text from a request
// can forge a log line ([AccessLogWith]).
//
// # Limits
//
// A body is 10 MiB at most unless a route says otherwise ([BodyLimit]). There
// is no time limit for handlers unless asked for ([Timeout] says why). Request
// bodies are not decompressed, X-Forwarded-Host and RFC 7239's Forwarded are
// not read, and there is no CORS: other origins are refused or trusted wholly
// ([CrossOrigin]).
package middleware
