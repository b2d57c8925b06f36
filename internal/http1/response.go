package http1

import (
	"net/http"
	"strconv"
	"strings"
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
	// after the handler: it implies Close, and Connection: close is written
	// whatever the handler has set.
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

// head is a response head in the making.
type head struct {
	*Response
	framing Framing
	drop    dropped

	contentType, connection, coding string // fields to add; "" for none
	addLength                       bool
}

// dropped is a set of fields of the handler's that are not written.
type dropped uint8

const (
	dropLength dropped = 1 << iota
	dropType
	dropConnection
	dropCoding
)

// AppendResponse appends the head of a response to dst, and says how its body
// goes. It is byte for byte what net/http sends, but for what the package
// documentation lists.
func AppendResponse(dst []byte, r *Response) ([]byte, Framing) {
	h := head{Response: r}
	h.settle()
	dst = appendStatus(dst, r.Minor, r.Status)
	dst = appendHeader(dst, r.Header, h.drop)
	if _, ok := r.Header["Date"]; !ok {
		dst = append(dst, r.Date...)
	}
	if h.addLength {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, h.framing.Length, 10)
		dst = append(dst, '\r', '\n')
	}
	dst = appendExtra(dst, "Content-Type: ", h.contentType)
	dst = appendExtra(dst, "Connection: ", h.connection)
	dst = appendExtra(dst, "Transfer-Encoding: ", h.coding)
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

// settle decides on length, coding, type and connection, in this order: each
// depends on those before.
func (h *head) settle() {
	coding := first(h.Header, "Transfer-Encoding")
	h.framing.Trailers = announces(h.Header)
	h.length(coding)
	h.framing.Body = h.Method != "HEAD" && bodyAllowed(h.Status)
	h.keepAlive()
	h.sniff(coding)
	if h.framing.Length >= 0 && coding != "" && coding != "identity" {
		h.drop |= dropLength // the handler said both: net/http lets the coding win
		h.framing.Length = -1
		h.addLength = false
	}
	h.transferEncoding(coding)
	if h.framing.Chunked {
		h.drop |= dropLength
	}
	h.closing()
}

// length takes the handler's Content-Length, or that of a whole body.
func (h *head) length(coding string) {
	h.framing.Length = -1
	values, has := h.Header["Content-Length"]
	if len(values) > 0 {
		n, ok := parseLength(values[0])
		if !ok || len(values) > 1 {
			h.drop |= dropLength
		}
		if ok {
			h.framing.Length = n
			h.addLength = len(values) > 1
		}
	}
	if h.Complete && !h.framing.Trailers && coding == "" && bodyAllowed(h.Status) && !has &&
		(h.Method != "HEAD" || len(h.Body) > 0) {
		h.framing.Length = int64(len(h.Body))
		h.addLength = true
	}
}

// keepAlive decides whether the connection stays, as far as request, server and
// handler have a say.
func (h *head) keepAlive() {
	wants10 := h.Minor == 0 && !h.RequestClose
	if wants10 && (!h.framing.Body || h.framing.Length >= 0) {
		if _, set := h.Header["Connection"]; !set {
			h.connection = "keep-alive"
		}
	} else if h.Minor == 0 || h.RequestClose {
		h.framing.Close = true
	}
	if !h.KeepAlive || h.Close || h.TooLarge || first(h.Header, "Connection") == "close" {
		h.framing.Close = true
	}
	if h.TooLarge {
		h.drop |= dropConnection
		h.connection = "close"
	}
}

// sniff finds a Content-Type for a body without one.
func (h *head) sniff(coding string) {
	if !bodyAllowed(h.Status) {
		h.drop |= dropLength | dropCoding
		h.addLength = false
		if h.Status == http.StatusNotModified {
			h.drop |= dropType
		}
		return
	}
	if len(h.Body) == 0 || coding != "" || first(h.Header, "Content-Encoding") != "" {
		return
	}
	if _, set := h.Header["Content-Type"]; !set {
		h.contentType = http.DetectContentType(h.Body)
	}
}

func (h *head) transferEncoding(coding string) {
	switch {
	case !h.framing.Body, h.framing.Length >= 0:
		h.drop |= dropCoding
	case h.Minor == 0:
		h.drop |= dropCoding
		h.framing.Close = true // the end of the body is that of the connection
	case coding == "identity":
		h.drop |= dropCoding
		h.framing.Close = true
	default:
		h.framing.Chunked = true
		h.coding = "chunked"
		if coding == "chunked" {
			h.drop |= dropCoding
		}
	}
}

// closing tells the client that the connection closes, unless the handler has
// said so itself or has switched protocols.
func (h *head) closing() {
	if !h.framing.Close || isSwitch(h.Status, h.Header) {
		return
	}
	if h.KeepAlive && h.drop&dropConnection == 0 && hasToken(first(h.Header, "Connection"), "close") {
		return
	}
	h.drop |= dropConnection
	if h.Minor > 0 {
		h.connection = "close"
	}
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

func isSwitch(status int, header http.Header) bool {
	if status != http.StatusSwitchingProtocols || first(header, "Upgrade") == "" {
		return false
	}
	for _, v := range header["Connection"] {
		if listHas(v, "upgrade") {
			return true
		}
	}
	return false
}

func first(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// hasToken is net/http's loose search: token, in lower case, with blanks or
// commas or nothing around it.
func hasToken(v, token string) bool {
	for i := 0; i+len(token) <= len(v); i++ {
		if (i == 0 || isBoundary(v[i-1])) && foldEqual(v[i:i+len(token)], token) &&
			(i+len(token) == len(v) || isBoundary(v[i+len(token)])) {
			return true
		}
	}
	return false
}

func isBoundary(c byte) bool { return c == ',' || isBlank(c) }

// announces reports whether the handler will send trailer fields.
func announces(h http.Header) bool {
	if len(h["Trailer"]) > 0 {
		return true
	}
	for key := range h {
		if strings.HasPrefix(key, http.TrailerPrefix) {
			return true
		}
	}
	return false
}
