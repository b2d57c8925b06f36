package engine_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
)

func dialTCP(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	assert.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// clientHello returns the first flight of a client.
func clientHello(t *testing.T) string {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	go func() { _ = tls.Client(far, insecure()).HandshakeContext(t.Context()) }()
	head := make([]byte, 5)
	_, err := io.ReadFull(near, head)
	assert.NoError(t, err)
	body := make([]byte, int(head[3])<<8|int(head[4]))
	_, err = io.ReadFull(near, body)
	assert.NoError(t, err)
	return string(head) + string(body)
}

// stall begins a handshake, reads the server's first flight, and says no more.
func stall(t *testing.T, addr string) net.Conn {
	t.Helper()
	c := dialTCP(t, addr)
	_, err := io.WriteString(c, clientHello(t))
	assert.NoError(t, err)
	_, err = io.ReadFull(c, make([]byte, 5))
	assert.NoError(t, err)
	return c
}

// cut waits until the server has closed c.
func cut(t *testing.T, c net.Conn) {
	t.Helper()
	_, _ = io.Copy(io.Discard, c) // in the way that it likes
}

func TestHandshakeSilentClients(t *testing.T) {
	nativeModes(t, func(t *testing.T, mode engine.Mode) {
		srv := &engine.Server{Mode: mode, Handler: path, MaxHandshakes: 1}
		addr := serveTLS(t, srv)
		whole := clientHello(t)
		var half []net.Conn
		for i := range 5 {
			_ = dialTCP(t, addr)
			c := dialTCP(t, addr)
			_, err := io.WriteString(c, whole[:1+i*(len(whole)-2)/4])
			assert.NoError(t, err)
			half = append(half, c)
		}
		until(t, "all are known", func() bool { return srv.Stats().Handshaking == 10 })
		srv.SetKeepAlivesEnabled(false) // has the server look at every connection
		srv.SetKeepAlivesEnabled(true)
		c := dialTLS(t, addr, insecure())
		assert.Equal(t, fetch(t, c, bufio.NewReader(c), "/in"), "/in")
		_, err := io.WriteString(half[4], whole[len(whole)-1:]) // goes on where it was
		assert.NoError(t, err)
		_, err = io.ReadFull(half[4], make([]byte, 5))
		assert.NoError(t, err)
		assert.Equal(t, srv.Stats().Refused["handshakes"], uint64(0))
	})
}

func TestHandshakeTimeout(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		srv := &engine.Server{Mode: mode, Handler: path, ReadHeaderTimeout: time.Second}
		addr := serveTLS(t, srv)
		silent, begun := dialTCP(t, addr), dialTCP(t, addr)
		_, err := io.WriteString(begun, "\x16\x03\x01")
		assert.NoError(t, err)
		stalled := stall(t, addr)
		mute := dialTLS(t, addr, insecure()) // says nothing after the handshake
		for _, c := range []net.Conn{silent, begun, stalled, mute.NetConn()} {
			cut(t, c)
		}
		if mode != engine.Std {
			assert.Equal(t, srv.Stats().Refused["header_timeout"], uint64(4))
			until(t, "none is left", func() bool { return srv.Stats().Handshaking == 0 })
		}
	})
}

func TestHandshakeFlood(t *testing.T) {
	nativeModes(t, func(t *testing.T, mode engine.Mode) {
		srv := &engine.Server{Mode: mode, Handler: path, MaxHandshakes: 2}
		addr := serveTLS(t, srv)
		_, _ = stall(t, addr), stall(t, addr)
		refused := uint64(0)
		// One too many is cut until one of those that stall has done so for long.
		until(t, "a place is free", func() bool {
			c, err := tls.Dial("tcp", addr, insecure())
			if err != nil {
				refused++
				return false
			}
			assert.Equal(t, fetch(t, c, bufio.NewReader(c), "/in"), "/in")
			return c.Close() == nil
		})
		assert.True(t, refused > 0, "none was refused")
		assert.Equal(t, srv.Stats().Refused["handshakes"], refused+1) // and the one that made room
	})
}

