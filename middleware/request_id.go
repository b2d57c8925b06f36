package middleware

import (
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/obs"
)

const requestIDHeader = "X-Request-Id"

// RequestIDOptions configures [RequestIDWith].
type RequestIDOptions struct {
	// TrustIncoming takes the X-Request-Id of the request when it is 1 to 64 of
	// A-Z a-z 0-9 . _ -. Set it only where every request passes a proxy that
	// sets or removes the header: else anyone can give his requests the id of
	// someone else's, and the log no longer tells them apart. Defaults to false.
	TrustIncoming bool
	// New makes an id. It must be safe for concurrent use. Defaults to
	// [rand.Text]: at least 128 random bits, so that an id cannot be guessed.
	New func() string
}

// RequestID is [RequestIDWith] with the defaults.
func RequestID(next http.Handler) http.Handler {
	return RequestIDWith(RequestIDOptions{})(next)
}

// RequestIDWith gives each request an id, sends it back as X-Request-Id, and
// puts an [obs.Request] into the context and a [web.Writer] around the
// response: the record that all inner layers fill in, and that the server's
// [engine.Server.Running] shows as the request's note. It belongs outermost.
// Where an outer layer has put an [obs.Request] already, that one stays. When
// the handler sent nothing, it sends the header, so that what waits for
// [web.Writer.OnHeader], such as a session's cookie, is not lost.
//
// The trace id comes from a valid W3C traceparent header and is empty without
// one. It is hexadecimal, so a client cannot forge log lines with it, but it
// can name someone else's trace: use it to find records, not to count them.
func RequestIDWith(o RequestIDOptions) func(http.Handler) http.Handler {
	if o.New == nil {
		o.New = rand.Text
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ww, w := writerOf(w)
			ctx := r.Context()
			if rec := obs.RequestFrom(ctx); rec != nil {
				engine.Annotate(ctx, rec)
				next.ServeHTTP(w, r)
				return
			}
			id := ""
			if o.TrustIncoming {
				id = incomingID(r.Header)
			}
			if id == "" {
				id = o.New()
			}
			ww.Header().Set(requestIDHeader, id)
			rec := obs.NewRequest(id, traceID(r.Header))
			engine.Annotate(ctx, rec)
			ctx = obs.WithRequest(ctx, rec)
			if stateFrom(ctx) == nil {
				ctx = stateKey.With(ctx, new(state))
			}
			next.ServeHTTP(w, r.WithContext(ctx))
			sendHeader(ww)
		})
	}
}

// incomingID returns the one well-formed X-Request-Id in h, or "".
func incomingID(h http.Header) string {
	v := h[requestIDHeader]
	if len(v) != 1 || v[0] == "" || len(v[0]) > 64 {
		return ""
	}
	for _, c := range []byte(v[0]) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return ""
		}
	}
	return v[0]
}

// traceID returns the trace id of the one valid traceparent in h, or "".
// W3C Trace Context 1, section 3.2: version-traceid-parentid-flags in
// lower-case hex, neither id all zero, version ff forbidden; a later version
// may append fields, version 00 may not.
func traceID(h http.Header) string {
	v := h["Traceparent"]
	if len(v) != 1 || len(v[0]) < 55 {
		return ""
	}
	s := v[0]
	version, trace, parent, flags := s[:2], s[3:35], s[36:52], s[53:55]
	switch {
	case s[2] != '-' || s[35] != '-' || s[52] != '-',
		!lowerHex(version) || !lowerHex(trace) || !lowerHex(parent) || !lowerHex(flags),
		version == "ff",
		len(s) > 55 && (version == "00" || s[55] != '-'),
		strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "":
		return ""
	}
	return trace
}

func lowerHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
