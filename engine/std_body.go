package engine

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
)

// stdBody is a request body under net/http whose limit can be moved.
type stdBody struct {
	io.ReadCloser
	w       http.ResponseWriter
	refused *tally
	most    atomic.Int64 // <= 0: no limit
	taken   int64
	over    bool // the limit was broken
}

type stdBodyKey struct{}

// limitStd limits r's body and returns the request to serve.
func limitStd(w http.ResponseWriter, r *http.Request, most int64, refused *tally) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	b := &stdBody{ReadCloser: r.Body, w: w, refused: refused}
	b.most.Store(most)
	r = r.WithContext(context.WithValue(r.Context(), stdBodyKey{}, b))
	r.Body = b
	return r
}

// Read reads up to the limit.
func (b *stdBody) Read(p []byte) (int, error) {
	most := b.most.Load()
	if most <= 0 {
		return b.ReadCloser.Read(p)
	}
	// net/http closes the connection, without destroying the answer, only for
	// its own reader.
	n, err := http.MaxBytesReader(b.w, b.ReadCloser, most-b.taken).Read(p)
	b.taken += int64(n)
	if tooMuch, ok := err.(*http.MaxBytesError); ok {
		tooMuch.Limit = most
		if !b.over {
			b.over = true
			b.refused.add("body_size")
		}
	}
	return n, err
}
