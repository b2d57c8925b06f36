package conform

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

func brokerKeepsHistory(t *testing.T, open func() hub.Broker) {
	b, s := open(), keeping("n", 3)
	brokerPublish(t, b, keeping("other", 3), "1", "2") // where offsets are not by one, they are not here
	at := make([]hub.Position, 6)
	for i := 1; i <= 5; i++ {
		at[i] = brokerPublish(t, b, s, fmt.Sprint(i))
	}
	top := at[5]
	for _, c := range []struct {
		name      string
		since     hub.Position
		limit     int
		want      string
		recovered bool
	}{
		{"all that is kept", at[2], 3, "3 4 5", true},
		{"the last", at[4], 3, "5", true},
		{"nothing missed", top, 3, "", true},
		{"nothing missed, nothing asked", top, 0, "", true},
		{"more than is kept", at[1], 10, "", false},
		{"more than the limit", at[2], 2, "", false},
		{"the beginning", hub.Position{Epoch: top.Epoch}, 10, "", false},
		{"the future", hub.Position{Epoch: top.Epoch, Offset: top.Offset + 1}, 10, "", false},
		{"the far future", hub.Position{Epoch: top.Epoch, Offset: 1<<64 - 1}, 10, "", false},
		{"another epoch", hub.Position{Epoch: "another", Offset: at[4].Offset}, 10, "", false},
		{"no epoch", hub.Position{Offset: at[4].Offset}, 10, "", false},
		{"no position", hub.Position{}, 10, "", false},
	} {
		h, err := b.History(t.Context(), s, &c.since, c.limit)
		assert.NoError(t, err)
		assert.Equal(t, c.name+": "+brokerText(t, h.Entries), c.name+": "+c.want)
		assert.True(t, h.Recovered == c.recovered, fmt.Sprintf("%s: Recovered is %v", c.name, h.Recovered))
		assert.Equal(t, h.Top, top)
		switch {
		case len(h.Entries) > 0:
			assert.True(t, h.Prev <= c.since.Offset, fmt.Sprintf("%s: Prev is %d", c.name, h.Prev))
		default:
			assert.True(t, h.Prev <= top.Offset, fmt.Sprintf("%s: Prev is %d", c.name, h.Prev))
		}
	}
}

// brokerRecoversFromNothing: who saw that there is nothing misses nothing of
// what comes then. Whoever asks at the same time is told the same.
func brokerRecoversFromNothing(t *testing.T, open func() hub.Broker) {
	s, nodes := keeping("n", 3), []hub.Broker{open(), open()}
	starts := make([]hub.Position, 8)
	var wg sync.WaitGroup
	for i := range starts {
		wg.Go(func() {
			h, err := nodes[i%2].History(t.Context(), s, nil, 10)
			if err != nil || len(h.Entries) > 0 || h.Recovered {
				t.Errorf("history of nothing: %+v %v", h, err)
			}
			starts[i] = h.Top
		})
	}
	wg.Wait()
	in, _ := brokerSubscribe(t, nodes[0], s)
	brokerPublish(t, nodes[1], s, "1")
	brokerPublish(t, nodes[1], s, "2", "3")
	in.wait(t, 3)
	for _, start := range starts {
		h, err := nodes[0].History(t.Context(), s, &start, 3)
		assert.NoError(t, err)
		assert.Equal(t, brokerText(t, h.Entries), "1 2 3")
		assert.True(t, h.Recovered, "nothing was missed")
	}
	brokerPublish(t, nodes[1], s, "4")
	h, err := nodes[0].History(t.Context(), s, &starts[0], 10)
	assert.NoError(t, err)
	assert.True(t, !h.Recovered, "what is dropped was missed")
}

