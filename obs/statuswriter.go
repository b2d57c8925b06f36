package obs

import (
	"bufio"
	"net"
	"net/http"
)

// statuser is what a wrapper of the response tells; gale's web.Writer does.
// Status returns 0 while no status was sent.
type statuser interface{ Status() int }

// statusOf finds the statuser that w is or wraps, or returns nil.
func statusOf(w http.ResponseWriter) statuser {
	for {
		switch t := w.(type) {
		case statuser:
			return t
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return nil
		}
	}
}

// statusWriter is the wrapper for servers whose writer tells no status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) Status() int { return w.status }

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Flush is for libraries that know only [http.Flusher].
func (w *statusWriter) Flush() { _ = w.FlushError() }

func (w *statusWriter) FlushError() error {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack is for libraries that know only [http.Hijacker].
func (w *statusWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
	}
	return c, rw, err
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
