package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
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

// checkRequest judges the client's half of the opening handshake, RFC 6455
// section 4.2.1, and returns the value of Sec-WebSocket-Accept.
func checkRequest(w http.ResponseWriter, r *http.Request) (accept string, err *handshakeError) {
	refuse := func(status int, message string) (string, *handshakeError) {
		return "", &handshakeError{status, message}
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
	return acceptKey(keys[0]), nil
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

func chooseSubprotocol(ours []string, h http.Header) string {
	offered := tokens(h, "Sec-WebSocket-Protocol")
	for _, p := range ours {
		if slices.Contains(offered, p) {
			return p
		}
	}
	return ""
}

// canHijack looks at the innermost writer: wrappers have a Hijack method
// whether or not what they wrap has one, and after the 101 it is too late.
func canHijack(w http.ResponseWriter) bool {
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

// upgrade sends the 101 by way of the ResponseWriter, so that middleware sees
// it and may add its cookies, and takes the connection over. early is what the
// client sent right behind its request.
func upgrade(w http.ResponseWriter, accept, subprotocol string) (nc net.Conn, early []byte, err error) {
	h := w.Header()
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
	h.Set("Sec-WebSocket-Accept", accept)
	h.Del("Sec-WebSocket-Extensions")
	if subprotocol != "" {
		h.Set("Sec-WebSocket-Protocol", subprotocol)
	}
	w.WriteHeader(http.StatusSwitchingProtocols)
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
