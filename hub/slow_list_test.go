package hub

import (
	"fmt"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

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
