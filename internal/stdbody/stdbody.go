// Package stdbody limits request bodies under net/http by a limit that can be
// moved while the handler runs.
package stdbody

import (
	"io"
	"net/http"
	"sync/atomic"
)

// Body is a request body with a limit.
type Body struct {
	io.ReadCloser
	w http.ResponseWriter
	// net/http puts the trailer into the request that it made.
	from, to *http.Request
	refused  func()
	most     atomic.Int64 // <= 0: no limit
	taken    int64
	over     bool // the limit was broken
}

// New returns r with body, of which most bytes can be read; <= 0 is no limit.
// refused is called when there are more.
func New(w http.ResponseWriter, r *http.Request, body io.ReadCloser, most int64, refused func()) *http.Request {
	b := &Body{ReadCloser: body, w: w, refused: refused}
	b.most.Store(most)
	// On a copy: net/http looks at what kind of body its own request has.
	limited := *r
	limited.Body = b
	b.from, b.to = r, &limited
	return &limited
}

// SetMax moves the limit, in bytes; <= 0 lifts it.
func (b *Body) SetMax(n int64) { b.most.Store(n) }

// Read reads up to the limit.
func (b *Body) Read(p []byte) (n int, err error) {
	if most := b.most.Load(); most <= 0 {
		n, err = b.ReadCloser.Read(p)
	} else {
		// net/http closes the connection, without destroying the answer, only
		// for its own reader.
		n, err = http.MaxBytesReader(b.w, b.ReadCloser, most-b.taken).Read(p)
		if tooMuch, ok := err.(*http.MaxBytesError); ok {
			tooMuch.Limit = most
			if !b.over {
				b.over = true
				b.refused()
			}
		}
	}
	b.taken += int64(n)
	if err == io.EOF {
		b.to.Trailer = b.from.Trailer
	}
	return n, err
}
