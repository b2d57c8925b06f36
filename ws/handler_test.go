package ws_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/ctxkey"
	"github.com/galeweb/gale/web"
	"github.com/galeweb/gale/ws"
)

func TestEcho(t *testing.T) {
	t.Parallel()
	c := serveTCP(t, &ws.Handler{Message: echo}).client(t, ws.DialOptions{})
	for _, m := range []ws.Message{
		{Data: []byte("hello, wind")},
		{Binary: true, Data: []byte{0, 255}},
		{Data: []byte(strings.Repeat("gale", 100_000))},
	} {
		assert.NoError(t, c.Send(m))
		assert.Equal(t, next(t, c), m)
	}
	assert.NoError(t, c.SendText(""))
	assert.Equal(t, len(next(t, c).Data), 0)
	assert.True(t, c.SendText("\xff") != nil, "text that is not UTF-8 is refused at home")
}

// TestCallbackOrder: Open, every Message in order, Close; never two at a time.
func TestCallbackOrder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var calls []string
	over := make(chan struct{})
	record := func(s string) {
		if !mu.TryLock() {
			t.Error("two callbacks at a time")
			return
		}
		defer mu.Unlock()
		calls = append(calls, s)
	}
	s := serveTCP(t, &ws.Handler{
		Open:    func(_ *ws.Conn, r *http.Request) error { record("open " + r.URL.Path); return nil },
		Message: func(_ *ws.Conn, m ws.Message) error { record(string(m.Data)); return nil },
		Close: func(_ *ws.Conn, cause error) {
			record(cause.Error())
			close(over)
		},
	})
	s.url += "/wind"
	c := s.client(t, ws.DialOptions{})
	want := []string{"open /wind"}
	for i := range 100 {
		assert.NoError(t, c.SendText(strconv.Itoa(i)))
		want = append(want, strconv.Itoa(i))
	}
	c.Close(4000, "done")
	<-over
	assert.Equal(t, calls, append(want, `ws: closed with code 4000 "done"`))
	<-c.Done()
	assert.ErrorIs(t, c.SendText("late"), ws.ErrClosed)
}

func TestMessagesInOpen(t *testing.T) {
	t.Parallel()
	causes, onClose := closed()
	s := serveTCP(t, &ws.Handler{
		Open: func(c *ws.Conn, _ *http.Request) error {
			for m, err := range c.Messages() {
				if err != nil {
					return err
				}
				if err := c.Send(m); err != nil {
					return err
				}
			}
			return nil
		},
		Close: onClose,
	})
	c := s.client(t, ws.DialOptions{})
	assert.NoError(t, c.SendText("one"))
	assert.Equal(t, string(next(t, c).Data), "one")
	c.Close(ws.CodeNormal, "")
	assert.Equal(t, closeError(t, <-causes).Code, ws.CodeNormal)
}

// TestPushOnly: nobody takes messages, and a client that sends some anyway
// still gets what is pushed and its pings answered.
func TestPushOnly(t *testing.T) {
	t.Parallel()
	conns := make(chan *ws.Conn, 1)
	s := serveTCP(t, &ws.Handler{Open: func(c *ws.Conn, _ *http.Request) error { conns <- c; return nil }})
	c := s.client(t, ws.DialOptions{})
	assert.NoError(t, c.SendText("ignored"))
	assert.NoError(t, c.SendText("ignored"))
	assert.NoError(t, (<-conns).SendText("pushed"))
	assert.Equal(t, string(next(t, c).Data), "pushed")
}

func TestMessagesBesideCallbackPanics(t *testing.T) {
	t.Parallel()
	got := make(chan any, 1)
	s := serveTCP(t, &ws.Handler{
		Open:    func(c *ws.Conn, _ *http.Request) error { defer func() { got <- recover() }(); c.Messages(); return nil },
		Message: echo,
	})
	s.client(t, ws.DialOptions{})
	assert.Contains(t, fmt.Sprint(<-got), "ws: Messages on a connection whose Handler has Message")
}

