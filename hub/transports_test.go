package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

// account adds up what a client gets of one topic, by any transport.
type account struct {
	t      *testing.T
	data   []int
	missed int
	epoch  string
	offset int
}

// take reports whether the message was of the stream.
func (a *account) take(data string) {
	a.t.Helper()
	var m struct {
		Type, Epoch string
		Offset      int
		Missed      int
		Items       []struct{ Offset, Data int }
	}
	assert.NoError(a.t, json.Unmarshal([]byte(data), &m))
	if m.Type == "subscribed" {
		a.epoch, a.offset = m.Epoch, m.Offset
	}
	a.missed += m.Missed
	for _, it := range m.Items {
		assert.True(a.t, it.Offset > a.offset, "offsets ascend")
		a.offset = it.Offset
		a.data = append(a.data, it.Data)
	}
}

func (a *account) total() int { return len(a.data) + a.missed }

// poll asks until the account stands at offset.
func (a *account) poll(p *polling, topic string, offset int) {
	a.t.Helper()
	for a.offset < offset {
		sub := subscribeTo(topic)
		if a.epoch != "" {
			sub = subscribeFrom(topic, a.epoch, a.offset)
		}
		for _, m := range p.ask(sub) {
			a.take(m)
		}
	}
}

// TestTransportsAgree: side by side, all transports bring the same sequence.
func TestTransportsAgree(t *testing.T) {
	t.Parallel()
	const total = 500
	onServers(t, hub.Options{}, func(t *testing.T, c *galetest.Client, h *hub.Hub) {
		topic := hub.NewTopic(h, "n", hub.TopicOptions[int]{Authorize: hub.AllowAll, Queue: total})
		socket := c.WebSocket("/live")
		socket.SendText(subscribeTo("n"))
		events := openEvents(t, c, "", "n")
		poller := &polling{t: t, c: c}
		accounts := [3]*account{{t: t}, {t: t}, {t: t}}
		accounts[0].take(socket.Text())
		first, _ := events.next()
		accounts[1].take(first)
		accounts[2].take(poller.ask(subscribeTo("n"))[0])
		var publishing sync.WaitGroup
		publishing.Go(func() {
			for i := range total {
				if _, err := topic.Publish(context.Background(), "n", i); err != nil {
					t.Error(err)
				}
			}
		})
		for accounts[0].offset < total {
			accounts[0].take(socket.Text())
		}
		for accounts[1].offset < total {
			data, ok := events.next()
			assert.True(t, ok, "the stream goes on")
			accounts[1].take(data)
		}
		accounts[2].poll(poller, "n", total)
		publishing.Wait()
		for _, a := range accounts {
			assert.Equal(t, len(a.data), total)
			assert.Equal(t, a.missed, 0)
			assert.Equal(t, a.data, accounts[0].data)
			assert.Equal(t, a.epoch, accounts[0].epoch)
		}
	})
}

// TestSlowPoller: one who does not ask is bounded by the topic's policy.
func TestSlowPoller(t *testing.T) {
	t.Parallel()
	const total = 1000
	for _, policy := range []struct {
		name string
		o    hub.TopicOptions[int]
		kept int // the box holds 64
	}{
		{"drop", hub.TopicOptions[int]{Queue: 100}, 64 + 100},
		{"conflate", hub.TopicOptions[int]{Queue: 100, Policy: hub.Conflate, Key: func(n int) string { return fmt.Sprint(n % 5) }}, 64 + 5},
		{"last", hub.TopicOptions[int]{LastValue: true}, 64 + 1},
		{"close", hub.TopicOptions[int]{Queue: 100, Policy: hub.CloseSlow, History: total}, total},
	} {
		t.Run(policy.name, func(t *testing.T) {
			t.Parallel()
			policy.o.Authorize = hub.AllowAll
			h := hub.New(hub.Options{DrainOver: -1})
			topic := hub.NewTopic(h, "n", policy.o)
			mux := http.NewServeMux()
			mux.Handle("/live", h.Handler())
			c := galetest.Start(t, mux, galetest.Options{}).Client()
			t.Cleanup(func() { assert.NoError(t, h.Drain(context.Background())) })
			p, a := &polling{t: t, c: c}, &account{t: t}
			a.take(p.ask(subscribeTo("n"))[0])
			for i := range total {
				_, err := topic.Publish(t.Context(), "n", i)
				assert.NoError(t, err)
			}
			first := p.session
			a.poll(p, "n", total)
			assert.Equal(t, a.total(), total)
			assert.Equal(t, len(a.data), policy.kept)
			assert.True(t, (p.session != first) == (policy.name == "close"), "closed when the policy says so")
			assert.Equal(t, len(h.Slow()), 1)
		})
	}
}

