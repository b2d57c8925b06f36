package middleware

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
)

// DefaultBodyLimit is the limit of the default chain: 10 MiB.
const DefaultBodyLimit = 10 << 20

// BodyLimit lets a handler read at most n bytes of the request body. The read
// that would go beyond fails with an [*http.MaxBytesError], of which gale's web.Fail
// makes a 413, and the connection is closed after the response.
// A body whose Content-Length is over the limit fails at the first read,
// before a byte of it is taken and before a client that sent
// "Expect: 100-continue" is told to go on.
//
// An inner BodyLimit outranks an outer one, so a route may raise or lower the
// limit of the chain that it stands in. (That is why the Content-Length is
// judged at the first read and not at once: only then is it known whose limit
// counts.) What an inner limit can raise is the limit on the bytes that arrive;
// a middleware that decompresses bodies needs a limit inside it, which then
// counts what comes out.
//
// BodyLimit panics when n is not positive.
func BodyLimit(n int64) func(http.Handler) http.Handler {
	if n <= 0 {
		panic(fmt.Sprintf("middleware: BodyLimit(%d) allows no body; give a positive number of bytes", n))
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Body == nil || r.Body == http.NoBody {
				next.ServeHTTP(w, r)
				return
			}
			ww, w := writerOf(w)
			st, r := stateOf(r)
			if outer := st.setBodyLimit(n); outer != nil && r.Body == io.ReadCloser(outer) {
				next.ServeHTTP(w, r)
				return
			}
			body := &limitedBody{body: r.Body, length: r.ContentLength}
			body.set(n)
			st.addBody(body)
			if r.ProtoMajor == 1 {
				ww.OnHeader(func() {
					if body.exceeded.Load() {
						ww.Header().Set("Connection", "close")
					}
				})
			}
			r2 := *r
			r2.Body = body
			next.ServeHTTP(w, &r2)
		})
	}
}

// setBodyLimit moves the limit of the outermost body, and returns that body or
// nil.
func (st *state) setBodyLimit(n int64) *limitedBody {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.body != nil {
		st.body.set(n)
	}
	return st.body
}

// addBody keeps b when it is the outermost body.
func (st *state) addBody(b *limitedBody) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.body == nil {
		st.body = b
	}
}

// limitedBody is a request body with a limit that can be moved until it is
// read. Like every body it belongs to the handler's goroutine, save exceeded.
type limitedBody struct {
	body     io.ReadCloser
	length   int64 // Content-Length; negative when not known
	limit    int64
	capped   io.ReadCloser
	exceeded atomic.Bool
}

// set makes n the limit for what is read from now on. The reader gets no
// ResponseWriter: it would close the connection by it, perhaps from a handler
// that outlived its Timeout. An OnHeader hook does that instead.
func (b *limitedBody) set(n int64) {
	b.limit = n
	b.capped = http.MaxBytesReader(nil, b.body, n)
}

// Read reads up to the limit.
func (b *limitedBody) Read(p []byte) (n int, err error) {
	if b.length > b.limit {
		err = &http.MaxBytesError{Limit: b.limit}
	} else {
		n, err = b.capped.Read(p)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		b.exceeded.Store(true)
	}
	return n, err
}

// Close closes the body.
func (b *limitedBody) Close() error { return b.body.Close() }
