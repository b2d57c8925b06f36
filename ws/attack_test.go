package ws_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/wsframe"
	"github.com/galeweb/gale/ws"
)

// TestAttackFrames sends what a proper client never would, and expects the
// close code of the RFC and the end of the connection.
func TestAttackFrames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		send []byte
		want int
	}{
		{"unmasked frame", wsframe.AppendFrame(nil, wsframe.Text, []byte("hi")), 1002},
		{"message over the limit", masked(wsframe.Binary, strings.Repeat("x", 2000)), 1009},
		{"only the header of a petabyte", []byte{0x82, 0xff, 0, 4, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, 1009},
		{"fragmented ping", []byte{0x09, 0x80, 1, 2, 3, 4}, 1002},
		{"ping over 125 bytes", []byte{0x89, 0xfe, 0, 126}, 1002},
		{"invalid UTF-8", masked(wsframe.Text, "\xc0\xaf"), 1007},
		{"compressed frame that was not negotiated", []byte{0xc1, 0x81, 1, 2, 3, 4, 0}, 1002},
		{"close code 1005", masked(wsframe.Close, "\x03\xed"), 1002},
		{"close code 1015", masked(wsframe.Close, "\x03\xf7"), 1002},
		{"close with half a code", masked(wsframe.Close, "\x03"), 1002},
		{"close reason not UTF-8", masked(wsframe.Close, "\x03\xe8\xff"), 1007},
		{"HTTP in place of frames", []byte("GET / HTTP/1.1\r\n\r\n"), 1002},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			causes, onClose := closed()
			s := serveTCP(t, &ws.Handler{Message: echo, ReadLimit: 1000, Close: onClose})
			r := s.raw(t)
			// More behind it, unread by the server, must not reset the
			// connection before the close frame is read.
			r.write(t, append(c.send, masked(wsframe.Text, "more")...))
			assert.Equal(t, r.closeCode(t), c.want)
			op, _ := r.frame(t)
			assert.Equal(t, op, byte(0))
			r.Close()
			assert.True(t, <-causes != nil, "Close is told a cause")
		})
	}
}

// TestAttackPingFlood: while nobody reads, 200,000 pings leave one pong.
func TestAttackPingFlood(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	h := &ws.Handler{Message: echo, WriteTimeout: time.Hour, PingEvery: -1}
	done := make(chan struct{})
	l := &one{conn: far, done: make(chan struct{})}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { s.Serve(l); close(done) }()
	br := bufio.NewReader(near)
	_, err := io.WriteString(near, handshake)
	assert.NoError(t, err)
	_, err = http.ReadResponse(br, nil)
	assert.NoError(t, err)
	flood := bytes.Repeat(masked(wsframe.Ping, "a"), 10_000)
	for range 20 {
		_, err = near.Write(flood)
		assert.NoError(t, err)
	}
	_, err = near.Write(append(masked(wsframe.Ping, "last"), masked(wsframe.Close, "\x03\xe8")...))
	assert.NoError(t, err)
	rest, err := io.ReadAll(br)
	assert.NoError(t, err)
	// A pong that was being written when the flood came, one for the rest.
	assert.True(t, len(rest) < 50, "a handful of pongs, not 200,000")
	assert.NoError(t, h.Drain(t.Context()))
	s.Close()
	<-done
}

// one is a listener of one connection.
type one struct {
	conn net.Conn
	done chan struct{}
}

func (l *one) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *one) Close() error   { close(l.done); return nil }
func (l *one) Addr() net.Addr { return &net.UnixAddr{Name: "one"} }

