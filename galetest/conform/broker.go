package conform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

// brokerPatience bounds the wait for what another node must deliver.
const brokerPatience = 10 * time.Second

// Broker runs the suite that every [hub.Broker] must pass. open returns a
// broker without topics and registers its closing with t.Cleanup. Delivery may
// take a network; history must be there when Publish has returned.
func Broker(t *testing.T, open func(t *testing.T) hub.Broker) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, hub.Broker){
		"Delivers":             brokerDelivers,
		"KeepsTopicsApart":     brokerKeepsTopicsApart,
		"Unsubscribes":         brokerUnsubscribes,
		"OrdersPublishers":     brokerOrdersPublishers,
		"KeepsHistory":         brokerKeepsHistory,
		"CountsUnseen":         brokerCountsUnseen,
		"NewestHistory":        brokerNewestHistory,
		"EncodesOnce":          brokerEncodesOnce,
		"EncodeFails":          brokerEncodeFails,
		"HistoryMeetsDelivery": brokerHistoryMeetsDelivery,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// brokerInbox collects what a subscription delivers.
type brokerInbox struct {
	mu      sync.Mutex
	arrived chan struct{}
	epoch   string
	entries []hub.Entry
}

func brokerSubscribe(t *testing.T, b hub.Broker, s hub.Stream) (*brokerInbox, func()) {
	t.Helper()
	in := &brokerInbox{arrived: make(chan struct{}, 1)}
	unsubscribe, err := b.Subscribe(t.Context(), s, func(batch hub.Batch) {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.epoch = batch.Epoch
		in.entries = append(in.entries, batch.Entries...)
		select {
		case in.arrived <- struct{}{}:
		default:
		}
	})
	assert.NoError(t, err)
	t.Cleanup(unsubscribe)
	return in, unsubscribe
}

// wait returns what was delivered once it is n entries or more.
func (in *brokerInbox) wait(t *testing.T, n int) []hub.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), brokerPatience)
	defer cancel()
	for {
		in.mu.Lock()
		entries := slices.Clone(in.entries)
		in.mu.Unlock()
		if len(entries) >= n {
			return entries
		}
		select {
		case <-in.arrived:
		case <-ctx.Done():
			t.Fatalf("%d of %d entries were delivered", len(entries), n)
		}
	}
}

// keeping returns a stream that keeps the newest messages.
func keeping(name string, messages int) hub.Stream {
	return hub.Stream{Name: name, Keep: hub.Retention{Messages: messages, Age: time.Hour}}
}

func brokerPublish(t *testing.T, b hub.Broker, s hub.Stream, data ...string) hub.Position {
	t.Helper()
	pos, err := b.Publish(t.Context(), s, brokerPublication(data...))
	assert.NoError(t, err)
	return pos
}

func brokerPublication(data ...string) hub.Publication {
	return hub.Publication{Count: len(data), Encode: func() ([]hub.Entry, error) {
		entries := make([]hub.Entry, len(data))
		for i, d := range data {
			entries[i] = hub.Entry{Key: "key " + d, Data: []byte(d)}
		}
		return entries, nil
	}}
}

// brokerText writes entries as "offset:data", checking their keys.
func brokerText(t *testing.T, entries []hub.Entry) string {
	t.Helper()
	words := make([]string, len(entries))
	for i, e := range entries {
		words[i] = fmt.Sprintf("%d:%s", e.Offset, e.Data)
		assert.Equal(t, e.Key, "key "+string(e.Data))
	}
	return strings.Join(words, " ")
}

func brokerDelivers(t *testing.T, b hub.Broker) {
	first, _ := brokerSubscribe(t, b, keeping("a/b", 10))
	second, _ := brokerSubscribe(t, b, keeping("a/b", 10))
	brokerPublish(t, b, keeping("a/b", 10), "1")
	pos := brokerPublish(t, b, keeping("a/b", 10), "2", "3")
	assert.Equal(t, pos.Offset, uint64(3))
	for _, in := range []*brokerInbox{first, second} {
		assert.Equal(t, brokerText(t, in.wait(t, 3)), "1:1 2:2 3:3")
		assert.Equal(t, in.epoch, pos.Epoch)
	}
}

