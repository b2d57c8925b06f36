package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/memnet"
)

var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "hello over "+r.Proto)
})

// serve runs srv on l until the test ends.
func serve(t *testing.T, srv *engine.Server, l net.Listener) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		assert.NoError(t, srv.Close())
		assert.ErrorIs(t, <-done, http.ErrServerClosed)
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	return l
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestServe(t *testing.T) {
	t.Parallel()
	l := listen(t)
	type key struct{}
	srv := &engine.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Context().Value(key{}).(string))
		}),
		BaseContext: func(net.Listener) context.Context { return context.WithValue(context.Background(), key{}, "base") },
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, key{}, ctx.Value(key{}).(string)+" conn")
		},
	}
	serve(t, srv, l)
	assert.Equal(t, get(t, http.DefaultTransport, "http://"+l.Addr().String()), "base conn")
}

func get(t *testing.T, tr http.RoundTripper, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	assert.NoError(t, err)
	resp, err := tr.RoundTrip(req)
	assert.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	return string(body)
}

func TestServeTLSOffersHTTP2(t *testing.T) {
	t.Parallel()
	ts := httptest.NewTLSServer(hello) // lends its certificate
	defer ts.Close()
	l := listen(t)
	srv := &engine.Server{Handler: hello, ErrorLog: quiet(), TLSConfig: &tls.Config{Certificates: ts.TLS.Certificates}}
	done := make(chan error, 1)
	go func() { done <- srv.ServeTLS(l, "", "") }()
	tr := ts.Client().Transport.(*http.Transport).Clone()
	tr.ForceAttemptHTTP2 = true
	defer tr.CloseIdleConnections()
	assert.Equal(t, get(t, tr, "https://"+l.Addr().String()), "hello over HTTP/2.0")

	_, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10, InsecureSkipVerify: true})
	assert.True(t, err != nil, "TLS 1.1 was accepted")
	assert.NoError(t, srv.Close())
	assert.ErrorIs(t, <-done, http.ErrServerClosed)
}

// Prior-knowledge HTTP/2 without TLS must not reach a handler.
func TestRefusesH2C(t *testing.T) {
	t.Parallel()
	l := memnet.Listen("gale.test:80")
	serve(t, &engine.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the handler was reached")
	}), ErrorLog: quiet()}, l)
	c, err := l.Dial(t.Context())
	assert.NoError(t, err)
	_, err = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	assert.NoError(t, err)
	line, err := bufio.NewReader(c).ReadString('\n')
	assert.NoError(t, err)
	assert.Equal(t, line, "HTTP/1.1 505 HTTP Version Not Supported\r\n")
	assert.NoError(t, c.Close())
}

func TestNilHandlerPanics(t *testing.T) {
	t.Parallel()
	got := assert.Panics(t, func() { _ = new(engine.Server).Serve(memnet.Listen("x")) })
	assert.Equal(t, got, any("engine: Server has no Handler; set one"))
}

func TestSlowHeaderIsCut(t *testing.T) {
	t.Parallel()
	for name, timeout := range map[string]time.Duration{"default": 0, "set": time.Second} {
		synctest.Test(t, func(t *testing.T) {
			l := memnet.Listen("gale.test:80")
			serve(t, &engine.Server{Handler: hello, ErrorLog: quiet(), ReadHeaderTimeout: timeout}, l)
			start := time.Now()
			c, err := l.Dial(t.Context())
			assert.NoError(t, err)
			_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: gale.test\r\nX-Slow: ")
			assert.NoError(t, err)
			_, err = io.ReadAll(c) // until the server gives up
			assert.NoError(t, err)
			want := timeout
			if want == 0 {
				want = 10 * time.Second
			}
			if got := time.Since(start); got != want {
				t.Errorf("%s: cut after %v, want %v", name, got, want)
			}
			assert.NoError(t, c.Close())
		})
	}
}

func TestIdleConnectionIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen("gale.test:80")
		serve(t, &engine.Server{Handler: hello}, l)
		c, err := l.Dial(t.Context())
		assert.NoError(t, err)
		_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: gale.test\r\n\r\n")
		assert.NoError(t, err)
		start := time.Now()
		_, err = io.ReadAll(c)
		assert.NoError(t, err)
		assert.Equal(t, time.Since(start), 75*time.Second)
		assert.NoError(t, c.Close())
	})
}

func TestHeaderLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit, size int
		want        string
	}{
		{0, 60 << 10, "200"},
		{0, 65 << 10, "431"},
		{8 << 10, 9 << 10, "431"},
		{-1, 2 << 20, "200"},
	} {
		l := memnet.Listen("gale.test:80")
		serve(t, &engine.Server{Handler: hello, MaxHeaderBytes: c.limit}, l)
		conn, err := l.Dial(t.Context())
		assert.NoError(t, err)
		go func() {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: gale.test\r\nX-Big: "+strings.Repeat("x", c.size)+"\r\n\r\n")
		}()
		line, err := bufio.NewReader(conn).ReadString('\n')
		assert.NoError(t, err)
		assert.Contains(t, line, " "+c.want+" ")
		assert.NoError(t, conn.Close())
	}
}

func TestShutdownFinishesRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen("gale.test:80")
		started := make(chan struct{})
		srv := &engine.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(started)
			time.Sleep(3 * time.Second)
			_, _ = io.WriteString(w, "finished")
		})}
		hook := make(chan struct{}, 2)
		srv.RegisterOnShutdown(func() { hook <- struct{}{} })
		serve(t, srv, l)
		tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) }}
		defer tr.CloseIdleConnections()
		answer := make(chan string, 1)
		go func() { answer <- get(t, tr, "http://gale.test/") }()
		<-started
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, srv.Shutdown(short), context.DeadlineExceeded)
		assert.NoError(t, srv.Shutdown(t.Context()))
		assert.Equal(t, <-answer, "finished")
		<-hook
		<-hook // once for each Shutdown
		_, err := l.Dial(t.Context())
		assert.ErrorIs(t, err, net.ErrClosed)
	})
}

func TestErrorLogGetsPanics(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	l := memnet.Listen("gale.test:80")
	srv := &engine.Server{
		ErrorLog: slog.New(slog.NewTextHandler(&log, nil)),
		Handler:  http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(errors.New("boom")) }),
	}
	serve(t, srv, l)
	c, err := l.Dial(t.Context())
	assert.NoError(t, err)
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: gale.test\r\n\r\n")
	assert.NoError(t, err)
	_, err = io.ReadAll(c) // EOF comes after the log line
	assert.NoError(t, err)
	assert.NoError(t, c.Close())
	assert.Contains(t, log.String(), "level=ERROR")
	assert.Contains(t, log.String(), "boom")
}
