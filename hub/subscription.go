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

	mu    sync.Mutex
	queue queue
	err   error
}

// Subscribe subscribes to name until ctx ends or [Subscription.Close]. It does
// not ask Authorize: the caller is the application. Events wait in a queue, by
// the topic's policy, for [Subscription.Messages]; no goroutine is needed.
func (t *Topic[T]) Subscribe(ctx context.Context, name string, o SubscribeOptions) (*Subscription[T], error) {
	if err := t.check(name); err != nil {
		return nil, err
	}
	s := &Subscription[T]{local: &local{
		wake:  make(chan struct{}, 1),
		queue: queue{limit: t.queue, policy: t.policy},
	}}
	feed, err := t.h.retain(ctx, t.topic, name)
	if err != nil {
		return nil, fmt.Errorf("hub: subscribe to %q: %w", name, err)
	}
	s.local.feed = feed
	if !feed.add(s.local) {
		t.h.release(feed)
		return nil, fmt.Errorf("hub: subscribe to %q: %w", name, ErrClosed)
	}
	history, start, err := t.catchUp(ctx, name, o.From, o.Recent)
	if err != nil {
		s.local.shut(err)
		return nil, fmt.Errorf("hub: subscribe to %q: %w", name, err)
	}
	s.Start, s.Recovered = start, history.Recovered
	s.local.mu.Lock()
	s.local.queue.begin(history)
	s.local.mu.Unlock()
	s.local.stop = context.AfterFunc(ctx, func() { s.local.shut(context.Cause(ctx)) })
	return s, nil
}

// Messages returns the events as they come. It ends silently after Close, and
// otherwise with the cause: that of ctx, [ErrSlow] or [ErrClosed]. An event
// that is not a T is an error too, after which others follow. One loop at a
// time.
func (s *Subscription[T]) Messages() iter.Seq2[Event[T], error] {
	return func(yield func(Event[T], error) bool) {
		for {
			it, missed, ok, err := s.next()
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
	switch {
	case l.err != nil:
		return item{}, 0, false, l.err
	case len(l.queue.items) == 0:
		return item{}, 0, false, nil
	}
	it, missed = l.queue.items[0], l.queue.missed
	l.queue.drop(1)
	l.queue.missed = 0
	return it, missed, true, nil
}

// deliver implements subscriber.
func (l *local) deliver(b *burst) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	for _, e := range b.entries {
		dropped, ok := l.queue.push(item{b.epoch, e})
		if !ok {
			l.endLocked(ErrSlow)
			return
		}
		l.feed.topic.dropped.Add(float64(dropped))
	}
	l.wakeUp()
}

// shut implements subscriber.
func (l *local) shut(cause error) {
	l.mu.Lock()
	l.endLocked(cause)
	l.mu.Unlock()
	l.once.Do(func() { l.feed.leave(l) })
}

func (l *local) endLocked(cause error) {
	if l.err == nil {
		l.err = cause
		l.queue.items = nil
	}
	l.wakeUp()
}

func (l *local) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
