package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ws"
)

// pipes is a listener in memory: a client that does not read is felt at once,
// and the clock is synctest's.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// slowClient reads only after release, and counts what it gets.
type slowClient struct {
	*ws.Conn
	release chan struct{}
	over    chan error
	frames  []messages // read after over or under synctest.Wait
}

type messages struct {
	Type   string
	Missed uint64
	Items  []struct {
		Offset uint64
		Data   update
	}
}

type update struct {
	Key string
	N   int
}

// slow serves h to one client that does not read, subscribed to "n".
func slow(t *testing.T, h *hub.Hub) *slowClient {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	s := &http.Server{Handler: h.Handler(), ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(l) })
	c := &slowClient{release: make(chan struct{}), over: make(chan error, 1)}
	var err error
	subscribed := make(chan struct{})
	c.Conn, err = ws.Dial(t.Context(), "ws://gale.test", ws.DialOptions{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			l.conns <- far
			return near, nil
		},
		Handler: &ws.Handler{
			PingEvery: -1,
			ReadLimit: 16 << 20,
			Message: func(_ *ws.Conn, m ws.Message) error {
				var v messages
				if err := json.Unmarshal(m.Data, &v); err != nil {
					return err
				}
				if v.Type == "subscribed" {
					close(subscribed)
					<-c.release
				} else {
					c.frames = append(c.frames, v)
				}
				return nil
			},
			Close: func(_ *ws.Conn, cause error) { c.over <- cause },
		},
	})
	assert.NoError(t, err)
	assert.NoError(t, c.SendText(`{"type":"subscribe","topic":"n"}`))
	<-subscribed
	synctest.Wait()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		c.Close(ws.CodeNormal, "")
		h.Drain(ctx)
		s.Close()
		serving.Wait()
		<-c.Done()
	})
	return c
}

// summary adds the frames up and checks that offsets ascend.
func (c *slowClient) summary(t *testing.T) (got, missed int, last map[string]int) {
	t.Helper()
	last = make(map[string]int)
	offset := uint64(0)
	for _, f := range c.frames {
		missed += int(f.Missed)
		for _, it := range f.Items {
			assert.True(t, it.Offset > offset, "offsets ascend")
			offset = it.Offset
			got++
			last[it.Data.Key] = it.Data.N
		}
	}
	return got, missed, last
}

func TestSlowClient(t *testing.T) {
	t.Parallel()
	const total = 1000
	key := func(u update) string { return u.Key }
	for _, c := range []struct {
		name   string
		policy hub.Policy
		arrive int // the socket's 64 and what the queue kept
	}{
		{"drop oldest", hub.DropOldest, 64 + 100},
		{"conflate", hub.Conflate, 64 + 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := hub.New(hub.Options{})
				topic := hub.NewTopic(h, "n", hub.TopicOptions[update]{Authorize: hub.AllowAll, Queue: 100, Policy: c.policy, Key: key})
				client := slow(t, h)
				for i := range total {
					_, err := topic.Publish(t.Context(), "n", update{fmt.Sprint(i % 5), i})
					assert.NoError(t, err)
				}
				close(client.release)
				synctest.Wait()
				got, missed, last := client.summary(t)
				assert.Equal(t, got+missed, total)
				assert.Equal(t, got, c.arrive)
				for i := range 5 {
					assert.Equal(t, last[fmt.Sprint(i)], total-5+i)
				}
				// He has caught up: the next one comes alone and complete.
				client.frames = nil
				_, err := topic.Publish(t.Context(), "n", update{"x", 1})
				assert.NoError(t, err)
				synctest.Wait()
				got, missed, _ = client.summary(t)
				assert.Equal(t, got, 1)
				assert.Equal(t, missed, 0)
			})
		})
	}
}

func TestSlowClientIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		topic := hub.NewTopic(h, "n", hub.TopicOptions[update]{Authorize: hub.AllowAll, Queue: 10, Policy: hub.CloseSlow})
		client := slow(t, h)
		other, err := topic.Subscribe(t.Context(), "n", hub.SubscribeOptions{})
		assert.NoError(t, err)
		defer other.Close()
		for i := range 100 {
			_, err := topic.Publish(t.Context(), "n", update{"k", i})
			assert.NoError(t, err)
			take(t, other, 1)
		}
		close(client.release)
		e, ok := errors.AsType[*ws.CloseError](<-client.over)
		assert.True(t, ok, "a close frame")
		assert.Equal(t, *e, ws.CloseError{Code: ws.CodeTryLater, Reason: "too slow for n"})
		got, missed, _ := client.summary(t)
		assert.Equal(t, got, 64)
		assert.Equal(t, missed, 0)
	})
}

// TestAttackAskWithoutReading: answers are not kept for ever for a client who
// does not read them.
func TestAttackAskWithoutReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		hub.NewTopic(h, "n", hub.TopicOptions[update]{Authorize: hub.AllowAll})
		client := slow(t, h)
		for range 500 {
			assert.NoError(t, client.SendText(`{"type":"ping"}`))
			synctest.Wait()
		}
		close(client.release)
		e, ok := errors.AsType[*ws.CloseError](<-client.over)
		assert.True(t, ok && e.Code == ws.CodeTryLater, "closed with 1013")
		assert.Equal(t, len(client.frames), 64)
	})
}

// TestNeverReadingClient: the write timeout ends it, and nothing stays.
func TestNeverReadingClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		topic := hub.NewTopic(h, "n", hub.TopicOptions[update]{Authorize: hub.AllowAll})
		client := slow(t, h)
		start := time.Now()
		for i := range 3 {
			_, err := topic.Publish(t.Context(), "n", update{"k", i})
			assert.NoError(t, err)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		pos, err := topic.Publish(t.Context(), "n", update{})
		assert.NoError(t, err)
		assert.Equal(t, pos.Offset, uint64(4))
		assert.True(t, time.Since(start) >= 10*time.Second, "the clock moved")
		close(client.release)
		assert.True(t, <-client.over != nil, "cut off")
	})
}
