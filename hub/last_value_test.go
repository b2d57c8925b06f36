package hub

import (
	"fmt"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

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
