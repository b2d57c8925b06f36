package hub

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

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
