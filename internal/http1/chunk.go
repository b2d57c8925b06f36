package http1

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// AppendChunk appends p as one chunk. An empty p appends nothing: it would end
// the body.
func AppendChunk(dst, p []byte) []byte {
	if len(p) == 0 {
		return dst
	}
	dst = AppendChunkSize(dst, len(p))
	dst = append(dst, p...)
	return append(dst, '\r', '\n')
}

// AppendChunkSize appends the line before a chunk of n > 0 bytes, for callers
// that write its data themselves, and then CRLF.
func AppendChunkSize(dst []byte, n int) []byte {
	dst = strconv.AppendInt(dst, int64(n), 16)
	return append(dst, '\r', '\n')
}

// AppendChunkEnd appends the last chunk, the trailer fields, nil for none, and
// the end of the body.
func AppendChunkEnd(dst []byte, trailer http.Header) []byte {
	dst = append(dst, '0', '\r', '\n')
	dst = appendHeader(dst, trailer, dropLength|dropCoding)
	return append(dst, '\r', '\n')
}

// AnnouncedTrailers returns the names in the Trailer fields of a handler's
// header as it was when it called WriteHeader, without those that may not be
// trailer fields.
func AnnouncedTrailers(h http.Header) []string {
	var names []string
	for _, list := range h["Trailer"] {
		for more := true; more; {
			var name string
			name, list, more = strings.Cut(list, ",")
			if name = strings.Trim(name, " \t\r\n"); name == "" {
				continue
			}
			if key := http.CanonicalHeaderKey(name); !isBadResponseTrailer(key) {
				names = append(names, key)
			}
		}
	}
	return names
}

// Trailers returns the trailer fields of a response: those announced, and those
// whose names have [http.TrailerPrefix], from the handler's header as it is when
// it returns; nil for none.
func Trailers(announced []string, h http.Header) http.Header {
	var t http.Header
	for key, values := range h {
		if name, ok := strings.CutPrefix(key, http.TrailerPrefix); ok {
			if t == nil {
				t = make(http.Header)
			}
			t[name] = values
		}
	}
	for _, name := range announced {
		if len(h[name]) == 0 {
			continue
		}
		if t == nil {
			t = make(http.Header)
		}
		t[name] = append(slices.Clip(t[name]), h[name]...)
	}
	return t
}

// isBadResponseTrailer reports whether net/http refuses to announce the field.
func isBadResponseTrailer(key string) bool {
	switch key {
	case "Authorization", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Range",
		"Content-Type", "Expect", "Host", "Keep-Alive", "Max-Forwards", "Pragma", "Proxy-Authenticate",
		"Proxy-Authorization", "Proxy-Connection", "Range", "Realm", "Te", "Trailer", "Transfer-Encoding",
		"Www-Authenticate":
		return true
	}
	return strings.HasPrefix(key, "If-")
}
