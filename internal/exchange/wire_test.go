package exchange_test

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/memnet"
)

// wire is a scripted connection: Fill yields one chunk after another and then
// end.
type wire struct {
	mu       sync.Mutex
	in       []byte
	chunks   []string
	end      error // of Fill after the last chunk; io.EOF when nil
	ended    bool
	out      []byte
	writes   int
	flushes  int
	writeErr error
	files    bool // SendFile works
	sent     int64
	onFill   func()
	conn     net.Conn
	deadline time.Time
}

func (w *wire) Buffered() []byte { return w.in }
func (w *wire) Discard(n int)    { w.in = w.in[n:] }
func (w *wire) Unfilled() bool   { return !w.ended }

func (w *wire) Fill() error {
	if w.onFill != nil {
		w.onFill()
	}
	if len(w.chunks) > 0 {
		w.in = append(append([]byte(nil), w.in...), w.chunks[0]...)
		w.chunks = w.chunks[1:]
		return nil
	}
	w.ended = true
	if w.end != nil {
		return w.end
	}
	return io.EOF
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writeErr != nil {
		return 0, w.writeErr
	}
	w.writes++
	w.out = append(w.out, p...)
	return len(p), nil
}

func (w *wire) Flush() error {
	w.flushes++
	return w.writeErr
}

func (w *wire) SendFile(f *os.File, n int64) (int64, error) {
	if !w.files {
		return 0, exchange.ErrNoSendFile
	}
	sent, err := io.Copy(writer{w}, io.LimitReader(f, n))
	w.sent += sent
	return sent, err
}

type writer struct{ *wire }

func (w writer) Write(p []byte) (int, error) { return w.wire.Write(p) }

func (w *wire) SetReadDeadline(t time.Time) error  { w.deadline = t; return nil }
func (w *wire) SetWriteDeadline(t time.Time) error { w.deadline = t; return nil }

func (w *wire) Hijack() (net.Conn, error) {
	if w.conn == nil {
		return nil, errors.New("no connection to give")
	}
	return w.conn, nil
}

func (w *wire) LocalAddr() net.Addr { return memnet.Addr("server:80") }

func (w *wire) written() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.out)
}
