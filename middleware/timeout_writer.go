package middleware

import (
	"bufio"
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// writerState is how far a timeoutWriter has come.
type writerState int

const (
	writerBuffering writerState = iota // nothing has left
	writerStreaming                    // the header has left; writes pass through
	writerHijacked                     // the handler owns the connection
	writerEnded                        // the handler was done in time; only kill says so
	writerDead                         // the deadline has passed; writes fail
)

// timeoutWriter is the response of a handler under a Timeout, which may outlive
// the request. It has no Unwrap: whoever reached the writer below could write
// after the end. The powers of [http.ResponseController] are its own methods,
// each of which holds the mutex and fails once the writer is dead.
type timeoutWriter struct {
	ctx context.Context // the handler's
	w   http.ResponseWriter
	rc  *http.ResponseController
	max int

	// header belongs to the handler's goroutine until the response ends.
	header http.Header

	// sending is set while the handler's goroutine, which then holds mu, may
	// wait for the network.
	sending atomic.Bool

	mu     sync.Mutex
	state  writerState
	ended  bool // in time
	status int
	buf    bytes.Buffer
}

func newTimeoutWriter(ctx context.Context, w http.ResponseWriter, limit int) *timeoutWriter {
	return &timeoutWriter{
		ctx: ctx, w: w, rc: http.NewResponseController(w), max: limit, header: w.Header().Clone(),
	}
}

// kill cuts the handler off, once ctx has ended, and returns the state it was
// in. A send that hangs on a slow client is ended by a deadline in the past,
// and then the connection is of no more use.
func (tw *timeoutWriter) kill() writerState {
	cut := tw.sending.Load()
	if cut {
		_ = tw.rc.SetWriteDeadline(time.Unix(1, 0))
	}
	tw.mu.Lock()
	defer tw.mu.Unlock()
	was := tw.state
	switch {
	case was == writerHijacked:
		return was
	case tw.ended && !cut:
		return writerEnded
	}
	tw.state = writerDead
	return was
}

// finish marks the handler as done; late says that nobody waits for it.
func (tw *timeoutWriter) finish() (late bool) {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	tw.ended = tw.ctx.Err() == nil || tw.state == writerHijacked
	return !tw.ended
}

// inTime reports whether the handler was done in time.
func (tw *timeoutWriter) inTime() bool {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	return tw.ended
}

// send calls f, which may wait for the network. tw.mu is held. Looking at the
// context after the flag is set closes the gap in which kill would see no flag
// and then wait for the mutex as long as a slow client pleases.
func (tw *timeoutWriter) send(f func() error) error {
	tw.sending.Store(true)
	defer tw.sending.Store(false)
	if tw.ctx.Err() != nil {
		return http.ErrHandlerTimeout
	}
	return f()
}

// end takes what the handler has thrown and panics with it, or sends what is
// buffered when it threw nothing.
func (tw *timeoutWriter) end(thrown any) {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	switch {
	case thrown != nil:
		panic(thrown)
	case tw.state == writerBuffering:
		_ = tw.stream()
	case tw.state == writerStreaming:
		maps.Copy(tw.w.Header(), tw.header) // trailers
	}
}

// stream sends the header and what is buffered. tw.mu is held.
func (tw *timeoutWriter) stream() error {
	tw.state = writerStreaming
	dst := tw.w.Header()
	clear(dst)
	maps.Copy(dst, tw.header)
	if tw.status != 0 {
		tw.w.WriteHeader(tw.status)
	}
	if tw.buf.Len() == 0 {
		return nil
	}
	_, err := tw.w.Write(tw.buf.Bytes())
	tw.buf = bytes.Buffer{}
	return err
}

// Header returns a map of the handler's own.
func (tw *timeoutWriter) Header() http.Header { return tw.header }

// WriteHeader remembers the status. Interim responses (1xx) are sent at once.
func (tw *timeoutWriter) WriteHeader(status int) {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	switch {
	case tw.state == writerStreaming:
		tw.w.WriteHeader(status)
	case tw.state != writerBuffering:
	case status == http.StatusSwitchingProtocols:
		tw.status = status
		_ = tw.stream()
	case status >= 100 && status < 200:
		dst := tw.w.Header()
		saved := maps.Clone(dst)
		clear(dst)
		maps.Copy(dst, tw.header)
		tw.w.WriteHeader(status)
		clear(dst)
		maps.Copy(dst, saved)
	case tw.status == 0:
		tw.status = status
	}
}

// Write buffers p, or sends it when the buffer has no room.
func (tw *timeoutWriter) Write(p []byte) (int, error) {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	switch tw.state {
	case writerDead:
		return 0, http.ErrHandlerTimeout
	case writerHijacked:
		return 0, http.ErrHijacked
	case writerBuffering:
		if tw.status == 0 {
			tw.status = http.StatusOK
		}
		if tw.buf.Len()+len(p) <= tw.max {
			return tw.buf.Write(p)
		}
		if err := tw.send(tw.stream); err != nil {
			return 0, err
		}
	}
	n := 0
	err := tw.send(func() (err error) {
		n, err = tw.w.Write(p)
		return err
	})
	return n, err
}

// FlushError sends what is buffered; from here on the response streams.
func (tw *timeoutWriter) FlushError() error {
	return tw.alive(func() error {
		if tw.state == writerBuffering {
			if err := tw.send(tw.stream); err != nil {
				return err
			}
		}
		return tw.send(tw.rc.Flush)
	})
}

// Hijack hands the connection over; see [http.Hijacker].
func (tw *timeoutWriter) Hijack() (conn net.Conn, rw *bufio.ReadWriter, err error) {
	err = tw.alive(func() error {
		if conn, rw, err = tw.rc.Hijack(); err == nil {
			tw.state = writerHijacked
		}
		return err
	})
	return conn, rw, err
}

// EnableFullDuplex is [http.ResponseController.EnableFullDuplex].
func (tw *timeoutWriter) EnableFullDuplex() error { return tw.alive(tw.rc.EnableFullDuplex) }

// SetReadDeadline is [http.ResponseController.SetReadDeadline].
func (tw *timeoutWriter) SetReadDeadline(t time.Time) error {
	return tw.alive(func() error { return tw.rc.SetReadDeadline(t) })
}

// SetWriteDeadline is [http.ResponseController.SetWriteDeadline].
func (tw *timeoutWriter) SetWriteDeadline(t time.Time) error {
	return tw.alive(func() error { return tw.rc.SetWriteDeadline(t) })
}

// alive calls f under the mutex unless the writer is dead.
func (tw *timeoutWriter) alive(f func() error) error {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	if tw.state == writerDead {
		return http.ErrHandlerTimeout
	}
	return f()
}
