package hubclient_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/hub/hubclient"
	"github.com/galeweb/gale/internal/assert"
)

// live is a real hub, which a restart replaces by another on a broker.
type live struct {
	t       *testing.T
	url     string
	current atomic.Pointer[hub.Hub]
	topic   atomic.Pointer[hub.Topic[int]]
}

func serve(t *testing.T) *live {
	t.Helper()
	l := &live{t: t}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.current.Load().Handler().ServeHTTP(w, r)
	}))
	l.url = s.URL
	t.Cleanup(func() {
		l.drain(l.current.Load())
		s.Close()
	})
	return l
}

func (l *live) restart(b hub.Broker) {
	h := hub.New(hub.Options{Broker: b, DrainOver: -1, Logger: slog.New(slog.DiscardHandler)})
	l.topic.Store(hub.NewTopic(h, "n", hub.TopicOptions[int]{History: 10000, Queue: 10000, Authorize: hub.AllowAll}))
	hub.NewTopic(h, "secret", hub.TopicOptions[int]{})
	hub.NewTopic(h, "room", hub.TopicOptions[int]{Presence: true, Authorize: hub.AllowAll})
	hub.Handle(h, "double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	if old := l.current.Swap(h); old != nil {
		l.drain(old)
	}
}

func (l *live) drain(h *hub.Hub) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := h.Drain(ctx); err != nil {
		l.t.Errorf("drain: %v", err)
	}
}

func (l *live) publish(n int) {
	l.t.Helper()
	_, err := l.topic.Load().Publish(context.Background(), "n", n)
	assert.NoError(l.t, err)
}

func quiet() hubclient.Options {
	return hubclient.Options{MinWait: time.Millisecond, MaxWait: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
}

func TestRealHub(t *testing.T) {
	t.Parallel()
	l := serve(t)
	broker := hub.NewMemoryBroker()
	l.restart(broker)
	for n := range 3 {
		l.publish(101 + n)
	}
	c, err := hubclient.Dial(t.Context(), l.url, quiet())
	assert.NoError(t, err)
	secret := read[int](t, c, "secret", hubclient.SubscribeOptions{})
	secret.expect(t, "hubclient: forbidden: you may not subscribe to this topic")
	secret.ended(t)
	unknown := read[int](t, c, "no topic", hubclient.SubscribeOptions{})
	unknown.expect(t, "hubclient: unknown_topic: there is no such topic")
	unknown.ended(t)

	doubled, err := hubclient.Call[int](t.Context(), c, "double", 21)
	assert.NoError(t, err)
	assert.Equal(t, doubled, 42)
	_, err = hubclient.Call[int](t.Context(), c, "triple", 21)
	answer, ok := errors.AsType[*hubclient.Error](err)
	assert.True(t, ok && answer.Code == "unknown_method", "there is no such method")

	r := read[int](t, c, "n", hubclient.SubscribeOptions{Recent: 2})
	r.expect(t, "2 102", "3 103")
	l.restart(broker)
	l.publish(104)
	r.expect(t, "4 104")
	l.restart(hub.NewMemoryBroker())
	r.expect(t, "lost 0")
	l.publish(1)
	r.expect(t, "1 1")
	r.sub.Close()
	r.ended(t)

	first, err := l.topic.Load().Position(t.Context(), "n")
	assert.NoError(t, err)
	l.publish(2)
	again := read[int](t, c, "n", hubclient.SubscribeOptions{From: &first})
	again.expect(t, "2 2")
	c.Close()
	again.expect(t, hubclient.ErrClosed.Error())
	again.ended(t)
}

func TestRealPresence(t *testing.T) {
	t.Parallel()
	l := serve(t)
	l.restart(hub.NewMemoryBroker())
	enter := func() (*hubclient.Client, chan hubclient.Presence) {
		c, err := hubclient.Dial(t.Context(), l.url, quiet())
		assert.NoError(t, err)
		told := make(chan hubclient.Presence, 100)
		_, err = hubclient.Subscribe[int](t.Context(), c, "room", hubclient.SubscribeOptions{
			Presence: func(p hubclient.Presence) { told <- p },
		})
		assert.NoError(t, err)
		return c, told
	}
	until := func(told chan hubclient.Presence, connections int) {
		t.Helper()
		for p := range told {
			if p.Connections == connections && len(p.Members) == connections {
				return
			}
		}
	}
	first, told := enter()
	defer first.Close()
	until(told, 1)
	second, also := enter()
	until(also, 2)
	until(told, 2)
	second.Close()
	until(told, 1)
}

// TestNothingIsLost cuts connections, and restarts the hub, while messages are
// published: all come, once and in order.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	l := serve(t)
	broker := hub.NewMemoryBroker()
	l.restart(broker)
	var mu sync.Mutex
	var conn net.Conn
	dials := 0
	o := quiet()
	o.Queue = 16
	o.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		mu.Lock()
		defer mu.Unlock()
		conn = c
		dials++
		return c, err
	}
	c, err := hubclient.Dial(t.Context(), l.url, o)
	assert.NoError(t, err)
	defer c.Close()
	sub, err := hubclient.Subscribe[int](t.Context(), c, "n", hubclient.SubscribeOptions{From: start(t, l)})
	assert.NoError(t, err)

	const count = 3000
	ahead := make(chan struct{}, 50) // so that there is always more to come
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for n := 1; n <= count; n++ {
			ahead <- struct{}{}
			l.publish(n)
			if n%1000 == 0 {
				l.restart(broker)
			}
		}
	})
	defer publisher.Wait()
	n := 0
	for e, err := range sub.Messages() {
		assert.NoError(t, err)
		<-ahead
		n++
		assert.Equal(t, e.Value, n)
		if n == count {
			break
		}
		if n%100 == rand.N(100) {
			mu.Lock()
			conn.Close()
			mu.Unlock()
		}
	}
	mu.Lock()
	defer mu.Unlock()
	assert.True(t, dials > 5, "connections were lost")
}

// start is the position before the first message.
func start(t *testing.T, l *live) *hub.Position {
	t.Helper()
	pos, err := l.topic.Load().Position(t.Context(), "n")
	assert.NoError(t, err)
	return &pos
}

func TestDialFails(t *testing.T) {
	t.Parallel()
	_, err := hubclient.Dial(t.Context(), "gopher://hub.test", quiet())
	assert.True(t, err != nil, "the scheme is refused")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	_, err = hubclient.Dial(ctx, "ws://127.0.0.1:1/", quiet())
	assert.True(t, err != nil, "nobody listens")
}
