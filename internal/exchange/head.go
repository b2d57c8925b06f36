package exchange

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/galeweb/gale/internal/http1"
)

// direct is from what size on a part of a body is not copied behind its head.
const direct = 8 << 10

// emitWaiting sends what was gathered. Last says that nothing follows.
func (w *response) emitWaiting(last bool) {
	n := w.waiting
	w.waiting = 0
	w.emit(w.buffer().data[:n], last)
}

// emitHead sends the head alone.
func (w *response) emitHead() {
	if !w.headSent {
		w.emit(nil, false)
	}
}

// emit sends p as the next part of the body, behind the head when that has not
// gone out. Last says that nothing follows.
func (w *response) emit(p []byte, last bool) {
	if w.err != nil {
		return
	}
	b := w.buffer()
	out := b.out[:0]
	if !w.headSent {
		out = w.appendHead(out, p, last)
	}
	if w.noBody {
		p = nil
	}
	switch {
	case w.chunked && len(p) > 0 && len(p) < direct:
		out = http1.AppendChunk(out, p)
	case w.chunked && len(p) > 0:
		out = http1.AppendChunkSize(out, len(p))
		w.send(out)
		w.send(p)
		out = append(out[:0], "\r\n"...)
	case len(p) < direct:
		out = append(out, p...)
	default:
		w.send(out)
		w.send(p)
		out = out[:0]
	}
	if last && w.chunked {
		out = http1.AppendChunkEnd(out, http1.Trailers(w.trailers, w.header))
	}
	w.send(out)
	b.out = out
}

// appendHead settles the input and appends the head. P is the first part of
// the body, and all of it when last.
func (w *response) appendHead(out, p []byte, last bool) []byte {
	w.headSent = true
	x := w.x
	r := http1.Response{
		Minor: x.minor(), Method: x.method, Status: w.status, Header: w.buffer().header, Body: p, Complete: last,
		KeepAlive: x.cfg.keepAlive(), RequestClose: x.asksClose, Close: w.closing, Date: x.cfg.Date(),
	}
	if x.hasBody {
		w.settleInput(&r)
	}
	out, f := http1.AppendResponse(out, &r)
	if f.Trailers {
		w.trailers = http1.AnnouncedTrailers(w.buffer().header)
	}
	w.chunked, w.noBody, w.closing = f.Chunked, !f.Body, f.Close
	if w.length == -1 {
		w.length = f.Length
	}
	return out
}

// settleInput sees to the body of the request before the head of r goes out.
func (w *response) settleInput(r *http1.Response) {
	b := &w.x.body
	r.Close = r.Close || w.x.overLimit() || b.unanswered()
	if w.duplex || w.endless(r) || r.Close || r.RequestClose || !r.KeepAlive || asksClose(r.Header) {
		return
	}
	settled, large := b.settle()
	r.Close, r.TooLarge = !settled && !large, large
}

// endless is whether the body of r ends with the connection, as one of unknown
// length does in HTTP/1.0.
func (w *response) endless(r *http1.Response) bool {
	if r.Minor > 0 || w.length != -1 || !bodyAllowed(r.Status) || r.Method == http.MethodHead {
		return false
	}
	if !r.Complete {
		return true
	}
	for key := range r.Header { // these keep a whole body from getting a length
		switch key {
		case "Content-Length", "Trailer", "Transfer-Encoding":
			return true
		}
		if strings.HasPrefix(key, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

func asksClose(h http.Header) bool {
	v := h["Connection"]
	return len(v) > 0 && v[0] == "close"
}

// unanswered is whether the client asked before it sent the body, and the body
// was not read to its end.
func (b *body) unanswered() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.expects && !b.eof
}

// overLimit is whether more of the body came than a limit allows.
func (x *Exchange) overLimit() bool { return x.body.tooLarge.Load() || limitHit(x.req.Body) }

// limitHit is whether body is an http.MaxBytesReader that has reached its
// limit. It tells net/http's own server through a method that no other type
// can have, so here it has to be asked.
func limitHit(r io.Reader) bool {
	t := reflect.TypeOf(r)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Name() != "maxBytesReader" || t.Elem().PkgPath() != "net/http" {
		return false
	}
	_, err := r.Read(nil)
	_, hit := errors.AsType[*http.MaxBytesError](err)
	return hit
}
