package http1

import (
	"net/http"
	"strconv"
)

// Response is what the head of a final response is made from.
type Response struct {
	// Minor is the minor version of the request: 0 or 1.
	Minor int
	// Method is that of the request: a response to HEAD has no body.
	Method string
	// Status is the status code, 101 or 200 to 999.
	Status int
	// Header is the handler's, as it was when it called WriteHeader; may be
	// nil. It is not changed. Names are written as they are.
	Header http.Header
	// Body is what the handler has written so far, with Complete all of it. It
	// is sniffed for a Content-Type and its length may become the
	// Content-Length; it is not appended to the head.
	Body []byte
	// Complete says that the handler has returned.
	Complete bool
	// KeepAlive says that the server keeps connections now.
	KeepAlive bool
	// RequestClose is [Request].Close.
	RequestClose bool
	// Close says that the connection must be closed whatever request and
	// handler want, as after a request body that was not read to its end.
	Close bool
	// TooLarge says that the request's body is too large to be read to its end
	// after the handler: it implies Close, and where nothing else does,
	// Connection: close takes the place of what the handler has set.
	TooLarge bool
	// Date is a Date field ready to be written, "Date: …\r\n"; nil for none. A
	// handler that has set Date, be it to nil, has its own way.
	Date []byte
}

// Framing is how the body goes after a head that [AppendResponse] wrote.
type Framing struct {
	// Chunked says that the body must be written with [AppendChunk] and ended
	// with [AppendChunkEnd].
	Chunked bool
	// Length is the Content-Length: what the handler declared, or the length of
	// the whole body; -1 when there is none.
	Length int64
	// Body says that bytes of a body may be written. It is false for HEAD and
	// for 1xx, 204 and 304; what a handler writes then is dropped or refused.
	Body bool
	// Close says that the connection closes after the response.
	Close bool
	// Trailers says that the handler has announced trailer fields: see
	// [Trailers].
	Trailers bool
}

// AppendResponse appends the head of a response to dst, and says how its body
// goes. It is byte for byte what net/http sends, but for what the package
// documentation lists.
func AppendResponse(dst []byte, r *Response) ([]byte, Framing) {
	h := head{Response: r}
	var room [stackFields]headerField
	fields := h.collect(room[:0])
	h.settle()
	dst = appendStatus(dst, r.Minor, r.Status)
	dst = appendFields(dst, fields, h.drop)
	if !h.set.has(setDate) {
		dst = append(dst, r.Date...)
	}
	if h.addLength {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, h.framing.Length, 10)
		dst = append(dst, '\r', '\n')
	}
	dst = appendExtra(dst, "Content-Type: ", h.contentType)
	dst = appendExtra(dst, "Connection: ", h.addConnection)
	if h.framing.Chunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	return append(dst, '\r', '\n'), h.framing
}

func appendExtra(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, name...)
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}