// A hook of the configuration that panics takes its connection with it, and no
// more.
func TestHandshakeHookPanics(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		own := certificate(t, "localhost")
		srv := &engine.Server{Mode: mode, Handler: path, MaxHandshakes: 1, TLSConfig: &tls.Config{
			GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
				if h.ServerName == "panic" {
					panic("a defect")
				}
				return &own, nil
			},
		}}
		addr := serveTLS(t, srv)
		for range 3 {
			_, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, ServerName: "panic"})
			assert.True(t, err != nil, "the handshake succeeded")
		}
		c := dialTLS(t, addr, insecure())
		assert.Equal(t, fetch(t, c, bufio.NewReader(c), "/in"), "/in")
		if mode != engine.Std {
			assert.Equal(t, srv.Stats().Refused["handshakes"], uint64(0))
		}
	})
}

func TestHandshakeAndShutdown(t *testing.T) {
	nativeModes(t, func(t *testing.T, mode engine.Mode) {
		srv := &engine.Server{Mode: mode, Handler: path}
		addr := serveTLS(t, srv)
		silent, stalled := dialTCP(t, addr), stall(t, addr)
		until(t, "both are known", func() bool { return srv.Stats().Handshaking == 2 })
		assert.NoError(t, srv.Shutdown(t.Context()))
		cut(t, silent)
		cut(t, stalled)
	})
}

// Who has connected just before a shutdown is answered.
func TestHandshakeCrossesShutdown(t *testing.T) {
	nativeModes(t, func(t *testing.T, mode engine.Mode) {
		srv := &engine.Server{Mode: mode, Handler: path}
		addr := serveTLS(t, srv)
		c := dialTCP(t, addr)
		until(t, "it is known", func() bool { return srv.Stats().Handshaking == 1 })
		done := make(chan error, 1)
		go func() { done <- srv.Shutdown(t.Context()) }()
		until(t, "the listener is closed", func() bool {
			late, err := net.Dial("tcp", addr)
			if err == nil {
				_ = late.Close()
			}
			return err != nil
		})
		s := tls.Client(c, insecure())
		assert.Equal(t, fetch(t, s, bufio.NewReader(s), "/late"), "/late")
		_, err := s.Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.EOF)
		assert.NoError(t, <-done)
	})
}

func TestHandshakeAndClose(t *testing.T) {
	nativeModes(t, func(t *testing.T, mode engine.Mode) {
		srv := &engine.Server{Mode: mode, Handler: path}
		addr := serveTLS(t, srv)
		silent, stalled := dialTCP(t, addr), stall(t, addr)
		until(t, "both are known", func() bool { return srv.Stats().Handshaking == 2 })
		assert.NoError(t, srv.Close())
		cut(t, silent)
		cut(t, stalled)
	})
}

func TestHandshakeIsNoTLS(t *testing.T) {
	tlsModes(t, func(t *testing.T, mode engine.Mode) {
		srv := &engine.Server{Mode: mode, Handler: path}
		addr := serveTLS(t, srv)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS"} {
			c := dialTCP(t, addr)
			_, err := io.WriteString(c, method+" / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			assert.NoError(t, err)
			got, err := io.ReadAll(c)
			assert.NoError(t, err)
			assert.Equal(t, string(got), "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
		}
		c := dialTCP(t, addr)
		_, err := io.WriteString(c, "SSH-2.0-client\r\n")
		assert.NoError(t, err)
		got, _ := io.ReadAll(c)
		assert.Equal(t, string(got), "")
		if mode != engine.Std {
			bad := srv.Stats().BadRequests
			assert.Equal(t, bad["http_to_https"], uint64(5))
			assert.Equal(t, bad["tls_handshake"], uint64(1))
		}
	})
}