func brokerKeepsTopicsApart(t *testing.T, b hub.Broker) {
	// Names at the border of what brokers use as separators and wildcards.
	names := []string{"a", "a/b", "a.b", "a:b", "a/b/c", "a-b", "A", "@a", "~a", "a_b"}
	inboxes := make([]*brokerInbox, len(names))
	for i, name := range names {
		inboxes[i], _ = brokerSubscribe(t, b, keeping(name, 10))
	}
	for i, name := range names {
		brokerPublish(t, b, keeping(name, 10), fmt.Sprint(i))
	}
	for i, name := range names {
		assert.Equal(t, brokerText(t, inboxes[i].wait(t, 1)), fmt.Sprintf("1:%d", i))
		h, err := b.History(t.Context(), keeping(name, 10), nil, 10)
		assert.NoError(t, err)
		assert.Equal(t, brokerText(t, h.Entries), fmt.Sprintf("1:%d", i))
	}
}

func brokerUnsubscribes(t *testing.T, b hub.Broker) {
	gone, unsubscribe := brokerSubscribe(t, b, keeping("n", 10))
	stays, _ := brokerSubscribe(t, b, keeping("n", 10))
	brokerPublish(t, b, hub.Stream{Name: "n"}, "1")
	gone.wait(t, 1)
	unsubscribe()
	brokerPublish(t, b, hub.Stream{Name: "n"}, "2")
	stays.wait(t, 2)
	assert.Equal(t, brokerText(t, gone.wait(t, 1)), "1:1")
}

func brokerOrdersPublishers(t *testing.T, b hub.Broker) {
	const publishers, each = 4, 50
	in, _ := brokerSubscribe(t, b, keeping("n", 10))
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			last := uint64(0)
			for i := range each {
				pos, err := b.Publish(t.Context(), keeping("n", 10), brokerPublication(fmt.Sprintf("%d%02d", p, i)))
				if err != nil || pos.Offset <= last {
					t.Errorf("publish after %d: %v %v", last, pos, err)
				}
				last = pos.Offset
			}
		})
	}
	wg.Wait()
	next := make([]int, publishers)
	for i, e := range in.wait(t, publishers*each) {
		assert.Equal(t, e.Offset, uint64(i+1))
		p := int(e.Data[0] - '0')
		assert.Equal(t, string(e.Data), fmt.Sprintf("%d%02d", p, next[p]))
		next[p]++
	}
}

func brokerKeepsHistory(t *testing.T, b hub.Broker) {
	n := keeping("n", 3)
	brokerPublish(t, b, n, "1", "2")
	top := brokerPublish(t, b, n, "3", "4", "5")
	for _, c := range []struct {
		name      string
		since     hub.Position
		limit     int
		want      string
		recovered bool
	}{
		{"all that is kept", hub.Position{Epoch: top.Epoch, Offset: 2}, 3, "3:3 4:4 5:5", true},
		{"the last", hub.Position{Epoch: top.Epoch, Offset: 4}, 3, "5:5", true},
		{"nothing missed", top, 3, "", true},
		{"nothing missed, nothing asked", top, 0, "", true},
		{"more than is kept", hub.Position{Epoch: top.Epoch, Offset: 1}, 10, "", false},
		{"more than the limit", hub.Position{Epoch: top.Epoch, Offset: 2}, 2, "", false},
		{"the future", hub.Position{Epoch: top.Epoch, Offset: 6}, 10, "", false},
		{"another epoch", hub.Position{Epoch: "another", Offset: 4}, 10, "", false},
		{"no epoch", hub.Position{Offset: 4}, 10, "", false},
	} {
		h, err := b.History(t.Context(), n, &c.since, c.limit)
		assert.NoError(t, err)
		assert.Equal(t, c.name+": "+brokerText(t, h.Entries), c.name+": "+c.want)
		assert.True(t, h.Recovered == c.recovered, fmt.Sprintf("%s: Recovered is %v", c.name, h.Recovered))
		assert.Equal(t, h.Top, top)
	}
}

