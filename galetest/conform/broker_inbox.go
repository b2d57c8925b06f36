package conform

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

// brokerInbox collects what a subscription delivers, and reports deliveries
// that break the contract: out of order, two at a time, or with a Prev that
// leaves a gap.
type brokerInbox struct {
	t       *testing.T
	arrived chan struct{}
	busy    atomic.Bool // a delivery is going on

	mu       sync.Mutex
	last     hub.Position
	resynced int
	entries  []hub.Entry
}

func brokerSubscribe(t *testing.T, b hub.Broker, s hub.Stream) (*brokerInbox, func()) {
	t.Helper()
	in := &brokerInbox{t: t, arrived: make(chan struct{}, 1)}
	unsubscribe, err := b.Subscribe(t.Context(), s, in.deliver)
	assert.NoError(t, err)
	t.Cleanup(unsubscribe)
	return in, unsubscribe
}

func (in *brokerInbox) deliver(b hub.Batch) {
	if in.busy.Swap(true) {
		in.t.Error("two deliveries at a time")
	}
	defer in.busy.Store(false)
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case b.Resync:
		in.resynced++
		if len(b.Entries) > 0 {
			in.t.Error("a resync has entries")
		}
		in.last = hub.Position{}
	case len(b.Entries) == 0:
		in.t.Error("a delivery without entries")
	case b.Epoch == "": // a stream without positions
		for _, e := range b.Entries {
			if e.Offset != 0 {
				in.t.Errorf("offset %d in no epoch", e.Offset)
			}
		}
	default:
		in.chain(b)
	}
	in.entries = append(in.entries, b.Entries...)
	select {
	case in.arrived <- struct{}{}:
	default:
	}
}

// chain checks that the batch follows the one before.
func (in *brokerInbox) chain(b hub.Batch) {
	if in.last.Epoch != "" && (b.Epoch != in.last.Epoch || b.Prev != in.last.Offset) {
		in.t.Errorf("after %v came a batch of epoch %q with Prev %d", in.last, b.Epoch, b.Prev)
	}
	offset := b.Prev
	for _, e := range b.Entries {
		if e.Offset <= offset {
			in.t.Errorf("offset %d after %d", e.Offset, offset)
		}
		offset = e.Offset
	}
	in.last = hub.Position{Epoch: b.Epoch, Offset: offset}
}

func (in *brokerInbox) position() hub.Position {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.last
}

func (in *brokerInbox) count() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.entries)
}

// wait returns what was delivered once it is n entries or more.
func (in *brokerInbox) wait(t *testing.T, n int) []hub.Entry {
	t.Helper()
	var entries []hub.Entry
	in.until(t, fmt.Sprintf("%d entries", n), func() bool {
		entries = slices.Clone(in.entries)
		return len(entries) >= n
	})
	return entries
}

// waitResync returns once the subscription was told n times that the
// connection was lost.
func (in *brokerInbox) waitResync(t *testing.T, n int) {
	t.Helper()
	in.until(t, fmt.Sprintf("%d resyncs", n), func() bool { return in.resynced >= n })
}

// until returns once done, which is called under the lock, is true.
func (in *brokerInbox) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), brokerPatience)
	defer cancel()
	for {
		in.mu.Lock()
		ok, got := done(), len(in.entries)
		in.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-in.arrived:
		case <-ctx.Done():
			t.Fatalf("no %s in %v; %d entries were delivered", what, brokerPatience, got)
		}
	}
}

// brokerPoll returns once done is true, for what nobody announces.
func brokerPoll(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), brokerPatience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not in %v", what, brokerPatience)
		}
	}
}

// keeping returns a stream that keeps the newest messages, or none.
func keeping(name string, messages int) hub.Stream {
	if messages == 0 {
		return hub.Stream{Name: name}
	}
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
			entries[i] = hub.Entry{Key: brokerKey(d), Data: []byte(d)}
		}
		return entries, nil
	}}
}

// brokerKey returns the key of a message: of every sort, none among them.
func brokerKey(data string) string {
	switch data {
	case "0":
		return ""
	case "1":
		return "key\r\n\x00é 1"
	}
	return "key " + data[:1]
}

// brokerText writes entries as their data, checking their keys and order.
func brokerText(t *testing.T, entries []hub.Entry) string {
	t.Helper()
	words := make([]string, len(entries))
	for i, e := range entries {
		words[i] = string(e.Data)
		assert.Equal(t, e.Key, brokerKey(words[i]))
		if i > 0 && e.Offset != 0 && e.Offset <= entries[i-1].Offset {
			t.Errorf("offset %d after %d", e.Offset, entries[i-1].Offset)
		}
	}
	return strings.Join(words, " ")
}