func handshakeHeader() http.Header {
	return http.Header{
		"Connection":            {"keep-alive, Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
}

// TestAttackHandshake: everything that is not exactly a handshake is refused
// with a status that says why, and without an upgrade.
func TestAttackHandshake(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, &ws.Handler{Message: echo})
	host := strings.TrimPrefix(s.url, "http://")
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"proper", func(*http.Request) {}, 101},
		{"split Connection header", func(r *http.Request) { r.Header["Connection"] = []string{"keep-alive", "UPGRADE"} }, 101},
		{"extension offer is ignored", func(r *http.Request) {
			r.Header.Set("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
		}, 101},
		{"POST", func(r *http.Request) { r.Method = http.MethodPost }, 405},
		{"no Upgrade", func(r *http.Request) { r.Header.Del("Upgrade") }, 426},
		{"other Upgrade", func(r *http.Request) { r.Header.Set("Upgrade", "h2c") }, 426},
		{"no Connection", func(r *http.Request) { r.Header.Del("Connection") }, 426},
		{"version 8", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") }, 426},
		{"no version", func(r *http.Request) { r.Header.Del("Sec-WebSocket-Version") }, 426},
		{"two versions", func(r *http.Request) { r.Header["Sec-Websocket-Version"] = []string{"13", "8"} }, 426},
		{"no key", func(r *http.Request) { r.Header.Del("Sec-WebSocket-Key") }, 400},
		{"short key", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "c2hvcnQ=") }, 400},
		{"key that is not base64", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", strings.Repeat("!", 24)) }, 400},
		{"two keys", func(r *http.Request) {
			r.Header["Sec-Websocket-Key"] = slices.Repeat(r.Header["Sec-Websocket-Key"], 2)
		}, 400},
		{"body", func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("GET /")), 5 }, 400},
		{"chunked body", func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("GET /")), -1 }, 400},
		{"same origin", func(r *http.Request) { r.Header.Set("Origin", "https://"+strings.ToUpper(host)) }, 101},
		{"cross-site origin", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		{"same host, other port", func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") }, 403},
		{"host as prefix", func(r *http.Request) { r.Header.Set("Origin", "http://"+host+".evil.example") }, 403},
		{"host as user", func(r *http.Request) { r.Header.Set("Origin", "http://"+host+"@evil.example") }, 403},
		{"evil as user", func(r *http.Request) { r.Header.Set("Origin", "http://evil.example@"+host) }, 403},
		{"host in the path", func(r *http.Request) { r.Header.Set("Origin", "http://evil.example/"+host) }, 403},
		{"null origin", func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		{"two origins", func(r *http.Request) { r.Header["Origin"] = []string{"http://" + host, "http://evil.example"} }, 403},
		{"empty origin", func(r *http.Request) { r.Header.Set("Origin", "") }, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
			assert.NoError(t, err)
			r.Header = handshakeHeader()
			c.change(r)
			resp, err := http.DefaultTransport.RoundTrip(r)
			assert.NoError(t, err)
			defer resp.Body.Close()
			assert.Equal(t, resp.StatusCode, c.want)
			assert.Equal(t, resp.Header.Get("Sec-WebSocket-Extensions"), "")
			if c.want == http.StatusUpgradeRequired && c.name != "no Upgrade" && c.name != "other Upgrade" && c.name != "no Connection" {
				assert.Equal(t, resp.Header.Get("Sec-WebSocket-Version"), "13")
			}
		})
	}
}

func TestCheckOrigin(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, &ws.Handler{Message: echo, CheckOrigin: func(r *http.Request) bool {
		return r.Header.Get("Origin") == "https://app.example"
	}})
	s.client(t, ws.DialOptions{Header: http.Header{"Origin": {"https://app.example"}}})
	_, err := ws.Dial(t.Context(), s.url, ws.DialOptions{})
	assert.Contains(t, err.Error(), "status 403")
}

func TestHTTP2IsRefusedClearly(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(&ws.Handler{Message: echo})
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	resp, err := s.Client().Get(s.URL)
	assert.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.Equal(t, resp.StatusCode, http.StatusHTTPVersionNotSupported)
	assert.Contains(t, string(body), "needs HTTP/1.1")
}

func TestWriterWithoutHijack(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header = handshakeHeader()
	w := httptest.NewRecorder()
	quiet(&strings.Builder{}, &ws.Handler{Message: echo}).ServeHTTP(w, r)
	assert.Equal(t, w.Code, http.StatusInternalServerError)
}

// TestEarlyFrames: frames in the same packet as the request are not lost.
func TestEarlyFrames(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, &ws.Handler{Message: echo})
	nc, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	assert.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write(append([]byte(handshake), masked(wsframe.Text, "early")...))
	assert.NoError(t, err)
	r := &raw{Conn: nc, br: bufio.NewReader(nc)}
	_, err = http.ReadResponse(r.br, nil)
	assert.NoError(t, err)
	_, payload := r.frame(t)
	assert.Equal(t, string(payload), "early")
}
