package load

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	get  = "GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n"
	post = "POST / HTTP/1.1\r\nHost: bench.test\r\nContent-Length: 2\r\n\r\n{}"
)

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello\n") }

func TestRunCountsEveryAnswer(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Stream{
		"closed":    {Request: get, Body: "hello", Connections: 3},
		"body":      {Request: post, Body: "hello", Connections: 2},
		"pipelined": {Request: get, Body: "hello", Connections: 2, Pipeline: 16},
		"paced":     {Request: get, Body: "hello", Connections: 4, Rate: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(Spec{Addr: serve(t, hello), PID: os.Getpid(), Streams: []Stream{s}, Measured: 60 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Streams[0]; got.Requests == 0 || got.P50 <= 0 || got.P99 < got.P50 || got.Max < got.P99 {
				t.Errorf("figures of the stream: %+v", got)
			}
			if r.All != r.Requests() || r.CPU <= 0 || r.LoadCPU <= 0 || r.Time < 60*time.Millisecond {
				t.Errorf("figures: %+v", r)
			}
		})
	}
}

func TestRunFailsOnAWrongAnswer(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"body":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hell") },
		"length": func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() },
		"close":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		s := Stream{Request: get, Body: "hello", Connections: 1}
		if _, err := Run(Spec{Addr: serve(t, h), PID: os.Getpid(), Streams: []Stream{s}, Measured: time.Minute}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestCloseComesWithTheLastBytes: one event tells of both, and none follows.
func TestCloseComesWithTheLastBytes(t *testing.T) {
	t.Parallel()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(epoll)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	_, err = unix.Write(pair[1], []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"))
	if err := errors.Join(err, unix.Close(pair[1])); err != nil {
		t.Fatal(err)
	}
	cn := &conn{fd: pair[0], stream: &stream{Stream: Stream{Body: "hello"}}, owed: 1}
	c := &client{epoll: epoll, conns: map[int32]*conn{int32(cn.fd): cn}, input: make([]byte, inputSize)}
	if err := c.watch(cn); err != nil {
		t.Fatal(err)
	}
	if n, err := c.round(false); !errors.Is(err, errClosed) {
		t.Errorf("%d events, %v; want %v", n, err, errClosed)
	}
}

func TestRunRefusesASpecWithoutSense(t *testing.T) {
	t.Parallel()
	for _, s := range []Spec{
		{},
		{Streams: []Stream{{Request: get, Connections: 1}}},
		{Streams: []Stream{{Request: get}}, Measured: 1},
		{Streams: []Stream{{Connections: 1}}, Measured: 1},
		{Streams: []Stream{{Request: get, Connections: 1, Rate: 1, Pipeline: 2}}, Measured: 1},
	} {
		if _, err := Run(s); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.HandlerFunc(hello))
	t.Cleanup(secure.Close)
	for _, h := range []Hold{{Addr: serve(t, hello)}, {Addr: secure.Listener.Addr().String(), TLS: true}} {
		h.Connections, h.Request, h.Body = 5, get, "hello"
		release, err := h.Open()
		if err != nil {
			t.Fatal(err)
		}
		release()
		h.Body = "other"
		if _, err := h.Open(); err == nil {
			t.Error("another body is taken")
		}
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	const whole = "HTTP/1.1 200 OK\r\nDate: x\r\ncontent-LENGTH: 5\r\n\r\nhello"
	for n := range len(whole) {
		if _, err := next([]byte(whole[:n]), "hello"); !errors.Is(err, errPart) {
			t.Errorf("%q: %v", whole[:n], err)
		}
	}
	if n, err := next([]byte(whole+"HTTP"), "hello"); n != len(whole) || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	for _, bad := range []string{
		strings.Replace(whole, "200", "500", 1), strings.Replace(whole, "5\r", "x\r", 1),
		strings.Replace(whole, "5\r", "99999999999999999999\r", 1), strings.Replace(whole, "LENGTH", "LENGTJ", 1), strings.Replace(whole, "hello", "hullo", 1),
	} {
		if _, err := next([]byte(bad), "hello"); err == nil || errors.Is(err, errPart) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(200-i))
	}
	if got, want := summarize(all), (StreamResult{Requests: 200, P50: 100, P99: 198, Max: 200}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if summarize(nil) != (StreamResult{}) {
		t.Error("nothing has figures")
	}
}
