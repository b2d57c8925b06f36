package ws

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DialOptions are the options of [Dial].
type DialOptions struct {
	// Handler has the callbacks, limits and subprotocols of the client's side;
	// share one among connections to drain them together. Defaults to one
	// whose messages are taken by [Conn.Messages].
	Handler *Handler
	// Header is added to the handshake: Cookie, Authorization, Origin.
	Header http.Header
	// DialContext opens the connection. Defaults to a [net.Dialer].
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is the configuration for wss. Defaults to that of crypto/tls.
	TLS *tls.Config
}

// HandshakeError is the answer of a server that did not upgrade.
type HandshakeError struct {
	// StatusCode and Header are those of the response.
	StatusCode int
	Header     http.Header
	reason     string
}

// Error returns the status and what was wrong.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("ws: handshake: status %d: %s", e.StatusCode, e.reason)
}

// Dial connects to a ws or wss URL (http and https are taken for them). ctx
// bounds the handshake, by 30 s when it has no deadline of its own, and gives
// its values to [Conn.Context]. A server that declines is a [*HandshakeError].
func Dial(ctx context.Context, rawURL string, o DialOptions) (*Conn, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
	}
	h := o.Handler
	if h == nil {
		h = &Handler{}
	}
	r, err := newDialRequest(ctx, rawURL, h, o.Header)
	if err != nil {
		return nil, err
	}
	nc, err := dialConn(ctx, r.URL, o)
	if err != nil {
		return nil, fmt.Errorf("ws: dial: %w", err)
	}
	// A deadline in the past is what wakes a blocked read or write.
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	a, early, err := h.shake(nc, r)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		nc.Close()
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("ws: dial: %w", err)
	}
	c := newConn(h, context.WithoutCancel(ctx), client)
	c.agree(a)
	newSocket(c, nc).serve(r, early)
	return c, nil
}

func newDialRequest(ctx context.Context, rawURL string, h *Handler, header http.Header) (*http.Request, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("ws: dial: %w", err)
	}
	switch u.Scheme {
	case "ws", "http":
		u.Scheme = "http"
	case "wss", "https":
		u.Scheme = "https"
	default:
		return nil, fmt.Errorf("ws: dial: scheme %q is not ws or wss", u.Scheme)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ws: dial: %w", err)
	}
	if header != nil {
		r.Header = header.Clone()
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	key := make([]byte, 16)
	rand.Read(key)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key))
	if len(h.Subprotocols) > 0 {
		r.Header.Set("Sec-WebSocket-Protocol", strings.Join(h.Subprotocols, ", "))
	}
	if h.Compression.Enabled {
		r.Header.Set(extensionsHeader, h.Compression.offer())
	}
	return r, nil
}

func dialConn(ctx context.Context, u *url.URL, o DialOptions) (net.Conn, error) {
	dial := o.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	nc, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil || u.Scheme == "http" {
		return nc, err
	}
	config := &tls.Config{}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = u.Hostname()
	}
	config.NextProtos = []string{"http/1.1"} // HTTP/2 could not be upgraded
	tc := tls.Client(nc, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return tc, nil
}

// shake sends the request and judges the answer, RFC 6455 section 4.1.
func (h *Handler) shake(nc net.Conn, r *http.Request) (a answer, early []byte, err error) {
	if err := r.Write(nc); err != nil {
		return a, nil, err
	}
	br := bufio.NewReader(nc)
	resp, err := http.ReadResponse(br, r)
	if err != nil {
		return a, nil, err
	}
	defer resp.Body.Close()
	a, reason := h.judgeAnswer(r, resp)
	if reason != "" {
		return a, nil, &HandshakeError{StatusCode: resp.StatusCode, Header: resp.Header, reason: reason}
	}
	early = make([]byte, br.Buffered())
	br.Read(early)
	return a, early, nil
}

// judgeAnswer returns what was agreed on, or what is wrong with the answer.
func (h *Handler) judgeAnswer(r *http.Request, resp *http.Response) (a answer, reason string) {
	chosen := resp.Header.Get("Sec-WebSocket-Protocol")
	a.subprotocol = chooseSubprotocol(h.Subprotocols, resp.Header)
	a.h = h
	var ok bool
	switch a.deflate, ok = h.Compression.answered(resp.Header.Values(extensionsHeader)); {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		reason = "no upgrade"
	case !hasToken(resp.Header, "Connection", "upgrade") || !hasToken(resp.Header, "Upgrade", "websocket"):
		reason = "Connection or Upgrade is missing"
	case resp.Header.Get("Sec-WebSocket-Accept") != acceptKey(r.Header.Get("Sec-WebSocket-Key")):
		reason = "wrong Sec-WebSocket-Accept"
	case !ok:
		reason = "extension that was not offered, or not so"
	case chosen != "" && (a.subprotocol == 0 || h.Subprotocols[a.subprotocol-1] != chosen):
		reason = "subprotocol that was not offered"
	}
	return a, reason
}