func TestErrorsOfCallbacks(t *testing.T) {
	t.Parallel()
	boom := errors.New("disk on fire in rack 4")
	for _, c := range []struct {
		name string
		h    *ws.Handler
		want ws.CloseError
		log  string
	}{
		{
			"open refuses", &ws.Handler{Open: func(*ws.Conn, *http.Request) error { return &ws.CloseError{Code: 4403, Reason: "not yours"} }},
			ws.CloseError{Code: 4403, Reason: "not yours"},
			"",
		},
		{
			"open fails", &ws.Handler{Open: func(*ws.Conn, *http.Request) error { return boom }},
			ws.CloseError{Code: 1011, Reason: "internal error"},
			"rack 4",
		},
		{
			"open panics", &ws.Handler{Open: func(*ws.Conn, *http.Request) error { panic(boom) }},
			ws.CloseError{Code: 1011, Reason: "internal error"},
			"rack 4",
		},
		{
			"message refuses", &ws.Handler{Message: func(*ws.Conn, ws.Message) error { return fmt.Errorf("x: %w", &ws.CloseError{Code: 1008}) }},
			ws.CloseError{Code: 1008},
			"",
		},
		{
			"message fails", &ws.Handler{Message: func(*ws.Conn, ws.Message) error { return boom }},
			ws.CloseError{Code: 1011, Reason: "internal error"},
			"rack 4",
		},
		{
			"message panics", &ws.Handler{Message: func(*ws.Conn, ws.Message) error { panic(boom) }},
			ws.CloseError{Code: 1011, Reason: "internal error"},
			"rack 4",
		},
		{
			"code that must not be sent", &ws.Handler{Message: func(*ws.Conn, ws.Message) error { return &ws.CloseError{Code: 1006} }},
			ws.CloseError{Code: 1011, Reason: "internal error"},
			"",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serveTCP(t, c.h)
			conn := s.client(t, ws.DialOptions{})
			conn.SendText("hi") // may meet an end already
			assert.Equal(t, closeError(t, end(conn)), c.want)
			<-conn.Done()
			assert.NoError(t, s.h.Drain(t.Context()))
			if c.log == "" {
				assert.Equal(t, s.logs.String(), "")
			} else {
				assert.Contains(t, s.logs.String(), c.log)
			}
		})
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	user := ctxkey.New[string]("user")
	conns := make(chan *ws.Conn, 1)
	h := &ws.Handler{Open: func(c *ws.Conn, _ *http.Request) error { conns <- c; return nil }, Message: echo}
	returned := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(user.With(r.Context(), "alice"))
		h.ServeHTTP(w, r.WithContext(ctx))
		cancel()
		close(returned)
	}))
	defer s.Close()
	client, err := ws.Dial(t.Context(), s.URL, ws.DialOptions{})
	assert.NoError(t, err)
	c := <-conns
	<-returned
	assert.NoError(t, c.Context().Err())
	name, _ := user.Value(c.Context())
	assert.Equal(t, name, "alice")

	client.Close(4321, "")
	<-c.Context().Done()
	assert.Equal(t, closeError(t, context.Cause(c.Context())).Code, 4321)
	assert.NoError(t, h.Drain(t.Context()))
	<-client.Done()
}

func TestSubprotocol(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		server, client []string
		want           string
	}{
		{[]string{"v2", "v1"}, []string{"v1", "v2"}, "v2"},
		{[]string{"v2"}, []string{"v1"}, ""},
		{nil, []string{"v1"}, ""},
		{[]string{"v1"}, nil, ""},
	} {
		got := make(chan string, 1)
		s := serveTCP(t, &ws.Handler{Subprotocols: c.server, Open: func(c *ws.Conn, _ *http.Request) error { got <- c.Subprotocol(); return nil }})
		conn := s.client(t, ws.DialOptions{Handler: &ws.Handler{Subprotocols: c.client}})
		assert.Equal(t, conn.Subprotocol(), c.want)
		assert.Equal(t, <-got, c.want)
	}
}

