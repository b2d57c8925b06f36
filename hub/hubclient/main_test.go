package hubclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/hub/hubclient"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/memnet"
)

func TestMain(m *testing.M) { galetest.Main(m) }

// server is a scripted one: the test says what it says. Its WebSocket shares
// no code with gale's.
type server struct {
	t      *testing.T
	l      *memnet.Listener
	peers  chan *peer
	refuse atomic.Int32 // status to answer the next handshake with
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, l: memnet.Listen("hub.test:80"), peers: make(chan *peer)}
	h := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	done := make(chan error)
	go func() { done <- h.Serve(s.l) }()
	t.Cleanup(func() {
		h.Close()
		<-done
	})
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status := s.refuse.Load(); status != 0 {
		w.WriteHeader(int(status))
		return
	}
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{hub.Subprotocol}})
	if err != nil {
		s.t.Errorf("accept: %v", err)
		return
	}
	p := &peer{t: s.t, c: c, cookie: r.Header.Get("Cookie"), done: make(chan struct{})}
	s.peers <- p
	<-p.done
}

// options are those of a client that reaches the server.
func (s *server) options() hubclient.Options {
	return hubclient.Options{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return s.l.Dial(ctx) },
		Logger:      slog.New(slog.DiscardHandler),
	}
}

// dial connects a client and returns it with the server's end.
func (s *server) dial(o hubclient.Options) (*hubclient.Client, *peer) {
	s.t.Helper()
	peers := make(chan *peer, 1)
	go func() { peers <- <-s.peers }()
	c, err := hubclient.Dial(s.t.Context(), "ws://hub.test/live", o)
	assert.NoError(s.t, err)
	s.t.Cleanup(c.Close)
	return c, <-peers
}

// peer is the server's end of a connection.
type peer struct {
	t      *testing.T
	c      *websocket.Conn
	cookie string
	done   chan struct{}
}

func (p *peer) say(format string, args ...any) {
	p.t.Helper()
	assert.NoError(p.t, p.c.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil, format, args...)))
}

// hear returns the next message from the client.
func (p *peer) hear() map[string]any {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, data, err := p.c.Read(ctx)
	assert.NoError(p.t, err)
	var m map[string]any
	assert.NoError(p.t, json.Unmarshal(data, &m))
	return m
}

// expect hears a message and compares it.
func (p *peer) expect(want string) {
	p.t.Helper()
	var w map[string]any
	assert.NoError(p.t, json.Unmarshal([]byte(want), &w))
	assert.Equal(p.t, p.hear(), w)
}

// end closes the connection: with a code, or as if it broke.
func (p *peer) end(code websocket.StatusCode, reason string) {
	if code == 0 {
		p.c.CloseNow()
	} else {
		p.c.Close(code, reason)
	}
	close(p.done)
}

// leave waits for the client to go.
func (p *peer) leave() {
	for err := error(nil); err == nil; {
		_, _, err = p.c.Read(context.Background())
	}
	p.c.CloseNow()
	close(p.done)
}

// reader takes a subscription's messages one by one, as text.
type reader[T any] struct {
	sub  *hubclient.Subscription[T]
	told chan string
}

func read[T any](t *testing.T, c *hubclient.Client, topic string, o hubclient.SubscribeOptions) *reader[T] {
	t.Helper()
	sub, err := hubclient.Subscribe[T](t.Context(), c, topic, o)
	assert.NoError(t, err)
	r := &reader[T]{sub, make(chan string)}
	go func() {
		defer close(r.told)
		for e, err := range sub.Messages() {
			if lost, ok := errors.AsType[*hubclient.LostError](err); ok {
				r.told <- fmt.Sprintf("lost %d", lost.Missed)
			} else if err != nil {
				r.told <- err.Error()
			} else {
				r.told <- fmt.Sprintf("%d %v", e.Position.Offset, e.Value)
			}
		}
	}()
	return r
}

func (r *reader[T]) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got, ok := <-r.told:
			if !ok {
				t.Fatalf("ended, want %q", w)
			}
			assert.Equal(t, got, w)
		case <-time.After(time.Minute):
			t.Fatalf("nothing came, want %q", w)
		}
	}
}

func (r *reader[T]) ended(t *testing.T) {
	t.Helper()
	if got, ok := <-r.told; ok {
		t.Errorf("got %q, want the end", got)
	}
}
