package conform

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

// BrokerFaults runs the suite for a [hub.Broker] that can lose its servers.
// open returns one with servers of its own, which stop ends without warning
// and start brings back, at the same address and with what they keep.
func BrokerFaults(t *testing.T, open func(t *testing.T) (b hub.Broker, stop, start func())) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, hub.Broker, func(), func()){
		"Lost":          brokerLost,
		"LostManyTimes": brokerLostManyTimes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, stop, start := open(t)
			test(t, b, stop, start)
		})
	}
}

// brokerAwaitLost returns once the broker knows that its servers are gone.
func brokerAwaitLost(t *testing.T, b hub.Broker) {
	t.Helper()
	brokerPoll(t, "lost", func() bool { return b.(hub.Checker).Check(t.Context()) != nil })
}

// brokerAwaitBack returns once the broker has its servers again.
func brokerAwaitBack(t *testing.T, b hub.Broker) {
	t.Helper()
	brokerPoll(t, "back", func() bool { return b.(hub.Checker).Check(t.Context()) == nil })
}

func brokerLost(t *testing.T, b hub.Broker, stop, start func()) {
	kept, unkept := keeping("kept", 10), keeping("unkept", 0)
	in, _ := brokerSubscribe(t, b, kept)
	other, _ := brokerSubscribe(t, b, unkept)
	first := brokerPublish(t, b, kept, "1")
	brokerPublish(t, b, kept, "2", "3")
	brokerPublish(t, b, unkept, "1")
	in.wait(t, 3)
	other.wait(t, 1)

	stop()
	brokerAwaitLost(t, b)
	ctx, cancel := context.WithTimeout(t.Context(), brokerPatience)
	defer cancel()
	for _, s := range []hub.Stream{kept, unkept} {
		_, err := b.Publish(ctx, s, brokerPublication("lost"))
		assert.ErrorIs(t, err, hub.ErrBrokerLost)
		_, err = b.Subscribe(ctx, hub.Stream{Name: "new/" + s.Name, Keep: s.Keep}, func(hub.Batch) {})
		assert.ErrorIs(t, err, hub.ErrBrokerLost)
	}
	_, err := b.History(ctx, kept, nil, 10)
	assert.ErrorIs(t, err, hub.ErrBrokerLost)
	if p, ok := b.(hub.PresenceStore); ok {
		assert.ErrorIs(t, p.SetMembers(ctx, "kept", "node", []byte("1"), time.Hour), hub.ErrBrokerLost)
		_, err := p.Members(ctx, "kept")
		assert.ErrorIs(t, err, hub.ErrBrokerLost)
	}
	assert.NoError(t, ctx.Err()) // they failed at once, not at the end of their time

	start()
	in.waitResync(t, 1)
	other.waitResync(t, 1)
	brokerAwaitBack(t, b)
	h, err := b.History(t.Context(), kept, &first, 10)
	assert.NoError(t, err)
	assert.True(t, h.Recovered, "what was kept is still there")
	assert.Equal(t, brokerText(t, h.Entries), "2 3")
	brokerPublish(t, b, kept, "4")
	brokerPublish(t, b, unkept, "2")
	assert.Equal(t, brokerText(t, in.wait(t, 4)), "1 2 3 4")
	assert.Equal(t, brokerText(t, other.wait(t, 2)), "1 2")
	h, err = b.History(t.Context(), kept, &first, 10)
	assert.NoError(t, err)
	assert.True(t, h.Recovered, "nothing is lost between the two lives")
	assert.Equal(t, brokerText(t, h.Entries), "2 3 4")
}

// brokerLostManyTimes: publishing goes on while the servers come and go. What
// was acknowledged is in the history, in order.
func brokerLostManyTimes(t *testing.T, b hub.Broker, stop, start func()) {
	s := keeping("n", 10_000)
	in, _ := brokerSubscribe(t, b, s)
	begin := brokerPublish(t, b, s, "0")
	var acknowledged []string
	next := 1
	publish := func(n int) {
		for range n {
			if _, err := b.Publish(t.Context(), s, brokerPublication(fmt.Sprint(next))); err == nil {
				acknowledged = append(acknowledged, fmt.Sprint(next))
			}
			next++
		}
	}
	for i := range 3 {
		publish(20)
		stop()
		publish(5)
		start()
		in.waitResync(t, i+1)
		brokerAwaitBack(t, b)
	}
	publish(20)
	assert.True(t, len(acknowledged) >= 80, fmt.Sprintf("only %d were acknowledged", len(acknowledged)))
	h, err := b.History(t.Context(), s, &begin, 10_000)
	assert.NoError(t, err)
	assert.True(t, h.Recovered, "all of it is kept")
	for _, e := range h.Entries {
		// One that failed may be there all the same: the answer was lost.
		if len(acknowledged) > 0 && string(e.Data) == acknowledged[0] {
			acknowledged = acknowledged[1:]
		}
	}
	assert.Equal(t, len(acknowledged), 0)
}
