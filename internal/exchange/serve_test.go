package exchange_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/exchange"
	"github.com/galeweb/gale/internal/http1"
)

const date = "Date: Sun, 22 Nov 2026 00:00:00 GMT\r\n"

// logs gathers what is logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func config(h http.HandlerFunc, l *logs) *exchange.Config {
	return &exchange.Config{
		Handler: h, Log: slog.New(slog.NewTextHandler(l, nil)), Date: func() []byte { return []byte(date) },
	}
}

// begin makes the exchange whose request begins the input of w.
func begin(t testing.TB, c *exchange.Config, w exchange.Wire) *exchange.Exchange {
	t.Helper()
	var s http1.Scanner
	n, bad := s.Next(w.Buffered(), http1.Limits{})
	for ; n == 0 && bad == nil; n, bad = s.Next(w.Buffered(), http1.Limits{}) {
		assert.NoError(t, w.Fill())
	}
	if bad != nil {
		t.Fatal(bad)
	}
	head := string(w.Buffered()[:n])
	w.Discard(n)
	x := exchange.New(c, w, context.Background(), "192.0.2.1:1234", nil)
	if err := x.Parse(head); err != nil {
		t.Fatal(err)
	}
	return x
}

const get = "GET / HTTP/1.1\r\nHost: gale.test\r\n\r\n"

func TestASmallResponseIsOneWrite(t *testing.T) {
	t.Parallel()
	w := &wire{in: []byte(get)}
	x := begin(t, config(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write([]byte("Hello, world!"))
		assert.NoError(t, err)
	}, &logs{}), w)
	out := x.Serve()
	assert.Equal(t, out, exchange.Outcome{Status: 200, Written: 13})
	assert.Equal(t, w.written(), "HTTP/1.1 200 OK\r\n"+date+
		"Content-Length: 13\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello, world!")
	assert.Equal(t, w.writes, 1)
}

func BenchmarkExchange(b *testing.B) {
	browser := "GET /path?q=1 HTTP/1.1\r\nHost: gale.test\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n" +
		"Sec-Ch-Ua: \"Chromium\"\r\nSec-Ch-Ua-Mobile: ?0\r\nUpgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0\r\n" +
		"Accept: text/html\r\nSec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nAccept-Encoding: gzip\r\n" +
		"Accept-Language: en\r\nCookie: a=b\r\n\r\n"
	plain := "GET / HTTP/1.1\r\nHost: gale.test\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
	body := []byte("Hello, world!")
	write := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
	set := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(body)
	}
	for _, bb := range []struct {
		name, in string
		h        http.HandlerFunc
	}{{"plain", plain, write}, {"header", plain, set}, {"browser", browser, write}, {"browser-header", browser, set}} {
		b.Run(bb.name, func(b *testing.B) {
			c := config(bb.h, &logs{})
			line := []byte(date)
			c.Date = func() []byte { return line }
			in := []byte(bb.in)
			w := &wire{}
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				w.out = w.out[:0]
				x := exchange.New(c, w, ctx, "192.0.2.1:1234", nil)
				if err := x.Parse(string(in)); err != nil {
					b.Fatal(err)
				}
				if out := x.Serve(); out.Close {
					b.Fatal(out)
				}
			}
		})
	}
}
