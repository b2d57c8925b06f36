package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
)

// handshakeError is the answer to a request that is not upgraded.
type handshakeError struct {
	status  int
	message string
}

// answer is our half of the opening handshake.
type answer struct {
	accept      string // the value of Sec-WebSocket-Accept
	subprotocol uint8  // index in Handler.Subprotocols, plus 1
	deflate     agreement
	h           *Handler
}

const extensionsHeader = "Sec-WebSocket-Extensions"

// checkRequest judges the client's half of the opening handshake, RFC 6455
// section 4.2.1.
func (h *Handler) checkRequest(w http.ResponseWriter, r *http.Request) (answer, *handshakeError) {
	refuse := func(status int, message string) (answer, *handshakeError) {
		return answer{}, &handshakeError{status, message}
	}
	switch {
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return refuse(http.StatusHTTPVersionNotSupported, "WebSocket needs HTTP/1.1, this request is "+r.Proto)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		return refuse(http.StatusMethodNotAllowed, "WebSocket handshake must be a GET")
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		return refuse(http.StatusUpgradeRequired, "this is a WebSocket endpoint; Connection and Upgrade are missing")
	// A body would be read as frames by us and as something else by a proxy.
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return refuse(http.StatusBadRequest, "WebSocket handshake must have no body")
	case !slices.Equal(r.Header.Values("Sec-WebSocket-Version"), []string{"13"}):
		w.Header().Set("Sec-WebSocket-Version", "13")
		return refuse(http.StatusUpgradeRequired, "Sec-WebSocket-Version must be 13")
	}
	keys := r.Header.Values("Sec-WebSocket-Key")
	if len(keys) != 1 {
		return refuse(http.StatusBadRequest, "exactly one Sec-WebSocket-Key is needed")
	}
	if raw, err := base64.StdEncoding.Strict().DecodeString(keys[0]); err != nil || len(raw) != 16 {
		return refuse(http.StatusBadRequest, "Sec-WebSocket-Key must be 16 bytes in base64")
	}
	return answer{h: h, accept: acceptKey(keys[0])}, nil
}

// acceptKey proves that the server understood the handshake. SHA-1 is the
// RFC's choice and protects nothing.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// hasToken looks for a token in a comma-separated header, whatever its case.
func hasToken(h http.Header, name, token string) bool {
	return slices.ContainsFunc(tokens(h, name), func(t string) bool { return strings.EqualFold(t, token) })
}

func tokens(h http.Header, name string) []string {
	var all []string
	for _, line := range h.Values(name) {
		for t := range strings.SplitSeq(line, ",") {
			all = append(all, strings.TrimSpace(t))
		}
	}
	return all
}

// chooseSubprotocol returns the index in ours, plus 1, of the first that is
// offered, or 0.
func chooseSubprotocol(ours []string, h http.Header) uint8 {
	offered := tokens(h, "Sec-WebSocket-Protocol")
	for i, p := range ours[:min(len(ours), math.MaxUint8)] {
		if slices.Contains(offered, p) {
			return uint8(i + 1)
		}
	}
	return 0
}

// canUpgrade looks at the innermost writer: wrappers have a Hijack method
// whether or not what they wrap has one, and after the 101 it is too late.
func canUpgrade(w http.ResponseWriter) bool {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	_, ok := w.(http.Hijacker)
	return ok
}

func (a answer) write(h http.Header) {
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
	h.Set("Sec-WebSocket-Accept", a.accept)
	h.Del(extensionsHeader)
	if a.deflate.agreed {
		h.Set(extensionsHeader, a.deflate.String())
	}
	if a.subprotocol != 0 {
		h.Set("Sec-WebSocket-Protocol", a.h.Subprotocols[a.subprotocol-1])
	}
}

// hijack takes the connection over. early is what the client sent right behind
// its request.
func hijack(w http.ResponseWriter) (nc net.Conn, early []byte, err error) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("ws: hijack: %w", err)
	}
	if n := rw.Reader.Buffered(); n > 0 {
		// The reader's buffer dies with it: copy, then let it go.
		early = make([]byte, n)
		rw.Reader.Read(early)
	}
	return nc, early, nil
}
