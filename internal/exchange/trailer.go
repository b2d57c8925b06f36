package exchange

import (
	"net/http"
	"net/textproto"
	"strings"
)

// finalTrailer returns the trailer of the response, or nil: what the header
// announced before the head was sent, and what the handler has set with
// http.TrailerPrefix.
func (w *response) finalTrailer() http.Header {
	var t http.Header
	add := func(key string, values []string) {
		if t == nil {
			t = http.Header{}
		}
		t[key] = append(t[key], values...)
	}
	for k, values := range w.header {
		if name, ok := strings.CutPrefix(k, http.TrailerPrefix); ok {
			add(name, values)
		}
	}
	for _, list := range w.snapshot["Trailer"] {
		for name := range strings.SplitSeq(list, ",") {
			name = http.CanonicalHeaderKey(textproto.TrimString(name))
			if values := w.header[name]; name != "" && len(values) > 0 && trailerAllowed(name) {
				add(name, values)
			}
		}
	}
	return t
}
