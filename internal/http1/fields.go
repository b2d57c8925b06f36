package http1

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// stackFields is how many fields are sorted without an allocation.
const stackFields = 16

type headerField struct {
	key    string
	values []string
}

// appendHeader appends the fields of h in the order of their names, without
// those in drop.
func appendHeader(dst []byte, h http.Header, drop dropped) []byte {
	if len(h) == 0 {
		return dst
	}
	var room [stackFields]headerField
	fields := room[:0]
	if len(h) > stackFields {
		fields = make([]headerField, 0, len(h))
	}
	for key, values := range h {
		fields = insert(fields, headerField{key, values})
	}
	return appendFields(dst, sorted(fields), drop)
}

// insert keeps a few fields sorted; where there may be more, see sorted.
func insert(fields []headerField, f headerField) []headerField {
	fields = append(fields, f)
	if cap(fields) > stackFields {
		return fields
	}
	i := len(fields) - 1
	for ; i > 0 && f.key < fields[i-1].key; i-- {
		fields[i] = fields[i-1]
	}
	fields[i] = f
	return fields
}

func sorted(fields []headerField) []headerField {
	if cap(fields) > stackFields {
		slices.SortFunc(fields, func(a, b headerField) int { return strings.Compare(a.key, b.key) })
	}
	return fields
}

func appendFields(dst []byte, fields []headerField, drop dropped) []byte {
	for i := range fields {
		if !drop.has(fields[i].key) {
			dst = appendField(dst, fields[i].key, fields[i].values)
		}
	}
	return dst
}

func (d dropped) has(key string) bool {
	switch len(key) {
	case len("Connection"):
		return d&dropConnection != 0 && key == "Connection"
	case len("Content-Type"):
		return d&dropType != 0 && key == "Content-Type"
	case len("Content-Length"):
		// A handler's own spelling would be a second length.
		return (d&dropLength != 0 || key != "Content-Length") && foldEqual(key, "content-length")
	case len("Transfer-Encoding"):
		return (d&dropCoding != 0 || key != "Transfer-Encoding") && foldEqual(key, "transfer-encoding")
	}
	return false
}

// appendField appends a line for each value. A name that is no token is left
// out, as there is no way to tell the handler; those with [http.TrailerPrefix]
// are such names.
func appendField(dst []byte, key string, values []string) []byte {
	if !isToken(key) {
		return dst
	}
	for _, v := range values {
		dst = append(dst, key...)
		dst = append(dst, ':', ' ')
		dst = appendValue(dst, v)
		dst = append(dst, '\r', '\n')
	}
	return dst
}

// appendValue appends v with CR and LF made spaces, and then without white space
// at its ends: a value cannot make a line of its own.
func appendValue(dst []byte, v string) []byte {
	for len(v) > 0 && isSpace(v[0]) {
		v = v[1:]
	}
	for len(v) > 0 && isSpace(v[len(v)-1]) {
		v = v[:len(v)-1]
	}
	start := len(dst)
	dst = append(dst, v...)
	if isValue(v) {
		return dst
	}
	for i := start; i < len(dst); i++ {
		if dst[i] == '\r' || dst[i] == '\n' {
			dst[i] = ' '
		}
	}
	return dst
}

func isSpace(c byte) bool { return isBlank(c) || c == '\r' || c == '\n' }

func appendStatus(dst []byte, minor, status int) []byte {
	dst = append(dst, "HTTP/1.0 "...)
	if minor > 0 {
		dst[len(dst)-2] = '1'
	}
	if status == http.StatusOK {
		return append(dst, "200 OK\r\n"...)
	}
	dst = strconv.AppendInt(dst, int64(status), 10)
	if text := http.StatusText(status); text != "" {
		dst = append(dst, ' ')
		dst = append(dst, text...)
	} else {
		dst = append(dst, " status code "...)
		dst = strconv.AppendInt(dst, int64(status), 10)
	}
	return append(dst, '\r', '\n')
}

// AppendInterim appends a whole 1xx response, other than 101, with the handler's
// fields but Content-Length and Transfer-Encoding. h may be nil and is not
// changed. HTTP/1.0 has no such responses: do not send one there.
func AppendInterim(dst []byte, status int, h http.Header) []byte {
	dst = appendStatus(dst, 1, status)
	dst = appendHeader(dst, h, dropLength|dropCoding)
	return append(dst, '\r', '\n')
}
