package exchange_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/exchange"
)

func TestMaxBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in, want string
		max, moved     int64
		closes         bool
	}{
		{"fits", post("hello"), "hello <nil>", 5, 0, false},
		{"fits chunked", chunked("he", "llo"), "hello <nil>", 5, 0, false},
		{"too long", post("hello"), " http: request body too large", 4, 0, true},
		{"too long chunked", chunked("he", "llo"), "hell http: request body too large", 4, 0, true},
		{"raised", post("hello"), "hello <nil>", 4, 5, false},
		{"lowered", post("hello"), " http: request body too large", 5, 4, true},
		{"lifted", chunked("hello"), "hello <nil>", 4, -1, false},
		{"too long, expects", expecting, " http: request body too large", 4, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &wire{in: []byte(c.in)}
			cfg := config(func(w http.ResponseWriter, r *http.Request) {
				if c.moved != 0 {
					w.(interface{ SetMaxBody(int64) }).SetMaxBody(c.moved)
				}
				p, err := io.ReadAll(r.Body)
				_, large := errors.AsType[*http.MaxBytesError](err)
				assert.Equal(t, large, c.closes)
				fmt.Fprintf(w, "%s %v", p, err)
			}, &logs{})
			cfg.MaxBody = c.max
			out := begin(t, cfg, w).Serve()
			assert.Equal(t, out.Close, c.closes)
			head, body, _ := strings.Cut(w.written(), "\r\n\r\n")
			assert.Equal(t, body, c.want)
			assert.Equal(t, strings.Contains(head, "Connection: close"), c.closes)
			assert.True(t, !strings.Contains(head, "100 Continue"), "the body was not asked for")
		})
	}
}

func TestABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		end, want error
	}{{nil, io.ErrUnexpectedEOF}, {os.ErrDeadlineExceeded, os.ErrDeadlineExceeded}} {
		for _, in := range []string{post("hello"), chunked("hello")} {
			w := &wire{in: []byte(in[:len(in)-6]), end: c.end}
			if strings.Contains(in, "Content") {
				w.in = []byte(in[:len(in)-2])
			}
			x := begin(t, config(func(w http.ResponseWriter, r *http.Request) {
				for range 2 {
					_, err := io.ReadAll(r.Body)
					assert.ErrorIs(t, err, c.want)
				}
				assert.True(t, r.Context().Err() != nil, "the client has gone")
				hello(w, r)
			}, &logs{}), w)
			out := x.Serve()
			assert.True(t, out.Close && !out.Linger, "closed")
			assert.Contains(t, w.written(), "Connection: close")
		}
	}
}

// Net/http's server panics here, in its own code.
func TestFullDuplexLeavesTheBody(t *testing.T) {
	t.Parallel()
	w := &wire{in: []byte(post("hello") + get)}
	x := begin(t, config(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, http.NewResponseController(w).EnableFullDuplex())
		hello(w, r)
	}, &logs{}), w)
	assert.Equal(t, x.Serve(), exchange.Outcome{Status: 200, Written: 5})
	assert.Equal(t, string(w.in), get)
}

func TestUnansweredExpectationLingers(t *testing.T) {
	t.Parallel()
	w := &wire{in: []byte(strings.TrimSuffix(expecting, "12345"))}
	x := begin(t, config(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(413)
		assert.NoError(t, r.Body.Close())
	}, &logs{}), w)
	out := x.Serve()
	assert.Equal(t, out, exchange.Outcome{Close: true, Linger: true, Status: 413})
	assert.True(t, !w.ended, "nothing was waited for")
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	w := &wire{in: []byte("x")}
	x := exchange.New(config(nil, &logs{}), w, t.Context(), "", nil)
	x.Refuse(400, "missing\r\nhost")
	assert.Equal(t, w.written(), "HTTP/1.1 400 Bad Request: missing??host\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Connection: close\r\nContent-Length: 30\r\n\r\n400 Bad Request: missing??host")
	out := x.Outcome()
	assert.Equal(t, out, exchange.Outcome{Close: true, Linger: true, Status: 400, Written: 30})
}

func TestShed(t *testing.T) {
	t.Parallel()
	const body = "503 Service Unavailable: busy"
	head := func(fields string) string {
		return "HTTP/1.1 " + body + "\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 7\r\n" + fields +
			"Content-Length: 29\r\n\r\n" + body
	}
	const closing = "Connection: close\r\n"
	for _, c := range []struct {
		name, in, want string
		keep, linger   bool
	}{
		{"plain", get, head(""), true, false},
		{"pipelined", get + get, head(""), true, false},
		{"with a body", post("hello"), head(closing), false, true},
		{"HTTP/1.0", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", head(closing), false, false},
		{"asks for the end", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", head(closing), false, false},
		{"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", head(closing), false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &wire{in: []byte(c.in)}
			x := begin(t, config(nil, &logs{}), w)
			assert.Equal(t, x.Shed(503, "busy", 7), c.keep)
			assert.Equal(t, w.written(), c.want)
			assert.Equal(t, x.Outcome(), exchange.Outcome{Close: !c.keep, Linger: c.linger, Status: 503, Written: 29})
		})
	}
	off := config(nil, &logs{})
	off.KeepAlive = func() bool { return false }
	w := &wire{in: []byte(get)}
	assert.Equal(t, begin(t, off, w).Shed(503, "busy", 7), false)
	assert.Equal(t, w.written(), head(closing))
}

func TestServerWithoutKeepAlive(t *testing.T) {
	t.Parallel()
	w := &wire{in: []byte(get)}
	c := config(hello, &logs{})
	c.KeepAlive = func() bool { return false }
	assert.True(t, begin(t, c, w).Serve().Close, "closes")
	assert.Contains(t, w.written(), "Connection: close\r\n")
}
