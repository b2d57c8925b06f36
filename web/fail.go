package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"

	"github.com/galeweb/gale/obs"
)

// Fail answers r with err, as [HandlerFunc] does with a returned error; call
// it where there is none, in a middleware. A plain error is turned into an
// [*Error] so:
//
//   - an *Error anywhere in err's tree keeps its status and words, and takes in
//     the problems of those of its status that are joined to it;
//   - an [*http.MaxBytesError] is a 413;
//   - the deadline of the request's own context is a 503;
//   - all else is a 500 of which the client sees nothing but that.
//
// The headers that described the body which did not come (Content-Type, ETag,
// Cache-Control and their like) are dropped, and the response must not be
// stored by caches. The request's [Renderer] writes the rest.
//
// A status of 500 and more is logged once, at Error, by the request's logger;
// every error is recorded in the request's [obs.Request] for the access log.
//
// When the header has gone already no answer can be given. Fail then logs err
// and panics with [http.ErrAbortHandler], so that the connection is cut (on
// HTTP/2 the stream is reset) and nobody takes half a body for a whole one.
// It does the same, without a log line, when the client has gone, that is when
// err is the cancellation of the request's context or an error of writing to
// the client: an empty 200 must not reach a client that is still there, as
// when the server's own context was cancelled.
//
// A wrapper between the handler and the [Writer] that holds bytes back should
// have a method Discard(), which Fail calls to have them dropped.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	ctx := r.Context()
	if e, ok := errors.AsType[*Error](err); err == nil || ok && e == nil {
		err = errors.New("web: failed with a nil error; return an untyped nil for success")
	}
	obs.RequestFrom(ctx).SetError(err)
	ww := WriterFrom(w)
	if clientGone(ctx, ww, err) {
		panic(http.ErrAbortHandler)
	}
	e := answer(ctx, err)
	if ww != nil && ww.Written() {
		logFailure(r, "response aborted", e.Status, err)
		if ww.hijacked {
			return // The connection belongs to whoever took it.
		}
		panic(http.ErrAbortHandler)
	}
	if e.Status >= http.StatusInternalServerError {
		logFailure(r, "request failed", e.Status, err)
	}
	discard(w)
	h := w.Header()
	for _, name := range bodyHeaders {
		delete(h, name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	for name, values := range e.Header {
		h[http.CanonicalHeaderKey(name)] = append([]string(nil), values...)
	}
	rendererFrom(ctx).RenderError(w, r, e)
}

// bodyHeaders describe the body, the caching or the target of the response
// that failed. Cookies and the security headers stay.
var bodyHeaders = [...]string{
	"Accept-Ranges", "Cache-Control", "Content-Digest", "Content-Disposition",
	"Content-Encoding", "Content-Language", "Content-Length", "Content-Location",
	"Content-Range", "Content-Type", "Etag", "Expires", "Last-Modified",
	"Location", "Pragma", "Repr-Digest", "Trailer", "Transfer-Encoding",
}

// answer returns what to tell the client about err: a copy, with a status and
// a message.
func answer(ctx context.Context, err error) *Error {
	e, ok := find(err)
	if !ok {
		e = &Error{Message: "Something went wrong on our side.", Err: err}
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			e.Status = http.StatusRequestEntityTooLarge
			e.Code = "too_large"
			e.Message = "The request body is larger than the " +
				strconv.FormatInt(tooLarge.Limit, 10) + " bytes allowed."
		} else if errors.Is(err, context.DeadlineExceeded) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			e.Status = http.StatusServiceUnavailable
			e.Code = "timeout"
			e.Message = "The answer took too long. Please try again."
		}
	}
	e.Message = e.message()
	e.Status = e.status()
	return e
}

// clientGone reports whether err is only the consequence of a client that left.
func clientGone(ctx context.Context, ww *Writer, err error) bool {
	if ww != nil && ww.broken != nil && errors.Is(err, ww.broken) {
		return true
	}
	if !errors.Is(ctx.Err(), context.Canceled) {
		return false
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)) {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "write"
}

// logFailure writes the one log line. The path goes in its escaped form and is
// cut, since it may hold anything the client likes.
func logFailure(r *http.Request, message string, status int, err error) {
	obs.Logger(r.Context()).ErrorContext(r.Context(), message,
		"err", err, "status", status, "method", r.Method, "path", clip(r.URL.EscapedPath(), 256))
}

func discard(w http.ResponseWriter) {
	for {
		if d, ok := w.(interface{ Discard() }); ok {
			d.Discard()
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = u.Unwrap()
	}
}
