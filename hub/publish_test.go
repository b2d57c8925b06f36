package hub

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
)

// TestLostForOthers: what a node could publish only to its own subscribers is
// told as a gap to those of the others, once the broker is back.
func TestLostForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cut := newFlaky() // the others reach the broker all the time
		here, there := New(Options{Broker: cut}), New(Options{Broker: cut.inner})
		topic := NewTopic(here, "n", TopicOptions[int]{Authorize: AllowAll, History: 10})
		NewTopic(there, "n", TopicOptions[int]{Authorize: AllowAll, History: 10})
		near, far := newFakeClient(t, here, t.Context()), newFakeClient(t, there, t.Context())
		for _, c := range []*fakeClient{near, far} {
			c.say("{'type':'subscribe','topic':'n'}")
			c.heard(t, "{'type':'subscribed','topic':'n','epoch':'~','offset':0}")
		}
		synctest.Wait()
		cut.lose(true)
		_, err := topic.Publish(t.Context(), "n", 1)
		assert.ErrorIs(t, err, ErrBrokerLost)
		near.heard(t, "{'type':'messages','topic':'n','epoch':'','items':[{'offset':0,'data':1}]}")
		time.Sleep(time.Minute)
		far.heard(t)
		cut.lose(false)
		time.Sleep(time.Minute)
		far.heard(t, "{'type':'subscribed','topic':'n','epoch':'~','offset':0,'recovered':false}")
		_, err = topic.Publish(t.Context(), "n", 2)
		assert.NoError(t, err)
		far.heard(t, "{'type':'messages','topic':'n','epoch':'~','items':[{'offset':1,'data':2}]}")
		drain(t, here, near)
		drain(t, there, far)
	})
}

// TestPublishWaits: a broker that comes back in time is worth waiting for.
func TestPublishWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newFlaky()
		h := New(Options{Broker: b, PublishWait: 10 * time.Second})
		topic := NewTopic(h, "n", TopicOptions[int]{History: 10})
		b.lose(true)
		time.AfterFunc(5*time.Second, func() { b.lose(false) })
		pos, err := topic.Publish(context.Background(), "n", 1)
		assert.NoError(t, err)
		assert.Equal(t, pos.Offset, uint64(1))
		b.lose(true)
		_, err = topic.Publish(context.Background(), "n", 2)
		assert.ErrorIs(t, err, ErrBrokerLost)
		b.lose(false)
		drain(t, h)
	})
}

// TestPresenceCounts: strangers learn how many they are, and not who.
func TestPresenceCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{Identify: func(context.Context) Identity { return Identity{User: "alice", Info: "secret"} }})
		topic := NewTopic(h, "n", TopicOptions[int]{Authorize: AllowAll, PresenceCounts: true})
		first, second := newFakeClient(t, h, t.Context()), newFakeClient(t, h, t.Context())
		first.say("{'type':'subscribe','topic':'n','presence':true}")
		first.heard(t, "{'type':'subscribed','topic':'n','epoch':'~','offset':0}",
			"{'type':'presence','topic':'n','members':[],'users':1,'connections':1,'partial':true}")
		second.say("{'type':'subscribe','topic':'n'}")
		time.Sleep(2 * time.Second)
		first.heard(t, "{'type':'presence','topic':'n','users':1,'connections':2,'partial':true}")
		all, err := topic.Presence(t.Context(), "n")
		assert.NoError(t, err)
		assert.Equal(t, len(all.Members), 2) // the application may know
		drain(t, h, first, second)
	})
}
