package obs

import (
	"context"
	"log/slog"
	"sync"

	"github.com/galeweb/gale/internal/ctxkey"
)

// Request is what is known of the request being served. The outermost
// middleware puts one into the context; inner layers fill it in as they learn
// more (the router the route, auth the user), and the log handler, the access
// log, metrics and error pages read it, even those outside the layer that
// wrote. It is safe for concurrent use, and every method works on a nil
// Request, so that code below need not ask whether one is there.
type Request struct {
	id      string
	traceID string

	mu    sync.Mutex
	route string
	user  string
	err   error
	attrs []slog.Attr
	// longLived is set by LongLived.
	longLived bool
}

var (
	requestKey = ctxkey.New[*Request]("obs.Request")
	loggerKey  = ctxkey.New[*slog.Logger]("obs.Logger")
)

// NewRequest returns a record for one request. id is shown to users and
// written to logs; traceID is the W3C trace id, or empty.
func NewRequest(id, traceID string) *Request { return &Request{id: id, traceID: traceID} }

// WithRequest returns a copy of ctx that carries r.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return requestKey.With(ctx, r)
}

// RequestFrom returns the record in ctx, or nil when there is none.
func RequestFrom(ctx context.Context) *Request {
	r, _ := requestKey.Value(ctx)
	return r
}

// ID returns the request id, or "" on a nil Request.
func (r *Request) ID() string {
	if r == nil {
		return ""
	}
	return r.id
}

// TraceID returns the W3C trace id in hex, or "".
func (r *Request) TraceID() string {
	if r == nil {
		return ""
	}
	return r.traceID
}

// SetRoute records the pattern that matched, which labels metrics and logs.
func (r *Request) SetRoute(pattern string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.route = pattern
}

// Route returns the pattern that matched, or "" when none did.
func (r *Request) Route() string {
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.route
}

// SetUser records the id of the signed-in user or key; never a name or an
// address, since it is written to logs.
func (r *Request) SetUser(id string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.user = id
}

// User returns the id of the signed-in user, or "".
func (r *Request) User() string {
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.user
}

// SetError records why the request failed; the first error wins, since later
// ones are mostly its consequence.
func (r *Request) SetError(err error) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

// Err returns the error given to [Request.SetError], or nil.
func (r *Request) Err() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Add appends attributes to every later log record of this request.
func (r *Request) Add(attrs ...slog.Attr) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attrs = append(r.attrs, attrs...)
}

// Attrs returns the non-empty facts as log attributes: request_id, trace_id,
// route, user, and what [Request.Add] appended.
func (r *Request) Attrs() []slog.Attr {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	attrs := make([]slog.Attr, 0, 4+len(r.attrs))
	for _, a := range [...]slog.Attr{
		slog.String("request_id", r.id),
		slog.String("trace_id", r.traceID),
		slog.String("route", r.route),
		slog.String("user", r.user),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	return append(attrs, r.attrs...)
}

// WithLogger returns a copy of ctx that carries l.
func WithLogger(ctx context.Context, l *slog.Logger) context.Context {
	return loggerKey.With(ctx, l)
}

// Logger returns the logger in ctx, or [slog.Default] when there is none.
// Log with the context form (InfoContext, ErrorContext …): the handler that
// [NewLogger] makes takes the request's facts from the context.
func Logger(ctx context.Context) *slog.Logger {
	if l, ok := loggerKey.Value(ctx); ok {
		return l
	}
	return slog.Default()
}
