package hub

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/go-json-experiment/json"
)

// SubscribeOptions are the options of [Topic.Subscribe].
type SubscribeOptions struct {
	// From is the position of the last message that the subscriber has; what
	// came since is delivered first, if it is all still kept. Defaults to now.
	From *Position
	// Recent, without From, is how many messages of the history to begin with.
	Recent int
}

// Event is one message for a subscriber.
type Event[T any] struct {
	// Position is zero when the broker was lost, or keeps nothing, so that
	// there is none to resume from.
	Position Position
	Value    T
	// Missed is how many messages were dropped, or replaced by a newer one of
	// their key, since the event before.
	Missed uint64
}

// Subscription is a subscription in the process: for jobs and for transports.
type Subscription[T any] struct {
	// Start is the position before the first event to come.
	Start Position
	// Recovered says, when From was given, that nothing between it and the
	// first event is lost. When false, some or all of it is: load the state
	// afresh.
	Recovered bool

	*local
}

// local is what of a Subscription does not depend on its type.
type local struct {
	feed *feed
	stop func() bool
	once sync.Once
	wake chan struct{} // holds one token

	mu      sync.Mutex
	backlog backlog
	err     error
}

// Subscribe subscribes to name until ctx ends or [Subscription.Close]. It does
// not ask Authorize: the caller is the application. Events wait in a queue, by
// the topic's policy, for [Subscription.Messages]; no goroutine is needed.
func (t *Topic[T]) Subscribe(ctx context.Context, name string, o SubscribeOptions) (*Subscription[T], error) {
	if err := t.check(name); err != nil {
		return nil, err
	}
	s, err := newSubscription[T](ctx, t.topic, name, o)
	if err == nil {
		s.endWith(ctx)
	}
	return s, err
}

// newSubscription makes one for which ctx bounds only the call.
func newSubscription[T any](ctx context.Context, t *topic, name string, o SubscribeOptions) (*Subscription[T], error) {
	l := &local{wake: make(chan struct{}, 1), backlog: backlog{limit: t.queue, policy: t.policy}}
	h, err := l.join(ctx, t, name, o)
	if err != nil {
		return nil, fmt.Errorf("hub: subscribe to %q: %w", name, err)
	}
	return &Subscription[T]{Start: Position{h.Top.Epoch, h.Prev}, Recovered: o.From != nil && h.Recovered, local: l}, nil
}

// endWith ends the subscription when ctx ends.
func (l *local) endWith(ctx context.Context) {
	l.stop = context.AfterFunc(ctx, func() { l.shut(context.Cause(ctx)) })
}

func (l *local) join(ctx context.Context, t *topic, name string, o SubscribeOptions) (h History, err error) {
	if l.feed, err = t.h.retain(ctx, t, name); err != nil {
		return h, err
	}
	return l.feed.join(ctx, l, o.From, o.Recent)
}

// Messages returns the events as they come. It ends silently after Close, and
// otherwise with the cause: that of ctx, [ErrSlow] or [ErrClosed]. After two
// errors others follow: that of an event which is not a T, and [ErrGap]. One
// loop at a time.
func (s *Subscription[T]) Messages() iter.Seq2[Event[T], error] {
	return func(yield func(Event[T], error) bool) {
		for {
			it, missed, ok, err := s.next()
			if errors.Is(err, ErrGap) {
				if !yield(Event[T]{}, fmt.Errorf("%w of %q", err, s.feed.name)) {
					return
				}
				continue
			}
			if err != nil {
				s.Close()
				if !errors.Is(err, errLeft) {
					yield(Event[T]{}, err)
				}
				return
			}
			if !ok {
				<-s.wake
				continue
			}
			e := Event[T]{Position: Position{it.epoch, it.Offset}, Missed: missed}
			err = json.Unmarshal(it.Data, &e.Value)
			if err != nil {
				err = fmt.Errorf("hub: message %d of %q: %w", it.Offset, s.feed.name, err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

var errLeft = errors.New("hub: subscription was closed")

// Close ends the subscription. It may be called more than once.
func (s *Subscription[T]) Close() {
	s.stop()
	s.shut(errLeft)
}

func (l *local) next() (it item, missed uint64, ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := &l.backlog
	if l.err != nil {
		return item{}, 0, false, l.err
	}
	if _, gap := q.takeGap(); gap {
		return item{}, 0, false, ErrGap
	}
	if len(q.items) == 0 {
		return item{}, 0, false, nil
	}
	it, missed = q.items[0], q.missed
	q.missed = 0
	if q.drop(1); len(q.items) == 0 {
		l.feed.caughtUp(q)
	}
	return it, missed, true, nil
}

// deliver implements subscriber.
func (l *local) deliver(b *burst) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.backlog.admit(b) {
		l.pushLocked(item{epoch: b.epoch, Entry: e})
	}
	return false
}

// lose implements subscriber.
func (l *local) lose(to Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.backlog.knows(to) {
		l.pushLocked(item{epoch: to.Epoch, gap: true, Entry: Entry{Offset: to.Offset}})
	}
}

func (l *local) pushLocked(it item) {
	if l.err != nil {
		return
	}
	dropped, ok := l.backlog.push(it)
	if !ok {
		dropped = 1
	}
	if dropped > 0 {
		l.feed.lag(&l.backlog, dropped, func() string { return "" })
	}
	if !ok {
		l.endLocked(ErrSlow)
	}
	l.wakeUp()
}

// reset implements subscriber.
func (l *local) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backlog.reset()
}

// begin implements subscriber.
func (l *local) begin(h History, g guard) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.backlog.begin(h, g)
}

// shut ends the subscription from the hub's side.
func (l *local) shut(cause error) {
	l.mu.Lock()
	l.endLocked(cause)
	l.mu.Unlock()
	l.once.Do(func() { l.feed.leave(l) })
}

func (l *local) endLocked(cause error) {
	if l.err == nil {
		l.err = cause
		l.backlog.items = nil
		l.feed.caughtUp(&l.backlog)
	}
	l.wakeUp()
}

func (l *local) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
