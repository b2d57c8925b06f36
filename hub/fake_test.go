package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

// fakeLink is a link that keeps what it gets.
type fakeLink struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu   sync.Mutex
	room int // how many more messages it takes; negative is any number
	got  []string
	code int // of close
}

func (l *fakeLink) send(m *message) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.code != 0 {
		return true
	}
	if l.room == 0 {
		return false
	}
	l.room--
	l.got = append(l.got, string(m.Data))
	return true
}

func (l *fakeLink) close(code int, _ string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.code == 0 {
		l.code = code
	}
	l.cancel()
}

func (l *fakeLink) context() context.Context { return l.ctx }
func (l *fakeLink) addr() string             { return "fake" }

func (l *fakeLink) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	got := l.got
	l.got = nil
	return got
}

func (l *fakeLink) closed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.code
}

// fakeClient is a client over a fakeLink.
type fakeClient struct {
	*client
	link *fakeLink
}

func newFakeClient(t testing.TB, h *Hub, values context.Context) *fakeClient {
	t.Helper()
	l := &fakeLink{room: -1}
	l.ctx, l.cancel = context.WithCancel(values)
	c, err := h.admit(l, transportWS, h.o.Authenticate == nil)
	assert.NoError(t, err)
	return &fakeClient{c, l}
}

// say sends a request, in which ' stands for ".
func (c *fakeClient) say(format string, args ...any) {
	c.message([]byte(strings.ReplaceAll(fmt.Sprintf(format, args...), "'", `"`)))
}

// hang ends the connection.
func (c *fakeClient) hang() {
	c.link.cancel()
	c.end()
}

// allow gives the link room for n more messages.
func (c *fakeClient) allow(n int) {
	c.link.mu.Lock()
	c.link.room = n
	c.link.mu.Unlock()
	c.writable()
}

// heard checks all messages since the last time, in which ' stands for " and
// ~ for any text in "epoch", "conn" and numbers in "since" and "after".
func (c *fakeClient) heard(t testing.TB, want ...string) {
	t.Helper()
	got := c.link.take()
	for i := range got {
		got[i] = blank(t, got[i])
	}
	for i := range want {
		want[i] = blank(t, strings.ReplaceAll(want[i], "'", `"`))
	}
	assert.Equal(t, got, want)
}

func blank(t testing.TB, data string) string {
	t.Helper()
	var m map[string]any
	assert.NoError(t, json.Unmarshal([]byte(data), &m))
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name := range v {
				if name == "epoch" && v[name] != "" || name == "conn" || name == "since" || name == "after" {
					v[name] = "~"
				}
				walk(v[name])
			}
		case []any:
			for _, w := range v {
				walk(w)
			}
		}
	}
	walk(m)
	out, err := json.Marshal(m)
	assert.NoError(t, err)
	return string(out)
}

// drain ends h with all its fake clients.
func drain(t testing.TB, h *Hub, clients ...*fakeClient) {
	t.Helper()
	for _, c := range clients {
		c.hang()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	assert.NoError(t, h.Drain(ctx))
}

// flaky is a broker that can lose its servers and drop what they send. It shows
// no more than a Broker's methods.
type flaky struct {
	inner *MemoryBroker

	mu       sync.Mutex
	lost     bool
	drop     int    // deliveries
	during   func() // called once, between the next history's making and its return
	handlers map[*func(Batch)]Stream
}

func newFlaky() *flaky {
	return &flaky{inner: NewMemoryBroker(), handlers: make(map[*func(Batch)]Stream)}
}

func (b *flaky) isLost() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost
}

func (b *flaky) Check(context.Context) error {
	if b.isLost() {
		return ErrBrokerLost
	}
	return nil
}

func (b *flaky) Publish(ctx context.Context, s Stream, p Publication) (Position, error) {
	if b.isLost() {
		return Position{}, fmt.Errorf("flaky: %w", ErrBrokerLost)
	}
	return b.inner.Publish(ctx, s, p)
}

func (b *flaky) Subscribe(ctx context.Context, s Stream, deliver func(Batch)) (func(), error) {
	if b.isLost() {
		return nil, ErrBrokerLost
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handlers[&deliver] = s
	unsubscribe, err := b.inner.Subscribe(ctx, s, func(batch Batch) {
		b.mu.Lock()
		gone := b.lost || b.drop > 0
		if !b.lost && b.drop > 0 {
			b.drop--
		}
		b.mu.Unlock()
		if !gone {
			deliver(batch)
		}
	})
	return func() {
		unsubscribe()
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.handlers, &deliver)
	}, err
}

func (b *flaky) History(ctx context.Context, s Stream, since *Position, limit int) (History, error) {
	if b.isLost() {
		return History{}, ErrBrokerLost
	}
	h, err := b.inner.History(ctx, s, since, limit)
	b.mu.Lock()
	during := b.during
	b.during = nil
	b.mu.Unlock()
	if during != nil {
		during()
	}
	return h, err
}

// lose loses the servers, or with false has them back.
func (b *flaky) lose(lost bool) {
	b.mu.Lock()
	was := b.lost
	b.lost = lost
	var handlers []func(Batch)
	for h := range b.handlers {
		handlers = append(handlers, *h)
	}
	b.mu.Unlock()
	if was && !lost {
		for _, h := range handlers {
			h(Batch{Resync: true})
		}
	}
}

// dropNext drops n more deliveries.
func (b *flaky) dropNext(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop = max(b.drop+n, 0)
}

// amid has f called between the making of the next history and its return.
func (b *flaky) amid(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.during = f
}

// forget has the stream begin anew, as servers do that come back empty.
func (b *flaky) forget(name string) {
	b.inner.mu.Lock()
	t := b.inner.topics[name]
	b.inner.mu.Unlock()
	if t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.epoch += "x"
		t.top, t.entries = 0, nil
	}
}