// brokerCountsUnseen: what nobody heard and nobody keeps was still missed.
func brokerCountsUnseen(t *testing.T, open func() hub.Broker) {
	b := open()
	in, unsubscribe := brokerSubscribe(t, b, hub.Stream{Name: "n"})
	pos := brokerPublish(t, b, hub.Stream{Name: "n"}, "1")
	in.wait(t, 1)
	unsubscribe()
	brokerPublish(t, b, hub.Stream{Name: "n"}, "2")
	h, err := b.History(t.Context(), hub.Stream{Name: "n"}, &pos, 10)
	assert.NoError(t, err)
	assert.True(t, !h.Recovered, "a message that is gone was missed")
}

func brokerNewestHistory(t *testing.T, open func() hub.Broker) {
	b, s := open(), keeping("n", 10)
	start, err := b.History(t.Context(), s, nil, 10)
	assert.NoError(t, err)
	assert.Equal(t, len(start.Entries), 0)
	first := brokerPublish(t, b, s, "1")
	top := brokerPublish(t, b, s, "2", "3")
	for limit, want := range []string{"", "3", "2 3", "1 2 3", "1 2 3"} {
		h, err := b.History(t.Context(), s, nil, limit)
		assert.NoError(t, err)
		assert.Equal(t, brokerText(t, h.Entries), want)
		assert.Equal(t, h.Top, top)
		assert.True(t, !h.Recovered, "there is no position to recover from")
		if limit == 2 {
			assert.Equal(t, h.Prev, first.Offset)
		}
	}
}

// brokerForgetsByAge: what is too old is as gone as what is too much.
func brokerForgetsByAge(t *testing.T, open func() hub.Broker) {
	s := hub.Stream{Name: "n", Keep: hub.Retention{Messages: 10, Age: 300 * time.Millisecond}}
	b := open()
	in, _ := brokerSubscribe(t, b, s)
	start, err := b.History(t.Context(), s, nil, 0)
	assert.NoError(t, err)
	brokerPublish(t, b, s, "1", "2")
	brokerPoll(t, "too old", func() bool {
		h, err := b.History(t.Context(), s, nil, 10)
		assert.NoError(t, err)
		return len(h.Entries) == 0
	})
	h, err := b.History(t.Context(), s, &start.Top, 10)
	assert.NoError(t, err)
	assert.True(t, !h.Recovered, "what is too old was missed")
	top := brokerPublish(t, b, s, "3")
	h, err = b.History(t.Context(), s, &start.Top, 10)
	assert.NoError(t, err)
	assert.True(t, !h.Recovered, "what is too old was missed, though there is something new")
	assert.Equal(t, h.Top, top)
	assert.Equal(t, brokerText(t, in.wait(t, 3)), "1 2 3")
}

// brokerHistoryMeetsDelivery: who subscribes and then asks for the history, in
// the middle of a stream that another node writes, gets each entry from one or
// from both, none from neither; and what comes after the answer is newer.
func brokerHistoryMeetsDelivery(t *testing.T, open func() hub.Broker) {
	const total = 200
	s := keeping("n", total)
	here, there := open(), open()
	start := brokerPublish(t, there, s, "0")
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range total - 1 {
			if _, err := there.Publish(t.Context(), s, brokerPublication(fmt.Sprint(i+1))); err != nil {
				t.Error(err)
			}
		}
	})
	defer wg.Wait()
	for range 5 {
		in, unsubscribe := brokerSubscribe(t, here, s)
		h, err := here.History(t.Context(), s, &start, total)
		assert.NoError(t, err)
		early := in.count()
		assert.True(t, h.Recovered, "all is kept")
		next := 1
		for _, e := range h.Entries {
			assert.Equal(t, string(e.Data), fmt.Sprint(next))
			next++
		}
		if next == total {
			return
		}
		var entries []hub.Entry
		in.until(t, "entry after the history", func() bool {
			entries = slices.Clone(in.entries)
			return len(entries) > 0 && entries[len(entries)-1].Offset > h.Top.Offset
		})
		for i, e := range entries {
			switch {
			case e.Offset > h.Top.Offset:
				assert.Equal(t, string(e.Data), fmt.Sprint(next))
				next++
			case i >= early:
				t.Errorf("%d came after a history up to %d", e.Offset, h.Top.Offset)
			}
		}
		unsubscribe()
	}
}
