package exchange

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"

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
		out = strconv.AppendInt(out, int64(len(p)), 16)
		out = append(out, "\r\n"...)
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
		out = http1.AppendChunkEnd(out, w.finalTrailer())
	}
	w.send(out)
	b.out = out
}

// appendHead settles the input and appends the head. P is the first part of
// the body, and all of it when last.
func (w *response) appendHead(out, p []byte, last bool) []byte {
	w.headSent = true
	x := w.x
	keep := x.cfg.keepAlive() && !w.mustClose()
	if keep && x.hasBody && !w.duplex && !x.close && !asksClose(w.snapshot) {
		settled, large := x.body.settle()
		if large {
			x.body.tooLarge.Store(true)
		}
		keep = settled
	}
	r := http1.Response{
		Minor: int(x.minor), Method: x.method, Status: w.status, Header: w.snapshot,
		Body: p, Complete: last, KeepAlive: keep, RequestClose: x.close, Date: x.cfg.Date(),
	}
	out, f := http1.AppendResponse(out, &r)
	w.chunked, w.noBody = f.Chunked, !f.Body
	w.closing = w.closing || f.Close || !keep
	if f.Length >= 0 && w.length == -1 {
		w.length = f.Length
	}
	return out
}

func asksClose(h http.Header) bool {
	v := h["Connection"]
	return len(v) > 0 && v[0] == "close"
}

// mustClose is whether something in the request's body rules out that the
// connection is kept.
func (w *response) mustClose() bool {
	b := &w.x.body
	return w.closing || w.x.hasBody && (b.tooLarge.Load() || b.unanswered() || limitHit(w.x.req.Body))
}

// unanswered is whether the client asked before it sent the body, and the body
// was not read to its end.
func (b *body) unanswered() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.expects && !b.eof
}

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
