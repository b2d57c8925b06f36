package hub

import (
	"errors"
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

func TestLastValue(t *testing.T) {
	t.Parallel()
	h := New(Options{})
	topic := NewTopic(h, "n", TopicOptions[int]{Authorize: AllowAll, LastValue: true})
	publish := func(v int) (pos Position) {
		pos, err := topic.Publish(t.Context(), "n", v)
		assert.NoError(t, err)
		return pos
	}
	empty := newFakeClient(t, h, t.Context())
	empty.say("{'type':'subscribe','topic':'n'}")
	empty.heard(t, "{'type':'subscribed','topic':'n','epoch':'~','offset':0}")
	publish(1)
	pos := publish(2)
	empty.heard(t, "{'type':'messages','topic':'n','epoch':'~','items':[{'offset':1,'data':1}]}", "{'type':'messages','topic':'n','epoch':'~','items':[{'offset':2,'data':2}]}")

	// A slow one gets the newest, a new one too, and for one who was away for long
	// nothing of worth is lost.
	empty.allow(0)
	for v := range 100 {
		publish(v + 3)
	}
	empty.allow(-1)
	empty.heard(t, "{'type':'messages','topic':'n','epoch':'~','missed':99,'items':[{'offset':102,'data':102}]}")
	fresh, away, there, foreign := newFakeClient(t, h, t.Context()), newFakeClient(t, h, t.Context()), newFakeClient(t, h, t.Context()), newFakeClient(t, h, t.Context())
	last := "{'type':'messages','topic':'n','epoch':'~','items':[{'offset':102,'data':102}]}"
	fresh.say("{'type':'subscribe','topic':'n'}")
	fresh.heard(t, "{'type':'subscribed','topic':'n','epoch':'~','offset':101}", last)
	away.say("{'type':'subscribe','topic':'n','epoch':'%s','offset':1}", pos.Epoch)
	away.heard(t, "{'type':'subscribed','topic':'n','epoch':'~','offset':101,'recovered':true}", last)
	there.say("{'type':'subscribe','topic':'n','epoch':'%s','offset':102}", pos.Epoch)
	there.heard(t, "{'type':'subscribed','topic':'n','epoch':'~','offset':102,'recovered':true}")
	foreign.say("{'type':'subscribe','topic':'n','epoch':'another','offset':102}")
	foreign.heard(t, "{'type':'subscribed','topic':'n','epoch':'~','offset':101,'recovered':true}", last)
	assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { NewTopic(h, "m", TopicOptions[int]{LastValue: true, History: 2}) })), "LastValue with History")
	drain(t, h, empty, fresh, away, there, foreign)
}

func TestSlowAreNamed(t *testing.T) {
	t.Parallel()
	h := New(Options{Identify: identify})
	topic := NewTopic(h, "n/{x}", TopicOptions[int]{Authorize: AllowAll, Queue: 2})
	ann, other := newFakeClient(t, h, as(t, "ann")), newFakeClient(t, h, t.Context())
	for _, c := range []*fakeClient{ann, other} {
		c.say("{'type':'subscribe','topic':'n/1'}")
		c.allow(0)
	}
	inside, err := topic.Subscribe(t.Context(), "n/1", SubscribeOptions{})
	assert.NoError(t, err)
	publish := func(n int) {
		for range n {
			_, err := topic.Publish(t.Context(), "n/1", 1)
			assert.NoError(t, err)
		}
	}
	publish(5)
	slow := func() (s string) {
		for _, x := range h.Slow() {
			s += fmt.Sprintf("%s %q missed %d; ", x.Topic, x.Who, x.Missed)
		}
		return s
	}
	assert.Equal(t, slow(), `n/1 "ann" missed 3; n/1 "fake" missed 3; n/1 "" missed 3; `)
	ann.allow(-1) // catches up, and is slow again
	publish(1)
	ann.allow(0)
	publish(3)
	assert.Equal(t, slow(), `n/1 "ann" missed 3; n/1 "fake" missed 7; n/1 "" missed 7; n/1 "ann" missed 1; `)
	for range 200 {
		ann.allow(-1)
		ann.allow(0)
		publish(3)
	}
	assert.Equal(t, len(h.Slow()), maxSlow)
	assert.True(t, h.Slow()[0].Since.Before(h.Slow()[maxSlow-1].Since), "the newest last")
	inside.Close()
	drain(t, h, ann, other)
}

// TestDrainSpreads: clients are sent away one after the other, each with a time
// of its own to come back, and what is in the process ends.
func TestDrainSpreads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{DrainOver: 10 * time.Second})
		topic := NewTopic(h, "n", TopicOptions[int]{Authorize: AllowAll})
		inside, err := topic.Subscribe(t.Context(), "n", SubscribeOptions{})
		assert.NoError(t, err)
		var clients []*fakeClient
		for range 100 {
			c := newFakeClient(t, h, t.Context())
			c.say("{'type':'subscribe','topic':'n'}")
			c.link.take()
			go func() { // a connection that ends when it is closed
				<-c.link.ctx.Done()
				c.end()
			}()
			clients = append(clients, c)
		}
		open := func() (n int) {
			for _, c := range clients {
				if c.link.closed() == 0 {
					n++
				}
			}
			return n
		}
		done := make(chan error)
		go func() { done <- h.Drain(t.Context()) }()
		time.Sleep(5*time.Second + time.Millisecond)
		assert.Equal(t, open(), 49)
		for _, err := range inside.Messages() {
			assert.True(t, errors.Is(err, ErrClosed), "ended")
		}
		_, err = topic.Publish(t.Context(), "n", 1) // still flows to those who are there
		assert.NoError(t, err)
		assert.NoError(t, <-done)
		assert.Equal(t, open(), 0)
		got := 0
		for _, c := range clients {
			assert.Equal(t, c.link.closed(), 1012)
			messages := c.link.take()
			got += len(messages) - 1
			assert.Contains(t, messages[len(messages)-1], `{"type":"reconnect","after":`)
		}
		assert.Equal(t, got, 49)
		_, err = h.admit(clients[0].link, transportWS, true)
		assert.ErrorIs(t, err, ErrClosed)
	})
}
