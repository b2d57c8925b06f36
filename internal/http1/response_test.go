package http1_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/http1"
)

func TestResponsesThatDifferFromNetHTTP(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		in     http1.Response
		header string
	}{
		{"a length that is no number", http1.Response{Method: "HEAD", Header: http.Header{"Content-Length": {"+5"}}}, ""},
		{"several lengths", http1.Response{Method: "GET", Header: http.Header{"Content-Length": {"5", "6"}}}, "Content-Length: 5\r\n"},
		{
			"a length in lower case",
			http1.Response{Method: "GET", Header: http.Header{"content-length": {"5"}}},
			"Transfer-Encoding: chunked\r\n",
		},
		{
			"a second length in lower case",
			http1.Response{Method: "GET", Header: http.Header{"content-length": {"5"}}, Complete: true},
			"Content-Length: 0\r\n",
		},
		{
			"a coding in lower case",
			http1.Response{Method: "GET", Header: http.Header{"transfer-encoding": {"x"}}},
			"Transfer-Encoding: chunked\r\n",
		},
	} {
		c.in.Minor, c.in.Status, c.in.KeepAlive = 1, 200, true
		got, _ := http1.AppendResponse(nil, &c.in)
		if want := "HTTP/1.1 200 OK\r\n" + c.header + "\r\n"; string(got) != want {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
	}
}

func TestResponseThatMustClose(t *testing.T) {
	t.Parallel()
	r := http1.Response{Minor: 1, Method: "GET", Status: 200, Complete: true, KeepAlive: true, Close: true}
	got, framing := http1.AppendResponse([]byte("before "), &r)
	assert.Equal(t, string(got), "before HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	assert.Equal(t, framing, http1.Framing{Body: true, Close: true})
}

func TestDateIsWrittenUnlessTheHandlerHasSetIt(t *testing.T) {
	t.Parallel()
	date := []byte("Date: now\r\n")
	for _, c := range []struct {
		h    http.Header
		want string
	}{
		{nil, "Date: now\r\n"},
		{http.Header{"Date": nil}, ""},
		{http.Header{"Date": {"then"}}, "Date: then\r\n"},
	} {
		got, _ := http1.AppendResponse(nil, &http1.Response{Minor: 1, Status: 204, Header: c.h, KeepAlive: true, Date: date})
		assert.Equal(t, string(got), "HTTP/1.1 204 No Content\r\n"+c.want+"\r\n")
	}
}

func TestManyFieldsAreSortedToo(t *testing.T) {
	t.Parallel()
	for _, n := range []int{15, 16, 17, 100} {
		h := http.Header{}
		var want strings.Builder
		for i := range n {
			key := "X-" + strconv.Itoa(1000+i)
			h[key] = []string{"1", "2"}
			want.WriteString(key + ": 1\r\n" + key + ": 2\r\n")
		}
		got, _ := http1.AppendResponse(nil, &http1.Response{Minor: 1, Status: 304, Header: h, KeepAlive: true})
		assert.Equal(t, string(got), "HTTP/1.1 304 Not Modified\r\n"+want.String()+"\r\n")
		assert.Equal(t, string(http1.AppendChunkEnd(nil, h)), "0\r\n"+want.String()+"\r\n")
	}
}

func TestHandlersHeaderIsNotChanged(t *testing.T) {
	t.Parallel()
	h := http.Header{"Connection": {"keep-alive"}, "Transfer-Encoding": {"chunked"}, "X": {" a\r\nb "}, "Content-Length": {"1"}}
	before := h.Clone()
	http1.AppendResponse(nil, &http1.Response{Status: 200, Header: h})
	http1.AppendInterim(nil, 103, h)
	assert.Equal(t, h, before)
}

func TestInterimResponses(t *testing.T) {
	t.Parallel()
	assert.Equal(t, string(http1.AppendInterim(nil, 100, nil)), "HTTP/1.1 100 Continue\r\n\r\n")
	h := http.Header{"Link": {"</a>; rel=preload", "</b>"}, "Content-Length": {"5"}, "Transfer-Encoding": {"chunked"}}
	assert.Equal(t, string(http1.AppendInterim([]byte("x"), 103, h)),
		"xHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n\r\n")
}

func TestChunks(t *testing.T) {
	t.Parallel()
	assert.Equal(t, string(http1.AppendChunk(nil, nil)), "")
	assert.Equal(t, string(http1.AppendChunk(nil, []byte("0123456789abcdefg"))), "11\r\n0123456789abcdefg\r\n")
	assert.Equal(t, string(http1.AppendChunkSize(nil, 1<<20)), "100000\r\n")
	assert.Equal(t, string(http1.AppendChunkEnd(nil, nil)), "0\r\n\r\n")
	end := http1.AppendChunkEnd(nil, http.Header{"B": {"2"}, "A": {"1\n"}, "Content-Length": {"5"}, "Transfer-Encoding": {"x"}, "": {"y"}})
	assert.Equal(t, string(end), "0\r\nA: 1\r\nB: 2\r\n\r\n")
}

func TestTrailersOfAResponse(t *testing.T) {
	t.Parallel()
	names := http1.AnnouncedTrailers(http.Header{"Trailer": {"a, If-Match,, content-length", "B"}})
	assert.Equal(t, names, []string{"A", "B"})
	h := http.Header{"A": {"1"}, "B": nil, "C": {"3"}, http.TrailerPrefix + "D": {"4"}}
	assert.Equal(t, http1.Trailers(names, h), http.Header{"A": {"1"}, "D": {"4"}})
	assert.Equal(t, len(http1.Trailers(nil, http.Header{"A": {"1"}})), 0)
	assert.Equal(t, h["A"], []string{"1"})
}

func TestResponseAllocatesNothing(t *testing.T) { // not parallel: AllocsPerRun counts all goroutines'
	r := http1.Response{
		Minor: 1, Method: "GET", Status: 200, KeepAlive: true, Complete: true, Body: []byte("Hello, world!"),
		Header: http.Header{"Vary": {"a"}, "B": {"b"}, "Set-Cookie": {"c", "d"}},
	}
	dst := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() { dst, _ = http1.AppendResponse(dst[:0], &r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestUnreadBodiesThatAreTooLarge compares with net/http, which closes after a
// request body that it would have to drop 256 KiB of.
func TestUnreadBodiesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	for _, minor := range []int{0, 1} {
		for _, connection := range []string{"", "close", "keep-alive", "x, close"} {
			t.Run(strconv.Itoa(minor)+connection, func(t *testing.T) {
				t.Parallel()
				h := http.Header{"Date": nil, "Content-Length": {"1"}}
				if connection != "" {
					h["Connection"] = []string{connection}
				}
				got, _ := http1.AppendResponse(nil, &http1.Response{
					Minor: minor, Method: "POST", Status: 200, Header: h, Body: []byte("x"), Complete: true, KeepAlive: true, TooLarge: true,
				})
				assert.Equal(t, string(got)+"x", tooLargeAtNetHTTP(t, minor, h))
			})
		}
	}
}

func tooLargeAtNetHTTP(t *testing.T, minor int, h http.Header) string {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	srv := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range h {
			w.Header()[k] = v
		}
		_, _ = io.WriteString(w, "x")
	})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(&listener{conn: server, closed: make(chan struct{})})
	}()
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	_, err := io.WriteString(client, "POST / HTTP/1."+strconv.Itoa(minor)+
		"\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 300000\r\n\r\n")
	assert.NoError(t, err)
	out, err := io.ReadAll(client)
	assert.NoError(t, err)
	_ = srv.Close()
	<-served
	return string(out)
}
