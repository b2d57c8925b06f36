package hub

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/galeweb/gale/ws"
)

// subscriber is one end of a feed.
type subscriber interface {
	// deliver is called in order, never twice at a time, and does not block.
	deliver(b *burst)
	// shut ends the subscription from the hub's side.
	shut(cause error)
}

// feed is this node's one subscription to a name at the broker, and all who
// share it.
type feed struct {
	h     *Hub
	topic *topic
	name  string
	refs  int // under Hub.mu

	setup       sync.Mutex // held over the broker's I/O
	unsubscribe func()

	mu          sync.Mutex
	subscribers map[subscriber]struct{}
	closed      bool
}

// burst is what one frame carries to all subscribers of a feed.
type burst struct {
	name     string
	epoch    string
	entries  []Entry
	prepared *ws.Prepared
}

// frameBytes is about how much data goes into one frame.
const frameBytes = 64 << 10

// frame is encoded for the first who needs it.
func (b *burst) frame() *ws.Prepared {
	if b.prepared == nil {
		b.prepared = prepare(appendMessages(nil, b.name, b.epoch, 0, b.entries))
	}
	return b.prepared
}

// retain returns the feed of name, open; the caller adds itself and leaves, or
// releases it.
func (h *Hub) retain(ctx context.Context, t *topic, name string) (*feed, error) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, ErrClosed
	}
	f := h.feeds[name]
	if f == nil {
		f = &feed{h: h, topic: t, name: name, subscribers: make(map[subscriber]struct{})}
		h.feeds[name] = f
	}
	f.refs++
	h.mu.Unlock()
	if err := f.open(ctx); err != nil {
		h.release(f)
		return nil, err
	}
	return f, nil
}

// add is false when the hub is being drained.
func (f *feed) add(s subscriber) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.subscribers[s] = struct{}{}
	f.topic.subscriptions.Inc()
	return true
}

func (f *feed) leave(s subscriber) {
	f.mu.Lock()
	delete(f.subscribers, s)
	f.mu.Unlock()
	f.topic.subscriptions.Dec()
	f.h.release(f)
}

func (h *Hub) release(f *feed) {
	h.mu.Lock()
	f.refs--
	last := f.refs == 0
	if last {
		delete(h.feeds, f.name)
	}
	h.mu.Unlock()
	if !last {
		return
	}
	f.setup.Lock()
	defer f.setup.Unlock()
	if f.unsubscribe != nil {
		f.unsubscribe()
	}
}

func (f *feed) open(ctx context.Context) error {
	f.setup.Lock()
	defer f.setup.Unlock()
	if f.unsubscribe != nil {
		return nil
	}
	unsubscribe, err := f.h.broker.Subscribe(ctx, f.topic.stream(f.name), f.deliver)
	f.unsubscribe = unsubscribe
	return err
}

func (f *feed) deliver(b Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for rest := b.Entries; len(rest) > 0; {
		n := fit(rest)
		burst := &burst{name: f.name, epoch: b.Epoch, entries: rest[:n]}
		for s := range f.subscribers {
			s.deliver(burst)
		}
		rest = rest[n:]
	}
}

// fit returns how many of the entries go into one frame, at least one.
func fit(entries []Entry) int {
	size := 0
	for i := range entries {
		if size += len(entries[i].Data); size > frameBytes && i > 0 {
			return i
		}
	}
	return len(entries)
}

// close lets nobody in any more and ends those who are.
func (f *feed) close(cause error) {
	f.mu.Lock()
	f.closed = true
	all := slices.Collect(maps.Keys(f.subscribers))
	f.mu.Unlock()
	for _, s := range all {
		s.shut(cause)
	}
}
