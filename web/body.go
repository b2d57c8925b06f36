package web

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
)

// DefaultBodyLimit is how many bytes [JSON], [DecodeJSON] and [Form] read of a
// body that no [LimitBody] has limited: 1 MiB.
const DefaultBodyLimit = 1 << 20

// LimitBody has reads of r's body fail with an [*http.MaxBytesError] after n
// bytes, which [Fail] answers with 413. A later call for the same request
// replaces the limit, so that a route may allow more than the site does; n
// below 0 lifts it. Call it before the body is read.
func LimitBody(w http.ResponseWriter, r *http.Request, n int64) {
	body := r.Body
	if l, ok := body.(*limitedBody); ok {
		body = l.below
	}
	if body == nil || body == http.NoBody {
		return
	}
	limited := &limitedBody{ReadCloser: body, below: body}
	if n >= 0 {
		// Only the server's own writer can be told to close the connection
		// after a body that was not read to its end.
		for u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok; u, ok = w.(interface{ Unwrap() http.ResponseWriter }) {
			w = u.Unwrap()
		}
		limited.ReadCloser = http.MaxBytesReader(w, body, n)
	}
	r.Body = limited
}

type limitedBody struct {
	io.ReadCloser
	below io.ReadCloser
}

// readBody reads r's whole body, with the default limit when there is none.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	if _, ok := r.Body.(*limitedBody); !ok {
		LimitBody(w, r, DefaultBodyLimit)
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
