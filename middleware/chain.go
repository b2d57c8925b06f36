package middleware

import "net/http"

// DefaultOptions configures [Default]. The zero value is a safe chain.
type DefaultOptions struct {
	// RequestID is for [RequestIDWith].
	RequestID RequestIDOptions
	// AccessLog is for [AccessLogWith].
	AccessLog AccessLogOptions
	// Metrics, such as (*obs.Metrics).Middleware, sees each request after the
	// access log and before everything that may refuse it. Defaults to none.
	Metrics func(http.Handler) http.Handler
	// ClientIP is for [ClientIP]: behind a proxy, name it in Trusted.
	ClientIP ClientIPOptions
	// SecurityHeaders is for [SecurityHeaders].
	SecurityHeaders SecurityHeadersOptions
	// CrossOrigin is for [CrossOrigin].
	CrossOrigin CrossOriginOptions
	// BodyLimit is for [BodyLimit], in bytes. Defaults to [DefaultBodyLimit].
	BodyLimit int64
	// Timeout is for [TimeoutWith] and off while After is 0, the default: under
	// it a handler needs a goroutine of its own, streams and WebSockets end,
	// and a client cannot be asked which request is one of those. Rather put
	// [Timeout] around groups of routes. A client that sends its body or reads
	// the response slowly is up to the server: see engine.Server.
	Timeout TimeoutOptions
	// Compress is for [Compress].
	Compress CompressOptions

	// Each Without field leaves one middleware out. To replace one, leave it
	// out and add your own. [RequestID] and [ClientIP] always run, as the others
	// rest on what they find out; an outer layer that has put an obs.Request
	// into the context takes the place of the former.
	WithoutAccessLog       bool
	WithoutRecover         bool
	WithoutSecurityHeaders bool
	WithoutCrossOrigin     bool
	WithoutBodyLimit       bool
	WithoutCompress        bool
}

// Default returns the default chain, outermost first, for [Chain] or a router's
// Use:
//
//  1. [RequestID]: all that follows logs with the id and fills in the record.
//  2. [AccessLog]: sees the final status of whatever happens below.
//  3. Metrics, when given: for the same reason.
//  4. [Recover]: turns panics into a 500 that the two above see.
//  5. [ClientIP]: before all that asks for the address or the scheme.
//  6. [SecurityHeaders]: before all that may answer itself, so that refusals
//     carry them too.
//  7. [CrossOrigin]: refuses before a byte of the body is read.
//  8. [BodyLimit]: outside the handlers, which may raise it for themselves.
//  9. [Timeout], when asked for: what it holds back is compressed already.
//  10. [Compress]: innermost, so that those above see what goes over the wire.
func Default(o DefaultOptions) []func(http.Handler) http.Handler {
	if o.BodyLimit == 0 {
		o.BodyLimit = DefaultBodyLimit
	}
	mws := []func(http.Handler) http.Handler{RequestIDWith(o.RequestID)}
	if !o.WithoutAccessLog {
		mws = append(mws, AccessLogWith(o.AccessLog))
	}
	if o.Metrics != nil {
		mws = append(mws, o.Metrics)
	}
	if !o.WithoutRecover {
		mws = append(mws, Recover)
	}
	mws = append(mws, ClientIP(o.ClientIP))
	if !o.WithoutSecurityHeaders {
		mws = append(mws, SecurityHeaders(o.SecurityHeaders))
	}
	if !o.WithoutCrossOrigin {
		mws = append(mws, CrossOrigin(o.CrossOrigin))
	}
	if !o.WithoutBodyLimit {
		mws = append(mws, BodyLimit(o.BodyLimit))
	}
	if o.Timeout.After != 0 {
		mws = append(mws, TimeoutWith(o.Timeout))
	}
	if !o.WithoutCompress {
		mws = append(mws, Compress(o.Compress))
	}
	return mws
}

// Chain returns h inside mws, of which the first is outermost.
func Chain(h http.Handler, mws ...func(http.Handler) http.Handler) http.Handler {
	for i := len(mws) - 1; i >= 0; i-- {
		h = mws[i](h)
	}
	return h
}
