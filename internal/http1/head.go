package http1

import (
	"net/http"
	"strings"
)

// head is a response head in the making: what the handler has set, and what is
// made of it.
type head struct {
	*Response
	set                      handlerSet
	length                   []string // Content-Length
	coding, connection       string   // first values of the fields of these names
	contentEncoding, upgrade string

	framing       Framing
	drop          dropped
	addLength     bool
	contentType   string // fields to add; "" for none
	addConnection string
}

// handlerSet is the set of fields that the handler has set, be it to nothing.
type handlerSet uint8

const (
	setLength handlerSet = 1 << iota
	setType
	setConnection
	setDate
)

func (s handlerSet) has(f handlerSet) bool { return s&f != 0 }

// dropped is a set of fields of the handler's that are not written.
type dropped uint8

const (
	dropLength dropped = 1 << iota
	dropType
	dropConnection
	dropCoding
)

// collect goes through the handler's header once. It returns the fields in the
// order of their names.
func (h *head) collect(fields []headerField) []headerField {
	if len(h.Header) > cap(fields) {
		fields = make([]headerField, 0, len(h.Header))
	}
	for key, values := range h.Header {
		h.note(key, values)
		if len(values) > 0 {
			fields = insert(fields, headerField{key, values})
		}
	}
	return sorted(fields)
}

func (h *head) note(key string, values []string) {
	switch key {
	case "Connection":
		h.set |= setConnection
		h.connection = first(values)
	case "Content-Encoding":
		h.contentEncoding = first(values)
	case "Content-Length":
		h.set |= setLength
		h.length = values
	case "Content-Type":
		h.set |= setType
	case "Date":
		h.set |= setDate
	case "Trailer":
		h.framing.Trailers = h.framing.Trailers || len(values) > 0
	case "Transfer-Encoding":
		h.coding = first(values)
	case "Upgrade":
		h.upgrade = first(values)
	default:
		if strings.HasPrefix(key, http.TrailerPrefix) {
			h.framing.Trailers = true
		}
	}
}

func first(values []string) string {
	if len(values) > 0 {
		return values[0]
	}
	return ""
}

// settle decides on length, connection, type and coding, in this order: each
// depends on those before.
func (h *head) settle() {
	h.framing.Body = h.Method != http.MethodHead && bodyAllowed(h.Status)
	h.settleLength()
	h.settleConnection()
	h.settleType()
	if h.framing.Length >= 0 && h.coding != "" && h.coding != "identity" {
		h.drop |= dropLength // the handler said both: net/http lets the coding win
		h.framing.Length = -1
		h.addLength = false
	}
	h.settleCoding()
	h.settleClose()
}

// settleLength takes the handler's Content-Length, or that of a whole body. A
// length that is no number or comes more than once would let a client read the
// body in its own way.
func (h *head) settleLength() {
	h.framing.Length = -1
	if len(h.length) > 0 {
		n, ok := parseLength(h.length[0])
		if !ok || len(h.length) > 1 {
			h.drop |= dropLength
		}
		if ok {
			h.framing.Length = n
			h.addLength = len(h.length) > 1
		}
		return
	}
	if h.Complete && !h.framing.Trailers && h.coding == "" && bodyAllowed(h.Status) && !h.set.has(setLength) &&
		(h.framing.Body || len(h.Body) > 0) {
		h.framing.Length = int64(len(h.Body))
		h.addLength = true
	}
}

// settleConnection decides whether the connection stays, as far as request,
// server and handler have a say.
func (h *head) settleConnection() {
	wants10 := h.Minor == 0 && !h.RequestClose
	if wants10 && (!h.framing.Body || h.framing.Length >= 0) {
		if !h.set.has(setConnection) {
			h.addConnection = "keep-alive"
		}
	} else if h.Minor == 0 || h.RequestClose {
		h.framing.Close = true
	}
	if !h.KeepAlive || h.Close || h.connection == "close" {
		h.framing.Close = true
	}
	if h.TooLarge && !h.framing.Close {
		h.framing.Close = true
		h.drop |= dropConnection
		h.addConnection = "close"
	}
}

// settleType finds a Content-Type for a body without one.
func (h *head) settleType() {
	if !bodyAllowed(h.Status) {
		h.drop |= dropLength | dropCoding
		h.addLength = false
		if h.Status == http.StatusNotModified {
			h.drop |= dropType
		}
		return
	}
	if len(h.Body) > 0 && h.coding == "" && h.contentEncoding == "" && !h.set.has(setType) {
		h.contentType = sniff(h.Body)
	}
}

// settleCoding decides how the end of the body is found.
func (h *head) settleCoding() {
	switch {
	case !h.framing.Body, h.framing.Length >= 0:
		h.drop |= dropCoding
	case h.Minor == 0, h.coding == "identity": // it is the end of the connection
		h.drop |= dropCoding
		h.framing.Close = true
	default:
		h.framing.Chunked = true
		h.drop |= dropLength
		if h.coding == "chunked" {
			h.drop |= dropCoding
		}
	}
}

// settleClose tells the client that the connection closes, unless the handler
// has said so itself or has switched protocols.
func (h *head) settleClose() {
	if !h.framing.Close || h.isSwitch() {
		return
	}
	if h.KeepAlive && h.drop&dropConnection == 0 && hasToken(h.connection, "close") {
		return
	}
	h.drop |= dropConnection
	if h.Minor > 0 {
		h.addConnection = "close"
	}
}

func (h *head) isSwitch() bool {
	if h.Status != http.StatusSwitchingProtocols || h.upgrade == "" {
		return false
	}
	for _, v := range h.Header["Connection"] {
		if listHas(v, "upgrade") {
			return true
		}
	}
	return false
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
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
