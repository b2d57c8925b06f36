package engine

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

// startNative serves h until the test ends, and returns the server and its
// address.
func startNative(t *testing.T, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	if s.ErrorLog == nil {
		s.ErrorLog = slog.New(slog.DiscardHandler)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		assert.NoError(t, s.Close())
		assert.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	return l.Addr().String()
}

func dialTo(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	assert.NoError(t, err)
	assert.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// eventually waits until the server is in a state that nothing tells of.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("still not: " + what)
		}
	}
}

// only returns the server's one connection.
func only(t *testing.T, s *Server) (only *conn) {
	t.Helper()
	eventually(t, "a connection", func() bool {
		s.native.Load().each(func(c *conn) { only = c })
		return only != nil
	})
	return only
}

// When the end of input is announced together with the last request, nothing
// announces it again.
func TestEndOfInputBehindTheLastRequest(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Loop, Pool, AlwaysSlow} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			gate, began := make(chan struct{}), make(chan struct{}, 2)
			s := &Server{Mode: mode, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				began <- struct{}{}
				<-gate
				if r.URL.Path == "/1" && r.Context().Err() != nil {
					t.Error("the context ended although another request had come")
				}
				_, _ = io.WriteString(w, r.URL.Path)
			})}
			c := dialTo(t, startNative(t, s))
			_, err := io.WriteString(c, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")
			assert.NoError(t, err)
			<-began
			_, err = io.WriteString(c, "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
			assert.NoError(t, err)
			assert.NoError(t, c.CloseWrite())
			served := only(t, s)
			eventually(t, "the end of input", served.HasHungUp)
			close(gate)
			r := bufio.NewReader(c)
			for _, want := range []string{"/1", "/2"} {
				resp, err := http.ReadResponse(r, nil)
				assert.NoError(t, err)
				body, err := io.ReadAll(resp.Body)
				assert.NoError(t, err)
				assert.Equal(t, string(body), want)
			}
			_, err = r.ReadByte()
			assert.ErrorIs(t, err, io.EOF)
		})
	}
}

// A deadline that passed while requests were served says nothing of the time
// since.
func TestIdleTimeBeginsAfterTheLastRequest(t *testing.T) {
	t.Parallel()
	s := &Server{Mode: AlwaysInline}
	var served *conn
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/0":
			served = only(t, s)
			served.SetDeadline(1)
		case "/69":
			served.Kick()
		}
		_, _ = io.WriteString(w, r.URL.Path)
	})
	c := dialTo(t, startNative(t, s))
	r := bufio.NewReader(c)
	ask := func(from, to int) {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i)
		}
		_, err := io.WriteString(c, b.String())
		assert.NoError(t, err)
		for i := from; i < to; i++ {
			resp, err := http.ReadResponse(r, nil)
			assert.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			assert.NoError(t, err)
			assert.Equal(t, string(body), fmt.Sprintf("/%d", i))
		}
	}
	ask(0, 70) // more than a turn's
	eventually(t, "idle", func() bool { return !served.Owned() })
	ask(70, 71)
	assert.Equal(t, s.Stats().Refused["idle"], uint64(0))
}

// A handler that waits for its client is not one that runs away from the loop,
// also when the watch took the loop just before; and nothing but its own timer
// disturbs its wait.
func TestWaitForClient(t *testing.T) {
	t.Parallel()
	s := &Server{Mode: AlwaysInline}
	began, gate := make(chan struct{}), make(chan struct{})
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-gate
		_, _ = io.Copy(w, r.Body)
	})
	c := dialTo(t, startNative(t, s))
	_, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
	assert.NoError(t, err)
	<-began
	served := only(t, s)
	served.SetDeadline(1)
	assert.True(t, served.turn.lease.GiveUp(), "the handler did not run on the loop") // as the watch does
	close(gate)
	away := &s.native.Load().away
	waiting := func() bool {
		away.mu.Lock()
		defer away.mu.Unlock()
		return away.all[served] != nil && away.all[served].waiting == 1
	}
	eventually(t, "waiting for the body", waiting)
	served.TakenOver()
	assert.True(t, waiting(), "the wait was forgotten")
	assert.Equal(t, len(s.Running()), 0)
	assert.True(t, !served.Expired(served.n.set.Now()), "kicks go on while it waits")
	_, err = io.WriteString(c, "hello")
	assert.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	assert.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.Equal(t, string(body), "hello")
	eventually(t, "no request away", func() bool {
		away.mu.Lock()
		defer away.mu.Unlock()
		return len(away.all) == 0
	})
}
