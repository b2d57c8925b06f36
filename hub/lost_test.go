package hub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

// TestPublishWhileLost: this node's subscribers are served, the publisher is
// told, and it waits as long as it was asked to.
func TestPublishWhileLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newFlaky()
		h := New(Options{Broker: b, PublishWait: 3 * time.Second})
		topic := NewTopic(h, "n", TopicOptions[int]{Authorize: AllowAll, History: 10})
		c := newFakeClient(t, h, t.Context())
		c.say("{'type':'subscribe','topic':'n'}")
		inside, err := topic.Subscribe(t.Context(), "n", SubscribeOptions{})
		assert.NoError(t, err)
		publish := func(v int) error { _, err := topic.Publish(t.Context(), "n", v); return err }
		assert.NoError(t, publish(1))
		assert.NoError(t, h.Check(t.Context()))

		b.lose(true)
		assert.ErrorIs(t, h.Check(t.Context()), ErrBrokerLost)
		began := time.Now()
		err = publish(2)
		assert.ErrorIs(t, err, ErrBrokerLost)
		assert.Contains(t, err.Error(), "other nodes did not get it")
		assert.Equal(t, time.Since(began), 3*time.Second)
		assert.ErrorIs(t, publish(3), ErrBrokerLost)

		time.AfterFunc(time.Second, func() { b.lose(false) })
		assert.NoError(t, publish(4))
		time.Sleep(time.Minute)
		c.heard(t, "{'type':'subscribed','topic':'n','epoch':'~','offset':0}",
			"{'type':'messages','topic':'n','epoch':'~','items':[{'offset':1,'data':1}]}",
			"{'type':'messages','topic':'n','epoch':'','items':[{'offset':0,'data':2}]}",
			"{'type':'messages','topic':'n','epoch':'','items':[{'offset':0,'data':3}]}",
			"{'type':'messages','topic':'n','epoch':'~','items':[{'offset':2,'data':4}]}")
		got := ""
		for e, err := range inside.Messages() {
			assert.NoError(t, err)
			if got += fmt.Sprint(e.Position.Offset, ":", e.Value, " "); e.Value == 4 {
				break
			}
		}
		assert.Equal(t, got, "1:1 0:2 0:3 2:4 ")
		inside.Close()
		drain(t, h, c)
	})
}

// TestLostBrokerRefuses: a client that comes meanwhile is told to try again.
func TestLostBrokerRefuses(t *testing.T) {
	t.Parallel()
	b := newFlaky()
	h := New(Options{Broker: b})
	NewTopic(h, "n", TopicOptions[int]{Authorize: AllowAll})
	b.lose(true)
	c := newFakeClient(t, h, t.Context())
	c.say("{'type':'subscribe','topic':'n'}")
	c.heard(t, "{'type':'error','topic':'n','code':'unavailable','message':'subscribing failed; try again later'}")
	b.lose(false)
	c.say("{'type':'subscribe','topic':'n'}")
	c.heard(t, "{'type':'subscribed','topic':'n','epoch':'~','offset':0}")
	drain(t, h, c)
}
