package engine

import (
	"io"
	"net/http"
	"sync/atomic"

	"github.com/galeweb/gale/internal/waitbody"
)

// stdBody is a request body under net/http whose limit can be moved.
type stdBody struct {
	io.ReadCloser
	w http.ResponseWriter
	// net/http puts the trailer into the request that it made.
	from, to *http.Request
	refused  *tally
	most     atomic.Int64 // <= 0: no limit
	taken    int64
	over     bool // the limit was broken
}

// limitStd limits r's body and returns the request to serve.
func (s *Server) limitStd(w http.ResponseWriter, r *http.Request, most int64) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	body := r.Body
	if wait := s.bodyTimeout(); r.ProtoMajor == 2 && wait > 0 { // net/http has no such limit
		body = waitbody.New(body, wait, func() { s.stdRefused.add("body_timeout") })
	}
	b := &stdBody{ReadCloser: body, w: w, refused: &s.stdRefused}
	b.most.Store(most)
	// On a copy: net/http looks at what kind of body its own request has.
	limited := *r
	limited.Body = b
	b.from, b.to = r, &limited
	return &limited
}

// Read reads up to the limit.
func (b *stdBody) Read(p []byte) (n int, err error) {
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
				b.refused.add("body_size")
			}
		}
	}
	b.taken += int64(n)
	if err == io.EOF {
		b.to.Trailer = b.from.Trailer
	}
	return n, err
}
