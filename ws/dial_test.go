package ws_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ws"
)

func TestDialTLS(t *testing.T) {
	t.Parallel()
	h := &ws.Handler{Message: echo}
	s := httptest.NewTLSServer(h)
	defer s.Close()
	config := s.Client().Transport.(*http.Transport).TLSClientConfig
	c, err := ws.Dial(t.Context(), "wss"+s.URL[len("https"):], ws.DialOptions{TLS: config})
	assert.NoError(t, err)
	assert.NoError(t, c.SendText("secret"))
	assert.Equal(t, string(next(t, c).Data), "secret")
	c.Close(ws.CodeNormal, "")
	<-c.Done()
	assert.NoError(t, h.Drain(t.Context()))
	_, err = ws.Dial(t.Context(), s.URL, ws.DialOptions{})
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	assert.True(t, ok, "an unknown certificate is refused")
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	answer := func(header string) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			nc, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(nc, header+"\r\n")
			nc.Close()
		}))
	}
	for name, header := range map[string]string{
		"no upgrade":                       "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n",
		"Connection or Upgrade is missing": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n",
		"wrong Sec-WebSocket-Accept":       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bm8=\r\n",
	} {
		s := answer(header)
		_, err := ws.Dial(t.Context(), s.URL, ws.DialOptions{})
		_, ok := errors.AsType[*ws.HandshakeError](err)
		assert.True(t, ok, "a HandshakeError")
		assert.Contains(t, err.Error(), name)
		s.Close()
	}
	_, err := ws.Dial(t.Context(), "ftp://example.com", ws.DialOptions{})
	assert.Contains(t, err.Error(), `scheme "ftp"`)
}

// TestDialDeadline: a server that never answers.
func TestDialDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go io.Copy(io.Discard, far)
		defer far.Close()
		start := time.Now()
		_, err := ws.Dial(t.Context(), "ws://silent", ws.DialOptions{
			DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil },
		})
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Since(start), 30*time.Second)
	})
}

// TestDialWithCallbacks: a client may be served by callbacks as a server is.
func TestDialWithCallbacks(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, &ws.Handler{Message: echo})
	got := make(chan string, 1)
	causes, onClose := closed()
	c := s.client(t, ws.DialOptions{Handler: &ws.Handler{
		Open:    func(c *ws.Conn, _ *http.Request) error { return c.SendText("hi") },
		Message: func(_ *ws.Conn, m ws.Message) error { got <- string(m.Data); return nil },
		Close:   onClose,
	}})
	assert.Equal(t, <-got, "hi")
	c.Close(ws.CodeNormal, "")
	<-c.Done()
	assert.Equal(t, closeError(t, <-causes).Code, ws.CodeNormal)
}
