package engine

import (
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// h2Body is the body of a request over HTTP/2 whose next bytes must come in
// time. A read deadline would do, but is the handler's to set.
type h2Body struct {
	io.ReadCloser
	most    time.Duration
	refused *tally
	timer   *time.Timer // closes the body
	late    atomic.Bool
}

// limitWait returns r's body, with a limit of how long a read may wait where r
// came over HTTP/2: net/http has none.
func (s *Server) limitWait(r *http.Request) io.ReadCloser {
	most := s.bodyTimeout()
	if r.ProtoMajor != 2 || most <= 0 {
		return r.Body
	}
	return &h2Body{ReadCloser: r.Body, most: most, refused: &s.stdRefused}
}

// Read fails with os.ErrDeadlineExceeded when nothing has come for too long.
func (b *h2Body) Read(p []byte) (int, error) {
	if b.timer == nil {
		b.timer = time.AfterFunc(b.most, b.expire)
	} else {
		b.timer.Reset(b.most)
	}
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF && b.late.Load() {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

func (b *h2Body) expire() {
	if !b.late.Swap(true) {
		b.refused.add("body_timeout")
		_ = b.Close() // which may be done beside Read
	}
}