// TestIdentityOverHTTP: tokens come in a header, and a session of polls is its
// owner's.
func TestIdentityOverHTTP(t *testing.T) {
	t.Parallel()
	type userKey struct{}
	o := hub.Options{
		Authenticate: func(ctx context.Context, token string) (context.Context, error) {
			if token == "" {
				return nil, hub.ErrForbidden
			}
			return context.WithValue(ctx, userKey{}, token), nil
		},
		Identify: func(ctx context.Context) hub.Identity { return hub.Identity{User: ctx.Value(userKey{}).(string)} },
	}
	onServers(t, o, func(t *testing.T, c *galetest.Client, h *hub.Hub) {
		hub.NewTopic(h, "users/{name}", hub.TopicOptions[int]{
			Authorize: func(ctx context.Context, _ string, params map[string]string) error {
				if ctx.Value(userKey{}) != params["name"] {
					return hub.ErrForbidden
				}
				return nil
			},
		})
		hub.Handle(h, "who", func(ctx context.Context, _ struct{}) (string, error) { return ctx.Value(userKey{}).(string), nil })
		call := `{"type":"call","id":3,"method":"who"}`
		assert.Equal(t, c.Post("/live?transport=call", call).Status(http.StatusUnauthorized).Header("WWW-Authenticate"), "Bearer")
		c.Get("/live?transport=sse&sub=[]").Status(http.StatusUnauthorized)
		c.Post("/live?transport=poll", `{"sub":[]}`).Status(http.StatusUnauthorized)

		ann, bob := c.Bearer("ann"), c.Bearer("bob")
		ann.Post("/live?transport=call", call).Status(http.StatusOK).Contains(`{"type":"result","id":3,"data":"ann"}`)
		ann.Post("/live?transport=call", `{"type":"ping"}`).Status(http.StatusOK).Contains(`"code":"bad_message"`)
		a, b := &polling{t: t, c: ann}, &polling{t: t, c: bob}
		same(t, a.ask(subscribeTo("users/ann"))[0], `{"type":"subscribed","topic":"users/ann","epoch":"*","offset":0}`)
		b.session = a.session
		assert.Contains(t, b.ask(subscribeTo("users/ann"))[0], `"code":"forbidden"`)
		assert.True(t, b.session != a.session, "bob has his own")

		// Over a session's life the values are there, though the request is not.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		assert.NoError(t, h.Recheck(ctx, hub.Match{}))
		assert.NoError(t, h.Disconnect(ctx, hub.Match{User: "ann"}))
		first := a.session
		a.ask(subscribeTo("users/ann"))
		assert.True(t, a.session != first, "it was closed")
	})
}

// TestAttackSubscriptionStorm: clients that subscribe and leave without end
// disturb nobody and leave nothing.
func TestAttackSubscriptionStorm(t *testing.T) {
	t.Parallel()
	onServers(t, hub.Options{}, func(t *testing.T, c *galetest.Client, h *hub.Hub) {
		topic := hub.NewTopic(h, "n/{x}", hub.TopicOptions[int]{Authorize: hub.AllowAll, Presence: true, History: 5})
		calm := c.WebSocket("/live")
		calm.SendText(subscribeTo("n/calm"))
		assert.Contains(t, calm.Text(), "subscribed")
		var storm sync.WaitGroup
		for i := range 4 {
			storm.Go(func() {
				s := c.WebSocket("/live")
				for j := range 200 {
					name := fmt.Sprintf("n/%d", j%7)
					s.SendText(subscribeTo(name))
					s.SendText(strings.Replace(subscribeTo(name), "subscribe", "unsubscribe", 1))
					for range 2 {
						if text := s.Text(); strings.Contains(text, `"error"`) {
							t.Errorf("client %d: %s", i, text)
						}
					}
				}
				s.Conn.Close(1000, "")
			})
		}
		for i := range 50 {
			_, err := topic.Publish(t.Context(), "n/calm", i)
			assert.NoError(t, err)
			assert.Contains(t, calm.Text(), fmt.Sprintf(`"data":%d}`, i))
		}
		storm.Wait()
		for j := range 7 {
			until(t, func() bool { return h.Subscribers(fmt.Sprintf("n/%d", j)) == 0 })
		}
	})
}