// TestUpgradeByMiddleware: the 101 passes through gale's writer, so a session
// may still set its cookie and the access log sees the status.
func TestUpgradeByMiddleware(t *testing.T) {
	t.Parallel()
	h := &ws.Handler{Message: echo}
	status := make(chan int, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ww := web.Wrap(w)
		ww.OnHeader(func() { ww.Header().Set("Set-Cookie", "id=1") })
		h.ServeHTTP(ww, r)
		status <- ww.Status()
	}))
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	assert.NoError(t, err)
	r.Header = handshakeHeader()
	resp, err := http.DefaultTransport.RoundTrip(r)
	assert.NoError(t, err)
	assert.Equal(t, resp.StatusCode, 101)
	assert.Equal(t, resp.Header.Get("Set-Cookie"), "id=1")
	assert.Equal(t, <-status, 101)
	resp.Body.Close()
	assert.NoError(t, h.Drain(t.Context()))
}

func TestPrepared(t *testing.T) {
	t.Parallel()
	p, err := ws.Prepare(ws.Message{Data: []byte("to all")})
	assert.NoError(t, err)
	_, err = ws.Prepare(ws.Message{Data: []byte("\xff")})
	assert.True(t, err != nil, "not UTF-8")
	s := serveTCP(t, &ws.Handler{Message: func(c *ws.Conn, _ ws.Message) error { return c.SendPrepared(p) }})
	for range 3 {
		c := s.client(t, ws.DialOptions{})
		assert.NoError(t, c.SendPrepared(p)) // a client masks its own copy
		assert.Equal(t, string(next(t, c).Data), "to all")
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	causes, onClose := closed()
	s := serveTCP(t, &ws.Handler{Message: echo, Close: onClose})
	c := s.client(t, ws.DialOptions{})
	assert.NoError(t, c.SendText("x"))
	assert.Equal(t, string(next(t, c).Data), "x")
	ended := make(chan error, 1)
	go func() { ended <- end(c) }()
	assert.NoError(t, s.h.Drain(t.Context()))
	assert.Equal(t, closeError(t, <-ended).Code, ws.CodeServiceRestart)
	assert.Equal(t, len(causes), 1)
	_, err := ws.Dial(t.Context(), s.url, ws.DialOptions{})
	refused, ok := errors.AsType[*ws.HandshakeError](err)
	assert.True(t, ok && refused.StatusCode == http.StatusServiceUnavailable, "new connections get 503")
}

// TestDrainDeadline: a callback that does not return cannot hold the server.
func TestDrainDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := servePipes(t, &ws.Handler{Message: func(*ws.Conn, ws.Message) error { <-release; return nil }})
		c := s.client(t, ws.DialOptions{})
		assert.NoError(t, c.SendText("x"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		assert.ErrorIs(t, s.h.Drain(ctx), context.DeadlineExceeded)
		close(release)
		assert.NoError(t, s.h.Drain(t.Context()))
	})
}

// TestConcurrentSends is for the race detector: all methods, many goroutines.
func TestConcurrentSends(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 100
	s := serveTCP(t, &ws.Handler{Message: echo, QueueMessages: senders * each})
	c := s.client(t, ws.DialOptions{Handler: &ws.Handler{QueueMessages: senders * each}})
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			for j := range each {
				if err := c.SendText(fmt.Sprintf("%d %04d", i, j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	got := make([][]string, senders)
	left := senders * each
	for m, err := range c.Messages() {
		assert.NoError(t, err)
		i, j, _ := strings.Cut(string(m.Data), " ")
		n, _ := strconv.Atoi(i)
		got[n] = append(got[n], j)
		if left--; left == 0 {
			break
		}
	}
	wg.Wait()
	for _, js := range got {
		assert.True(t, len(js) == each && slices.IsSorted(js), "each sender's messages in order")
	}
}
