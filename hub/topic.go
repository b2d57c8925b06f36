package hub

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/internal/topicname"
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
	// LastValue is for states, such as a temperature or a price: only the newest
	// message counts. It is kept for as long as the broker keeps anything, each
	// new subscriber gets it at once, and it takes the place of those that wait
	// for a slow one. It excludes History, HistoryAge and Policy. Defaults to
	// false.
	LastValue bool
	// Presence has the hub know who on the network has subscribed to each name,
	// for [Topic.Presence] and for clients that ask to be told; whoever may
	// subscribe may ask. Defaults to false.
	Presence bool
	// PresenceCounts is Presence of which clients are told only how many there
	// are, within a second, and never who: for names that strangers may
	// subscribe to. Defaults to false.
	PresenceCounts bool
	// Key says what [Conflate] conflates; it needs one.
	Key func(T) string
	// Authorize says whether someone on the network may subscribe to a name;
	// ctx has the values of the connection's request (user, session) and ends
	// after 10 s, and params has the segments that the pattern names. It
	// returns [ErrForbidden] to refuse; any other error refuses too, is logged,
	// and told to the client as a failure to try again after. Defaults to
	// refusing everyone.
	//
	// [Hub.Recheck] asks again while a subscription lasts. What ctx carries is
	// then as old as the connection: take from it who the user is, and look up
	// anew what he may.
	Authorize func(ctx context.Context, name string, params map[string]string) error
}

const defaultQueue = 256

// AllowAll is an Authorize that lets everyone subscribe, signed in or not.
func AllowAll(context.Context, string, map[string]string) error { return nil }

// MaxName is the length of the longest topic name, in bytes.
const MaxName = topicname.Max

// Topic is a set of names, each with its stream of values of type T.
type Topic[T any] struct {
	*topic
	key func(T) string
}

// topic is what of a Topic does not depend on its type.
type topic struct {
	h          *Hub
	label      string
	pattern    topicname.Pattern
	keep       Retention
	queue      int
	policy     Policy
	lastValue  bool
	presence   bool
	countsOnly bool // of presence, clients are told no more
	inner      bool // the hub's own
	authorize  func(context.Context, string, map[string]string) error
	slowTold   atomic.Int64 // when the log was told of a slow subscriber, in Unix seconds

	subscriptions, slowNow, present     prometheus.Gauge
	published, delivered, dropped, slow prometheus.Counter
}

// NewTopic adds a topic to h. Names are segments of letters, digits and
// -_.~:@ joined by slashes; in the pattern a segment in braces, as in
// "packets/{channel}", stands for any. It panics when the pattern is wrong or
// overlaps another topic's, or the options contradict themselves.
func NewTopic[T any](h *Hub, pattern string, o TopicOptions[T]) *Topic[T] {
	switch {
	case o.LastValue && (o.History != 0 || o.HistoryAge != 0 || o.Policy != DropOldest):
		panic(fmt.Sprintf("hub: topic %q has LastValue with History, HistoryAge or Policy; leave them out", pattern))
	case o.History < 0 || o.Queue < 0:
		panic(fmt.Sprintf("hub: topic %q has a negative History or Queue; leave it 0 for the default", pattern))
	case o.Policy == Conflate && o.Key == nil:
		panic(fmt.Sprintf("hub: topic %q has Conflate without a Key; set TopicOptions.Key", pattern))
	case o.Policy < DropOldest || o.Policy > CloseSlow:
		panic(fmt.Sprintf("hub: topic %q has an unknown Policy; use DropOldest, Conflate or CloseSlow", pattern))
	}
	t := newTopic(h, h.metrics, pattern)
	t.pattern = topicname.Parse(pattern)
	t.keep = Retention{Messages: o.History, Age: max(o.HistoryAge, 0)}
	if o.HistoryAge == 0 {
		t.keep.Age = time.Hour
	}
	t.queue = cmp.Or(o.Queue, defaultQueue)
	t.policy, t.presence, t.countsOnly = o.Policy, o.Presence || o.PresenceCounts, o.PresenceCounts
	if t.authorize = o.Authorize; t.authorize == nil {
		t.authorize = func(context.Context, string, map[string]string) error { return ErrForbidden }
	}
	if o.LastValue {
		// All messages have one key, so that the newest takes the others' place.
		t.lastValue, t.policy, t.keep, o.Key = true, Conflate, Retention{Messages: 1}, nil
	}
	h.register(t)
	return &Topic[T]{topic: t, key: o.Key}
}

// newTopic returns a topic that keeps nothing and matches no name.
func newTopic(h *Hub, m *metrics, label string) *topic {
	return &topic{
		h:             h,
		label:         label,
		queue:         defaultQueue,
		subscriptions: m.subscriptions.WithLabelValues(label),
		slowNow:       m.slowNow.WithLabelValues(label),
		present:       m.present.WithLabelValues(label),
		published:     m.published.WithLabelValues(label),
		delivered:     m.delivered.WithLabelValues(label),
		dropped:       m.dropped.WithLabelValues(label),
		slow:          m.slow.WithLabelValues(label),
	}
}

func (t *topic) stream(name string) Stream { return Stream{name, t.keep} }

// check returns an error for a name that is not the topic's.
func (t *topic) check(name string) error {
	if !topicname.Valid(name) || !t.pattern.Matches(name) {
		return fmt.Errorf("%w: %.200q is not like %q", ErrName, name, t.label)
	}
	return nil
}

// Position returns where name stands now. A page that renders the state and
// subscribes from the position taken before misses nothing.
func (t *Topic[T]) Position(ctx context.Context, name string) (Position, error) {
	if err := t.check(name); err != nil {
		return Position{}, err
	}
	history, err := t.h.broker.History(ctx, t.stream(name), nil, 0)
	if t.h.metrics.broker(err); err != nil {
		return Position{}, fmt.Errorf("hub: position of %q: %w", name, err)
	}
	return history.Top, nil
}

// history asks the broker for what came after from or, without it, for the
// newest messages. Of a last value the newest is all that anybody wants.
func (t *topic) history(ctx context.Context, name string, from *Position, recent int) (History, error) {
	limit := t.keep.Messages
	if from == nil && !t.lastValue {
		limit = min(recent, limit)
	}
	h, err := t.h.broker.History(ctx, t.stream(name), from, limit)
	if err == nil && t.lastValue && from != nil && !h.Recovered {
		h, err = t.h.broker.History(ctx, t.stream(name), nil, limit)
		h.Recovered = true
	}
	t.h.metrics.broker(err)
	return h, err
}
