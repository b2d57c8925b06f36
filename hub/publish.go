package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	encode := sync.OnceValues(func() ([]Entry, error) { return t.encode(vs) }) // however often it is tried
	pos, err := t.publish(ctx, name, Publication{Count: len(vs), Encode: encode})
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
	if t.h.lost.Add(name) {
		t.h.spawn(t.h.confess)
	}
	return Position{}, fmt.Errorf("%w; %w", err, errLocalOnly)
}

// maxLost is how many names are remembered of which others missed messages.
const maxLost = 10_000

// confess tells the other nodes, once the broker is back, of the topics that have
// messages which they did not get, so that their subscribers load them afresh.
func (h *Hub) confess(ctx context.Context) {
	wait := backoff.Backoff{Least: 100 * time.Millisecond, Most: 5 * time.Second}
	for wait.Pause(ctx) {
		for {
			name, ok := h.lost.Take()
			if !ok {
				return
			}
			within, cancel := context.WithTimeout(ctx, brokerTimeout)
			err := h.order(within, order{Lost: name})
			cancel()
			if err != nil {
				h.lost.Add(name)
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
