package hub

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"
)

// TopicOptions are the options of [NewTopic].
type TopicOptions[T any] struct {
	// History is how many messages are kept for each name, for recovery.
	// Defaults to none. Each is kept encoded, in memory with [MemoryBroker].
	History int
	// HistoryAge is how long they are kept at most; negative is without limit.
	// Defaults to 1 hour.
	HistoryAge time.Duration
	// Queue is how many messages may wait for one subscriber, besides a few
	// frames on their way to the network. Defaults to 256.
	Queue int
	// Policy is for subscribers whose queue is full. Defaults to [DropOldest].
	Policy Policy
	// Key says what [Conflate] conflates; it needs one.
	Key func(T) string
	// Authorize says whether someone on the network may subscribe to a name;
	// ctx has the values of the connection's request (user, session), and
	// params the segments that the pattern names. It returns [ErrForbidden] to
	// refuse; any other error refuses too, is logged, and told to the client
	// as a failure to try again after. Defaults to refusing everyone.
	Authorize func(ctx context.Context, name string, params map[string]string) error
}

// AllowAll is an Authorize that lets everyone subscribe, signed in or not.
func AllowAll(context.Context, string, map[string]string) error { return nil }

// Topic is a set of names, each with its stream of values of type T.
type Topic[T any] struct {
	*topic
	key func(T) string
}

// topic is what of a Topic does not depend on its type.
type topic struct {
	h         *Hub
	label     string
	pattern   pattern
	keep      Retention
	queue     int
	policy    Policy
	authorize func(context.Context, string, map[string]string) error

	subscriptions prometheus.Gauge
	published     prometheus.Counter
	dropped       prometheus.Counter
}

// NewTopic adds a topic to h. Names are segments of letters, digits and
// -_.~:@ joined by slashes; in the pattern a segment in braces, as in
// "packets/{channel}", stands for any. It panics when the pattern is wrong or
// overlaps another topic's, or the options contradict themselves.
func NewTopic[T any](h *Hub, pattern string, o TopicOptions[T]) *Topic[T] {
	switch {
	case o.History < 0 || o.Queue < 0:
		panic(fmt.Sprintf("hub: topic %q has a negative History or Queue; leave it 0 for the default", pattern))
	case o.Policy == Conflate && o.Key == nil:
		panic(fmt.Sprintf("hub: topic %q has Conflate without a Key; set TopicOptions.Key", pattern))
	case o.Policy < DropOldest || o.Policy > CloseSlow:
		panic(fmt.Sprintf("hub: topic %q has an unknown Policy; use DropOldest, Conflate or CloseSlow", pattern))
	}
	t := &topic{
		h:             h,
		label:         pattern,
		pattern:       parsePattern(pattern),
		keep:          Retention{Messages: o.History, Age: max(o.HistoryAge, 0)},
		queue:         o.Queue,
		policy:        o.Policy,
		authorize:     o.Authorize,
		subscriptions: h.metrics.subscriptions.WithLabelValues(pattern),
		published:     h.metrics.published.WithLabelValues(pattern),
		dropped:       h.metrics.dropped.WithLabelValues(pattern),
	}
	if o.HistoryAge == 0 {
		t.keep.Age = time.Hour
	}
	if t.queue == 0 {
		t.queue = 256
	}
	if t.authorize == nil {
		t.authorize = func(context.Context, string, map[string]string) error { return ErrForbidden }
	}
	h.register(t)
	return &Topic[T]{topic: t, key: o.Key}
}

func (t *topic) stream(name string) Stream { return Stream{name, t.keep} }

// check returns an error for a name that is not the topic's.
func (t *topic) check(name string) error {
	if !validName(name) || !t.pattern.matches(name) {
		return fmt.Errorf("%w: %.200q is not like %q", ErrName, name, t.label)
	}
	return nil
}

// Publish sends v to everyone who subscribed to name and returns its position.
// It does not wait for them. v is encoded as JSON, once, and only when someone
// listens or history is kept; without both the cost is a look-up.
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
	pos, err := t.h.broker.Publish(ctx, t.stream(name), Publication{
		Count:  len(vs),
		Encode: func() ([]Entry, error) { return t.encode(vs) },
	})
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

// Position returns where name stands now. A page that renders the state and
// subscribes from the position taken before misses nothing.
func (t *Topic[T]) Position(ctx context.Context, name string) (Position, error) {
	if err := t.check(name); err != nil {
		return Position{}, err
	}
	history, err := t.h.broker.History(ctx, t.stream(name), nil, 0)
	if err != nil {
		return Position{}, fmt.Errorf("hub: position of %q: %w", name, err)
	}
	return history.Top, nil
}

// catchUp asks the broker for what a new subscriber wants first, and returns
// it with the position before the first message that he will get.
func (t *topic) catchUp(ctx context.Context, name string, from *Position, recent int) (History, Position, error) {
	limit := t.keep.Messages
	if from == nil {
		limit = min(recent, limit)
	}
	history, err := t.h.broker.History(ctx, t.stream(name), from, limit)
	if err != nil {
		return History{}, Position{}, err
	}
	return history, Position{history.Top.Epoch, history.Prev}, nil
}