// brokerCountsUnseen: what nobody heard and nobody keeps was still missed.
func brokerCountsUnseen(t *testing.T, b hub.Broker) {
	in, unsubscribe := brokerSubscribe(t, b, hub.Stream{Name: "n"})
	pos := brokerPublish(t, b, hub.Stream{Name: "n"}, "1")
	in.wait(t, 1)
	unsubscribe()
	brokerPublish(t, b, hub.Stream{Name: "n"}, "2")
	h, err := b.History(t.Context(), hub.Stream{Name: "n"}, &pos, 10)
	assert.NoError(t, err)
	assert.True(t, !h.Recovered, "a message that is gone was missed")
}

func brokerNewestHistory(t *testing.T, b hub.Broker) {
	h, err := b.History(t.Context(), keeping("n", 10), nil, 10)
	assert.NoError(t, err)
	assert.Equal(t, h.Top.Offset, uint64(0))
	top := brokerPublish(t, b, keeping("n", 10), "1", "2", "3")
	for limit, want := range []string{"", "3:3", "2:2 3:3", "1:1 2:2 3:3", "1:1 2:2 3:3"} {
		h, err := b.History(t.Context(), keeping("n", 10), nil, limit)
		assert.NoError(t, err)
		assert.Equal(t, brokerText(t, h.Entries), want)
		assert.Equal(t, h.Top, top)
		assert.True(t, !h.Recovered, "there is no position to recover from")
	}
}

func brokerEncodesOnce(t *testing.T, b hub.Broker) {
	brokerSubscribe(t, b, keeping("n", 10))
	brokerSubscribe(t, b, keeping("n", 10))
	calls := 0
	p := brokerPublication("1")
	encode := p.Encode
	p.Encode = func() ([]hub.Entry, error) { calls++; return encode() }
	_, err := b.Publish(t.Context(), keeping("n", 10), p)
	assert.NoError(t, err)
	assert.Equal(t, calls, 1)
}

func brokerEncodeFails(t *testing.T, b hub.Broker) {
	failure := errors.New("cannot be encoded")
	in, _ := brokerSubscribe(t, b, keeping("n", 10))
	p := brokerPublication("1")
	p.Encode = func() ([]hub.Entry, error) { return nil, failure }
	_, err := b.Publish(t.Context(), keeping("n", 10), p)
	assert.ErrorIs(t, err, failure)
	assert.Equal(t, brokerPublish(t, b, keeping("n", 10), "2").Offset, uint64(1))
	assert.Equal(t, brokerText(t, in.wait(t, 1)), "1:2")
}

// brokerHistoryMeetsDelivery: who subscribes and then asks for the history, in
// the middle of a stream, gets each entry from one or from both, none from
// neither.
func brokerHistoryMeetsDelivery(t *testing.T, b hub.Broker) {
	const total = 200
	n := keeping("n", total)
	start := brokerPublish(t, b, n, "0")
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range total - 1 {
			if _, err := b.Publish(t.Context(), n, brokerPublication(fmt.Sprint(i+1))); err != nil {
				t.Error(err)
			}
		}
	})
	defer wg.Wait()
	for range 5 {
		in, _ := brokerSubscribe(t, b, n)
		h, err := b.History(t.Context(), n, &start, total)
		assert.NoError(t, err)
		assert.True(t, h.Recovered, "all is kept")
		next := start.Offset + 1
		for _, e := range h.Entries {
			assert.Equal(t, e.Offset, next)
			next++
		}
		assert.Equal(t, next, h.Top.Offset+1)
		if h.Top.Offset == total {
			return
		}
		for _, e := range in.wait(t, 1) {
			if e.Offset >= next {
				assert.Equal(t, e.Offset, next)
				next++
			}
		}
	}
}
