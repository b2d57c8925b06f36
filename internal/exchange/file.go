package exchange

import (
	"errors"
	"io"
	"math"
	"net/http"
	"os"
)

// readFile sends src without copying it when it is a regular file, or a part
// of one, and the head needs to see nothing of it. It returns how much it has
// sent; the rest has to be copied.
func (w *response) readFile(src io.Reader) (int64, error) {
	part, _ := src.(*io.LimitedReader)
	n := int64(math.MaxInt64)
	if part != nil {
		src, n = part.R, part.N
	}
	f, ok := src.(*os.File)
	if !ok || n <= 0 {
		return 0, nil
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return 0, nil
	}
	sent, err := w.sendFile(f, n)
	if part != nil {
		part.N -= sent
	}
	return sent, err
}

func (w *response) sendFile(f *os.File, n int64) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.admit(0); err != nil {
		return 0, err
	}
	if !bodyAllowed(w.status) || w.x.method == http.MethodHead || !w.plain() {
		return 0, nil
	}
	if w.length != -1 {
		n = min(n, w.length-w.written)
	}
	if n <= 0 {
		return 0, nil
	}
	w.emitWaiting(false)
	if w.err != nil {
		return 0, w.err
	}
	sent, err := w.wire.SendFile(f, n)
	w.written += sent
	switch {
	case errors.Is(err, ErrNoSendFile):
		err = nil
	case err != nil:
		w.fail(err)
	}
	return sent, err
}

// plain is whether the body goes out as it is, and the head needs no look at it.
func (w *response) plain() bool {
	if w.headSent {
		return !w.chunked
	}
	h := w.buffer().header
	_, typed := h["Content-Type"]
	return typed && w.length != -1 && len(h["Transfer-Encoding"]) == 0
}
