package exchange

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"

	"github.com/galeweb/gale/internal/http1"
)

// response is the http.ResponseWriter.
type response struct {
	x *Exchange

	mu       sync.Mutex  // guards what follows
	wire     Wire        // nil once the exchange is over or hijacked
	header   http.Header // the handler's
	buf      *buffer
	waiting  int   // bytes in buf.data
	length   int64 // the declared Content-Length, or -1
	written  int64
	err      error // of the wire; sticky
	trailers []string
	status   int
	headSent bool
	chunked  bool
	noBody   bool // nothing may follow the head
	duplex   bool
	closing  bool // the connection ends after this
	hijacked bool // the connection is not this exchange's any more
	upgraded bool // it was given to an upgrade.Protocol
	done     bool // the handler has returned
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ownHeader()
}

// ownHeader makes the handler's header when it is first asked for.
func (w *response) ownHeader() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.hijacked:
		w.complain("http: response.WriteHeader on hijacked connection from " + caller())
	case w.status != 0:
		w.complain("http: superfluous response.WriteHeader call from " + caller())
	default:
		w.setStatus(status)
	}
}

func (w *response) complain(msg string) { w.x.cfg.Log.Error(msg) }

// setStatus sends an interim response, or settles the status and the header of
// the final one.
func (w *response) setStatus(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	}
	if status == http.StatusContinue || status >= 200 || status == http.StatusSwitchingProtocols {
		w.x.body.answer.Store(false)
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.interim(status)
		return
	}
	w.status = status
	if w.x.hasBody && w.x.overLimit() {
		w.ownHeader().Set("Connection", "close")
	}
	if w.header == nil {
		return
	}
	w.buffer().snapshot(w.header)
	v := w.header["Content-Length"]
	if len(v) == 0 || v[0] == "" {
		return
	}
	n, err := strconv.ParseInt(v[0], 10, 64)
	if err != nil || n < 0 {
		w.x.cfg.Log.Log(&w.x.ctx, slog.LevelWarn, fmt.Sprintf("http: invalid Content-Length of %q", v[0]))
		w.header.Del("Content-Length")
		return
	}
	w.length = n
}

// interim sends a 1xx response, save to HTTP/1.0 clients, who do not know them
// (RFC 9110 section 15.2). Net/http does.
func (w *response) interim(status int) {
	if w.wire == nil || w.x.http10 {
		return
	}
	b := w.buffer()
	b.out = http1.AppendInterim(b.out[:0], status, w.header)
	w.send(b.out)
	w.flush()
}

// sendContinue tells the client to send the body, when it still waits.
func (w *response) sendContinue() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wire == nil || !w.x.body.answer.Swap(false) {
		return
	}
	w.send([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	w.flush()
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.admit(len(p)); err != nil || len(p) == 0 {
		return 0, err
	}
	return w.gather(p)
}

// WriteString implements io.StringWriter.
func (w *response) WriteString(s string) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.admit(len(s)); err != nil || s == "" {
		return 0, err
	}
	return w.gatherString(s)
}

// admit is whether n bytes of body may be written now.
func (w *response) admit(n int) error {
	if err := w.usable(); err != nil {
		if w.hijacked && n > 0 {
			w.complain("http: response.Write on hijacked connection from " + caller())
		}
		return err
	}
	if w.x.body.answer.Load() {
		w.x.body.answer.Store(false)
	}
	if w.status == 0 {
		w.setStatus(http.StatusOK)
	}
	if n == 0 {
		return nil
	}
	if !bodyAllowed(w.status) {
		return http.ErrBodyNotAllowed
	}
	w.written += int64(n)
	if w.length != -1 && w.written > w.length {
		return http.ErrContentLength
	}
	return nil
}

// usable is whether the response is still the handler's.
func (w *response) usable() error {
	switch {
	case w.hijacked:
		return http.ErrHijacked
	case w.done || w.wire == nil:
		return ErrFinished
	default:
		return nil
	}
}

// bodyAllowed is whether responses of that status have a body (RFC 9110 6.4.1).
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

func (w *response) buffer() *buffer {
	if w.buf == nil {
		w.buf = w.x.cfg.buffers.get()
	}
	return w.buf
}

// gather collects p. Whole writes that are larger than what is gathered go out
// as they are.
func (w *response) gather(p []byte) (n int, err error) {
	b := w.buffer()
	for len(p) > gathered-w.waiting && w.err == nil {
		var m int
		if w.waiting == 0 {
			m = len(p)
			w.emit(p, false)
		} else {
			m = copy(b.data[w.waiting:], p)
			w.waiting += m
			w.emitWaiting(false)
		}
		n += m
		p = p[m:]
	}
	if w.err != nil {
		return n, w.err
	}
	m := copy(b.data[w.waiting:], p)
	w.waiting += m
	return n + m, nil
}

// gatherString is gather for strings, which are always copied.
func (w *response) gatherString(s string) (n int, err error) {
	b := w.buffer()
	for len(s) > gathered-w.waiting && w.err == nil {
		m := copy(b.data[w.waiting:], s)
		w.waiting += m
		n += m
		s = s[m:]
		w.emitWaiting(false)
	}
	if w.err != nil {
		return n, w.err
	}
	m := copy(b.data[w.waiting:], s)
	w.waiting += m
	return n + m, nil
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError is Flush for http.ResponseController.
func (w *response) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return err
	}
	if w.status == 0 {
		w.setStatus(http.StatusOK)
	}
	w.emitWaiting(false)
	return w.flush()
}

// writerOnly hides all but Write from io.Copy.
type writerOnly struct{ io.Writer }

// ReadFrom implements io.ReaderFrom. Files go out without being copied through
// the process where that is possible.
func (w *response) ReadFrom(src io.Reader) (int64, error) {
	sent, err := w.readFile(src)
	if err != nil {
		return sent, err
	}
	n, err := io.Copy(writerOnly{w}, src)
	return sent + n, err
}

// send writes to the wire. An error stays.
func (w *response) send(p []byte) {
	if w.err != nil || len(p) == 0 {
		return
	}
	if _, err := w.wire.Write(p); err != nil {
		w.fail(err)
	}
}

func (w *response) flush() error {
	if w.err == nil {
		if err := w.wire.Flush(); err != nil {
			w.fail(err)
		}
	}
	return w.err
}

// fail notes that the wire is broken.
func (w *response) fail(err error) {
	if err == nil {
		err = errors.New("exchange: the wire failed")
	}
	w.err, w.closing = err, true
	w.x.ctx.cancel(err)
}
