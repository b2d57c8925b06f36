package web

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

// Writer is the one wrapper that gale puts around an [http.ResponseWriter]: it
// knows the status, the bytes and whether the header has gone, which the access
// log, metrics, sessions and the error renderer all ask for. The outermost
// middleware installs it by [Wrap]; everyone else finds it by [WriterFrom].
//
// It passes on every power of the writer below: by [Writer.Unwrap] to
// [http.ResponseController], and as Flusher, Hijacker, ReaderFrom and
// StringWriter for libraries that ask by assertion. Like every ResponseWriter
// it belongs to the handler's goroutine.
type Writer struct {
	w        http.ResponseWriter
	status   int
	bytes    int64
	hijacked bool
	replaced bool // a hook answered, the handler's own response is dropped
	broken   error
	onHeader []func()
	few      [2]func()    // room for onHeader: more are rare
	body     *limitedBody // see LimitBody
}

// Wrap returns the Writer that w is or wraps, or a new one around w. When w
// wraps a Writer, go on writing to w, not to what Wrap returns: a wrapper in
// between, for compression say, would be passed by.
func Wrap(w http.ResponseWriter) *Writer {
	if ww := WriterFrom(w); ww != nil {
		return ww
	}
	return &Writer{w: w}
}

// WriterFrom returns the Writer found in w by following Unwrap, or nil.
func WriterFrom(w http.ResponseWriter) *Writer {
	for {
		switch t := w.(type) {
		case *Writer:
			return t
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return nil
		}
	}
}

// Status returns the final status sent, 0 before the header has gone, and 101
// after a hijack.
func (w *Writer) Status() int { return w.status }

// Bytes returns how many body bytes the handler has written.
func (w *Writer) Bytes() int64 { return w.bytes }

// Written reports whether the header has gone or the connection was taken
// over, so that no other response can be sent.
func (w *Writer) Written() bool { return w.status != 0 || w.hijacked }

// OnHeader has f called once, just before the header is sent, in the reverse
// order of registration: the last moment to set a cookie, or to refuse. When f
// itself sends a response, mostly an error by [Fail], that one stands, and what
// the handler writes is dropped. OnHeader is a no-op when the header has gone,
// and when it is called by such an f. After a hijack no f is called.
func (w *Writer) OnHeader(f func()) {
	if !w.Written() {
		if w.onHeader == nil {
			w.onHeader = w.few[:0]
		}
		w.onHeader = append(w.onHeader, f)
	}
}

// Header returns the response header.
func (w *Writer) Header() http.Header { return w.w.Header() }

// WriteHeader sends the header. A second final status is passed on, so that
// net/http reports it. 1xx statuses do not count as sent, save 101.
func (w *Writer) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.w.WriteHeader(status)
		return
	}
	if w.replaced {
		return
	}
	if !w.Written() {
		w.runOnHeader()
		if w.Written() {
			w.replaced = true
			return
		}
		w.status = status
	}
	w.w.WriteHeader(status)
}

func (w *Writer) runOnHeader() {
	hooks := w.onHeader
	// Before they run: one may send a response of its own. And not nil, lest a hook
	// that one registers begins in few again, over those that are yet to run.
	w.onHeader = []func(){}
	for i := len(hooks) - 1; i >= 0; i-- {
		hooks[i]()
	}
}

func (w *Writer) ensureHeader() {
	if !w.Written() {
		w.WriteHeader(http.StatusOK)
	}
}

// note counts n bytes and remembers the error of a connection that can take no
// more, by which [Fail] knows that the client has gone. What the handler did
// wrong is not remembered: it must reach the log.
func (w *Writer) note(n int64, err error) {
	w.bytes += n
	if err != nil && w.broken == nil && !errors.Is(err, http.ErrBodyNotAllowed) &&
		!errors.Is(err, http.ErrContentLength) && !errors.Is(err, http.ErrHijacked) {
		w.broken = err
	}
}

// Write sends the header with 200 when it has not gone, then the bytes.
func (w *Writer) Write(p []byte) (int, error) {
	w.ensureHeader()
	if w.replaced {
		return len(p), nil
	}
	n, err := w.w.Write(p)
	w.note(int64(n), err)
	return n, err
}

// WriteString is Write without a copy of s where the writer below can.
func (w *Writer) WriteString(s string) (int, error) {
	w.ensureHeader()
	if w.replaced {
		return len(s), nil
	}
	n, err := io.WriteString(w.w, s)
	w.note(int64(n), err)
	return n, err
}

// ReadFrom lets a file reach the socket by sendfile where the server can.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	w.ensureHeader()
	if w.replaced {
		return io.Copy(io.Discard, r)
	}
	n, err := io.Copy(w.w, r)
	// An error of r is no fault of the connection, and io.Copy does not tell
	// which of the two it was.
	w.bytes += n
	return n, err
}

// Flush is FlushError for libraries that know only [http.Flusher].
func (w *Writer) Flush() { _ = w.FlushError() }

// FlushError sends what is buffered; it returns [http.ErrNotSupported] when
// the writer below cannot.
func (w *Writer) FlushError() error {
	w.ensureHeader()
	err := http.NewResponseController(w.w).Flush()
	if !errors.Is(err, http.ErrNotSupported) {
		w.note(0, err)
	}
	return err
}

// Hijack takes the connection over; see [http.Hijacker].
func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.w).Hijack()
	if err == nil {
		w.hijacked = true
		w.status = http.StatusSwitchingProtocols
	}
	return c, rw, err
}

// Unwrap returns the writer below, for [http.ResponseController].
func (w *Writer) Unwrap() http.ResponseWriter { return w.w }
