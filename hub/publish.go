package hub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/galeweb/gale/internal/backoff"
)

// Publish sends v to everyone who subscribed to name and returns its position.
// It does not wait for them. v is encoded as JSON, once, and only when someone
// listens or history is kept; without both the cost is a look-up.
//
// While the broker is lost, which Options.PublishWait waits for, v reaches only
// the subscribers of this node, without a position, and the error is
// [ErrBrokerLost]. When it is back, those of other nodes are told that they have
// missed something.
func (t *Topic[T]) Publish(ctx context.Context, name string, v T) (Position, error) {
	return t.PublishBatch(ctx, name, v)
}

// PublishBatch publishes all of vs in order, in few frames: for bursts. It
// returns the position of the last one; none of vs is a no-op.
func (t *Topic[T]) PublishBatch(ctx context.Context, name string, vs ...T) (Position, error) {
	if err := t.check(name); err != nil {
		return Position{}, err
	}
	if len(vs) == 0 {
		return Position{}, nil
	}
	o := once{encode: func() ([]Entry, error) { return t.encode(vs) }}
	pos, err := t.publish(ctx, name, Publication{Count: len(vs), Encode: o.entries})
	if err != nil {
		return Position{}, fmt.Errorf("hub: publish to %q: %w", name, err)
	}
	t.published.Add(float64(len(vs)))
	return pos, nil
}

func (t *Topic[T]) encode(vs []T) ([]Entry, error) {
	entries := make([]Entry, len(vs))
	for i, v := range vs {
		data, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		entries[i].Data = data
		if t.key != nil {
			entries[i].Key = t.key(v)
		}
	}
	return entries, nil
}

// once encodes once, however often a publication is tried.
type once struct {
	encode func() ([]Entry, error)
	done   bool
	result []Entry
	err    error
}

func (o *once) entries() ([]Entry, error) {
	if !o.done {
		o.done = true
		o.result, o.err = o.encode()
	}
	return o.result, o.err
}

// errLocalOnly is what a publisher is told besides [ErrBrokerLost].
var errLocalOnly = errors.New("subscribers of other nodes did not get it")

// publish tries until PublishWait is over, then serves this node.
func (t *topic) publish(ctx context.Context, name string, p Publication) (Position, error) {
	pos, err := t.h.broker.Publish(ctx, t.stream(name), p)
	t.h.metrics.broker(err)
	if !errors.Is(err, ErrBrokerLost) {
		return pos, err
	}
	if t.h.o.PublishWait > 0 {
		within, cancel := context.WithTimeout(ctx, t.h.o.PublishWait)
		defer cancel()
		wait := backoff.Backoff{Least: 50 * time.Millisecond, Most: time.Second}
		for wait.Pause(within) {
			if pos, err = t.h.broker.Publish(within, t.stream(name), p); !errors.Is(err, ErrBrokerLost) {
				return pos, err
			}
		}
	}
	if t.inner {
		return Position{}, err
	}
	if f := t.h.feed(name); f != nil {
		entries, encodeErr := p.Encode()
		if encodeErr != nil {
			return Position{}, encodeErr
		}
		f.deliverHere(entries)
	}
	t.h.confess(name)
	return Position{}, fmt.Errorf("%w; %w", err, errLocalOnly)
}

// maxLost is how many names are remembered of which others missed messages.
const maxLost = 10_000

// confess has the other nodes told, once the broker is back, that name has
// messages which they did not get, so that their subscribers load it afresh.
func (h *Hub) confess(name string) {
	h.lostMu.Lock()
	defer h.lostMu.Unlock()
	if h.lost == nil {
		h.lost = make(map[string]struct{})
		if !h.spawn(h.confessAll) {
			return
		}
	}
	if len(h.lost) < maxLost {
		h.lost[name] = struct{}{}
	}
}

func (h *Hub) confessAll(ctx context.Context) {
	wait := backoff.Backoff{Least: 100 * time.Millisecond, Most: 5 * time.Second}
	for wait.Pause(ctx) {
		h.lostMu.Lock()
		names := slices.Collect(maps.Keys(h.lost))
		if len(names) == 0 {
			h.lost = nil // the next loss begins anew
		}
		h.lostMu.Unlock()
		if len(names) == 0 {
			return
		}
		for _, name := range names {
			h.lostMu.Lock()
			delete(h.lost, name) // what is lost from here on is lost again
			h.lostMu.Unlock()
			within, cancel := context.WithTimeout(ctx, brokerTimeout)
			err := h.order(within, order{Lost: name})
			cancel()
			if err != nil {
				h.confess(name)
				break
			}
		}
	}
}

// missed tells those who subscribed that they did not get everything.
func (f *feed) missed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known {
		f.lose(f.at)
	}
}

// deliverHere passes on what the broker did not take. The entries have no
// position, so that they neither fill a gap nor make one.
func (f *feed) deliverHere(entries []Entry) {
	here := make([]Entry, len(entries))
	for i, e := range entries {
		here[i] = Entry{Key: e.Key, Data: e.Data}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fan("", here)
}

// feed returns the feed of name, if anybody on this node has subscribed.
func (h *Hub) feed(name string) *feed {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.feeds[name]
}
