package hubclient

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/go-json-experiment/json"

	"github.com/galeweb/gale/hub"
)

// Event is one message for a subscriber.
type Event[T any] struct {
	// Position is zero on a topic that has none.
	Position hub.Position
	Value    T
}

// Subscription is a subscription to one topic.
type Subscription[T any] struct {
	*inbox
	stop func() bool
}

// Subscribe subscribes to a topic until ctx ends or [Subscription.Close]. It
// returns at once: the server is asked when there is a connection, and again
// whenever there is a new one, and its refusal comes from
// [Subscription.Messages]. A second subscription to a topic is
// [ErrSubscribed].
func Subscribe[T any](ctx context.Context, c *Client, topic string, o SubscribeOptions) (*Subscription[T], error) {
	b := &inbox{c: c, topic: topic, o: o, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	if o.From != nil {
		b.at = *o.From
	}
	if err := c.subscribe(b); err != nil {
		return nil, fmt.Errorf("hubclient: subscribe to %q: %w", topic, err)
	}
	stop := context.AfterFunc(ctx, func() { b.leave(context.Cause(ctx)) })
	return &Subscription[T]{b, stop}, nil
}

func (c *Client) subscribe(b *inbox) error {
	c.mu.Lock()
	switch {
	case c.subs == nil:
		c.mu.Unlock()
		return context.Cause(c.ctx)
	case c.subs[b.topic] != nil:
		c.mu.Unlock()
		return ErrSubscribed
	}
	c.subs[b.topic] = b
	if c.conn != nil {
		c.out = append(c.out, frame{data: b.request()})
	}
	c.mu.Unlock()
	c.flush()
	return nil
}

// Messages returns the messages as they come. Among them is a [*LostError]
// where some are missing, and an error where one is not a T; others follow
// both. Any other error is the last: an [*Error] of the server, the cause of
// ctx, [ErrClosed] or an [ErrRefused]. After Close it ends silently. One loop
// at a time.
func (s *Subscription[T]) Messages() iter.Seq2[Event[T], error] {
	return func(yield func(Event[T], error) bool) {
		for {
			l, ok, err := s.next()
			switch {
			case err != nil:
				s.stop()
				if !errors.Is(err, errLeft) {
					yield(Event[T]{}, err)
				}
				return
			case !ok:
				<-s.wake
				continue
			}
			e := Event[T]{Position: l.at}
			if l.lost != nil {
				err = l.lost
			} else if err = json.Unmarshal(l.data, &e.Value); err != nil {
				err = fmt.Errorf("hubclient: message %d of %q: %w", l.at.Offset, s.topic, err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

var errLeft = errors.New("hubclient: subscription was closed")

// Close ends the subscription. It may be called more than once.
func (s *Subscription[T]) Close() {
	s.stop()
	s.leave(errLeft)
}
