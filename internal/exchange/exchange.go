package exchange

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/galeweb/gale/internal/http1"
)

// Config is what all exchanges of a server share. It must not be copied or
// changed once the first exchange was made.
type Config struct {
	// Handler serves the requests; it must be set.
	Handler http.Handler
	// HTTP is the value of http.ServerContextKey; none when nil.
	HTTP *http.Server
	// Log takes what net/http's server would print; it must be set.
	Log *slog.Logger
	// MaxBody limits request bodies, in bytes; <= 0 sets no limit.
	MaxBody int64
	// KeepAlive is whether connections may be kept now; nil means yes.
	KeepAlive func() bool
	// Date returns the current "Date: …\r\n" line; it must be set.
	Date func() []byte
	// Drain is closed when the server begins to shut down; see Draining.
	Drain <-chan struct{}
	// Limits bounds the heads of requests.
	Limits http1.Limits

	buffers buffers
}

// keepAlive is whether connections may be kept now.
func (c *Config) keepAlive() bool { return c.KeepAlive == nil || c.KeepAlive() }

// headerValues is how many header lines need no memory of their own.
const headerValues = 12

// Exchange is one request and its response, in one block of memory.
type Exchange struct {
	cfg    *Config
	req    http.Request
	url    url.URL
	values [headerValues]string
	ctx    requestContext
	body   body
	w      response

	method, target string // as they came; a handler may change req
	http10         bool
	asksClose      bool // the request ends the connection
	hasBody        bool
	input          input
	outcome        Outcome
	note           any // guarded by ctx.mu
}

// Outcome is how an exchange ended and what becomes of the connection.
type Outcome struct {
	// Hijacked: the connection is the handler's now.
	Hijacked bool
	// Upgraded: the connection is that of the Protocol which the handler has
	// given; with Abort, the handler did not return.
	Upgraded bool
	// Close: the connection is to be closed once all was flushed.
	Close bool
	// Linger: with Close, input that was not read may come; closing at once
	// could destroy the response on its way.
	Linger bool
	// Abort: the connection is to be closed without flushing.
	Abort bool
	// Status is the response's, 0 when none was sent.
	Status int
	// BodyError is why reading the request's body has failed: a limit, broken
	// chunks, the wire; nil when it has not.
	BodyError error
	// Written is how many bytes of body the handler has written, for HEAD too.
	Written int64
}

// New returns the exchange of a request that is about to come on w. Contexts
// derive from parent, whose end ends the request's.
func New(c *Config, w Wire, parent context.Context, remoteAddr string, state *tls.ConnectionState) *Exchange {
	x := &Exchange{cfg: c}
	x.outcome.Abort = true
	x.ctx.x, x.ctx.parent, x.ctx.wire = x, parent, w
	x.body.x, x.body.src, x.body.limit = x, w, c.MaxBody
	x.w.x, x.w.wire, x.w.length = x, w, -1
	x.req = *(&http.Request{}).WithContext(&x.ctx)
	x.req.RemoteAddr, x.req.TLS = remoteAddr, state
	return x
}

// Parse makes the request of its head, as http1.Scanner found it; the wire's
// input stands behind the head. After an error only Refuse may be called.
func (x *Exchange) Parse(head string) *http1.Error {
	var p http1.Request
	if err := http1.Parse(head, &p, x.values[:0], x.cfg.Limits); err != nil {
		return err
	}
	x.url, x.method, x.target, x.http10, x.asksClose = p.URL, p.Method, p.Target, p.Minor == 0, p.Close
	r := &x.req
	r.Method, r.URL, r.RequestURI, r.Host = p.Method, &x.url, p.Target, p.Host
	r.Proto, r.ProtoMajor, r.ProtoMinor = p.Proto, 1, p.Minor
	r.Header, r.Trailer, r.Close = p.Header, p.Trailer, p.Close
	r.ContentLength = p.ContentLength
	x.setBody(&p)
	return nil
}

func (x *Exchange) setBody(p *http1.Request) {
	if !p.Chunked && p.ContentLength <= 0 {
		x.req.Body = http.NoBody
		x.body.eof, x.body.closed = true, true
		x.bodyEnded()
		return
	}
	x.req.Body, x.hasBody = &x.body, true
	if p.Chunked {
		x.body.chunks = &http1.Chunked{}
		x.req.TransferEncoding = chunkedEncoding()
	} else {
		x.body.remain = p.ContentLength
	}
	if p.Expect {
		x.body.expects = true
		x.body.answer.Store(true)
	}
}

func chunkedEncoding() []string { return []string{"chunked"} }

// Request returns the request, for choosing a route: it must not be changed.
func (x *Exchange) Request() *http.Request { return &x.req }

// Cancel cancels the request's context with that cause, because the client has
// gone or the server is closed. It may be called from any goroutine.
func (x *Exchange) Cancel(cause error) { x.ctx.cancel(cause) }

// Annotate attaches v to the exchange, for people who look at what is running.
// It may be called from any goroutine.
func (x *Exchange) Annotate(v any) {
	x.ctx.mu.Lock()
	defer x.ctx.mu.Unlock()
	x.note = v
}

// Note returns what Annotate attached last, or nil. It may be called from any
// goroutine.
func (x *Exchange) Note() any {
	x.ctx.mu.Lock()
	defer x.ctx.mu.Unlock()
	return x.note
}

func (x *Exchange) minor() int {
	if x.http10 {
		return 0
	}
	return 1
}
