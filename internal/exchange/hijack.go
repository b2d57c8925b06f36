package exchange

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"time"
)

// hijackBuffer is the size of a hijacker's buffers, in bytes; net/http's.
const hijackBuffer = 4 << 10

// Hijack implements http.Hijacker. What was written and not flushed is lost
// unless the head is out, as with net/http.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.usable(); err != nil {
		return nil, nil, err
	}
	w.x.body.answer.Store(false)
	if w.status != 0 {
		w.waiting = 0
		w.emitHead()
		if err := w.flush(); err != nil {
			return nil, nil, err
		}
	}
	conn, r, err := w.x.body.hijack(w.wire)
	if err != nil {
		return nil, nil, err
	}
	w.hijacked = true
	w.release()
	w.x.ctx.unlink()
	return conn, bufio.NewReadWriter(r, bufio.NewWriterSize(conn, hijackBuffer)), nil
}

// hijack takes the connection from the wire, and has the body read from the
// same reader as the hijacker.
func (b *body) hijack(w Wire) (net.Conn, *bufio.Reader, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	came := bytes.Clone(w.Buffered())
	conn, err := w.Hijack()
	if err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(&prefixed{came, conn}, max(hijackBuffer, len(came)))
	if _, err := r.Peek(len(came)); err != nil {
		return nil, nil, err
	}
	b.src = hijackedSource{r}
	return conn, r, nil
}

// prefixed reads what had come before the connection was given away, and then
// the connection.
type prefixed struct {
	came []byte
	conn net.Conn
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.came) == 0 {
		return p.conn.Read(b)
	}
	n := copy(b, p.came)
	if p.came = p.came[n:]; len(p.came) == 0 {
		p.came = nil
	}
	return n, nil
}

// hijackedSource is a hijacker's reader as a source of body bytes.
type hijackedSource struct{ r *bufio.Reader }

func (s hijackedSource) Buffered() []byte {
	p, _ := s.r.Peek(s.r.Buffered())
	return p
}

func (s hijackedSource) Discard(n int) { _, _ = s.r.Discard(n) }

func (s hijackedSource) Fill() error {
	if s.r.Buffered() == s.r.Size() {
		return io.ErrShortBuffer
	}
	_, err := s.r.Peek(s.r.Buffered() + 1)
	return err
}

// EnableFullDuplex lets the handler read the body after it has begun to write;
// see http.ResponseController.
func (w *response) EnableFullDuplex() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.duplex = true
	return nil
}

// SetReadDeadline is for http.ResponseController.
func (w *response) SetReadDeadline(t time.Time) error {
	return w.x.ctx.setDeadline(func(c Wire) error { return c.SetReadDeadline(t) })
}

// SetWriteDeadline is for http.ResponseController.
func (w *response) SetWriteDeadline(t time.Time) error {
	return w.x.ctx.setDeadline(func(c Wire) error { return c.SetWriteDeadline(t) })
}

// SetMaxBody moves the limit of the request's body, in bytes; n <= 0 lifts it.
// It comes too late for a body that was already refused.
func (w *response) SetMaxBody(n int64) {
	b := &w.x.body
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = n
}

// CloseNotify implements the deprecated http.CloseNotifier: the channel gets
// its value when the request's context ends.
func (w *response) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	w.x.ctx.after(func() { gone <- true })
	return gone
}

var (
	_ http.Hijacker = (*response)(nil)
	_ http.Flusher  = (*response)(nil)
)
