package web

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"github.com/galeweb/gale/engine"
)

// DefaultBodyLimit is how many bytes [JSON], [DecodeJSON] and [Form] read of a
// body that no [LimitBody] has limited: 1 MiB.
const DefaultBodyLimit = 1 << 20

// LimitBody has reads of r's body fail with an [*http.MaxBytesError] after n
// bytes, which [Fail] answers with 413, and the connection closed after the
// response. A body whose Content-Length is over the limit fails at the first
// read, before a byte of it is taken and before a client that sent
// "Expect: 100-continue" is told to go on.
//
// A later call for the same request moves the limit, so that a route may allow
// more, or less, than the site does; n below 0 lifts it. Call it before the body
// is read. Where a middleware in between has put a decompressed body in place of
// the one that arrives, n limits both.
func LimitBody(w http.ResponseWriter, r *http.Request, n int64) {
	if b, ok := r.Body.(*limitedBody); ok {
		b.set(n)
		return
	}
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	engine.LimitBody(w, r, 0) // the server's own limit gives way to this one
	b := &limitedBody{body: r.Body, length: r.ContentLength}
	ww := WriterFrom(w)
	switch {
	case ww == nil:
		b.w = w
	case ww.body != nil:
		b.length = -1 // r.ContentLength is that of what arrives
		ww.body.set(n)
	default:
		ww.body = b
	}
	if ww != nil && r.ProtoMajor == 1 {
		ww.OnHeader(func() {
			if b.exceeded.Load() {
				tooLarge(ww)
			}
		})
	}
	b.set(n)
	r.Body = b
}

// tooLarge has the server close the connection after the response, and wait a
// moment before it does: else the reset that unread bytes cause could overtake
// the response. net/http takes that from a MaxBytesReader and nobody else, and
// only by its own writer.
func tooLarge(w http.ResponseWriter) {
	for u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok; u, ok = w.(interface{ Unwrap() http.ResponseWriter }) {
		w = u.Unwrap()
	}
	w.Header().Set("Connection", "close")
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}

// limitedBody is a request body with a limit that can be moved until it is
// read. Like every body it belongs to the handler's goroutine, save exceeded.
type limitedBody struct {
	body   io.ReadCloser
	length int64 // Content-Length; negative when not known
	limit  int64 // negative for none
	capped io.Reader

	// w is told to close the connection; nil with a Writer, whose OnHeader hook
	// does that: w could be used by a handler that outlived its time.
	w        http.ResponseWriter
	exceeded atomic.Bool
}

// set makes n the limit for what is read from now on.
func (b *limitedBody) set(n int64) {
	b.limit, b.capped = n, b.body
	if n >= 0 {
		b.capped = http.MaxBytesReader(b.w, b.body, n)
	}
}

// Read reads up to the limit.
func (b *limitedBody) Read(p []byte) (n int, err error) {
	if b.limit >= 0 && b.length > b.limit {
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

// readBody reads r's whole body, with the default limit when there is none.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	if _, ok := r.Body.(*limitedBody); !ok {
		n := int64(DefaultBodyLimit)
		if ww := WriterFrom(w); ww != nil && ww.body != nil {
			n = ww.body.limit
		}
		LimitBody(w, r, n)
	}
	// The announced length saves growing, but is only believed so far: else a
	// client holds our memory for the price of a header.
	var buf bytes.Buffer
	buf.Grow(int(min(max(r.ContentLength, 0), 16<<10)) + bytes.MinRead)
	if _, err := buf.ReadFrom(r.Body); err != nil {
		return nil, readError(err)
	}
	return buf.Bytes(), nil
}

// readError turns an error of reading a body into what the client is told. It
// is the client's fault, or its network's, in every case.
func readError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err // Fail knows the words.
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Error{Status: http.StatusRequestTimeout, Message: "The request body came too slowly.", Err: err}
	}
	e := malformed()
	e.Message, e.Err = "The request body ended too early or is broken.", err
	return e
}

// refuseBody returns a problem when r has a body.
func refuseBody(r *http.Request) (Problem, bool) {
	if r.Body == nil || r.Body == http.NoBody {
		return Problem{}, false
	}
	if n, _ := io.ReadFull(r.Body, make([]byte, 1)); n == 0 {
		return Problem{}, false
	}
	return Problem{Code: "unexpected", Detail: "a request body is not taken here"}, true
}

// needType returns a 415 unless the Content-Type is one that accepts agrees
// to, in UTF-8.
func needType(r *http.Request, want string, accepts func(mediaType string) bool) error {
	header := r.Header.Get("Content-Type")
	mediaType, params, err := mime.ParseMediaType(header)
	charset := params["charset"]
	switch {
	case err != nil || !accepts(mediaType):
		return &Error{
			Status: http.StatusUnsupportedMediaType, Code: "unsupported_type",
			Message: "The request body must have the Content-Type " + want + ".", Err: err,
		}
	case charset != "" && !strings.EqualFold(charset, "utf-8"):
		return &Error{
			Status: http.StatusUnsupportedMediaType, Code: "unsupported_charset",
			Message: "The request body must be in UTF-8.",
		}
	}
	return nil
}

func isJSON(mediaType string) bool {
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}
