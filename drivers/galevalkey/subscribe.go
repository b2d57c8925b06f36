package galevalkey

import (
	"context"
	"fmt"
	"sync"

	"github.com/galeweb/gale/hub"
)

// channel is one that this node is subscribed to, or about to be.
type channel struct {
	name string
	refs int // under Broker.mu: subscriptions, and those who wait to be one

	setup    sync.Mutex // held over I/O
	receiver *receiver  // the one that is subscribed to it

	mu            sync.Mutex // held over deliveries
	subscriptions map[*func(hub.Batch)]struct{}
	marks         map[string]chan struct{}
}

// hold returns a channel that does not go away until drop; nil when it is not
// known and create is false.
func (b *Broker) hold(name string, create bool) *channel {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.channels[name]
	if c == nil {
		if !create {
			return nil
		}
		c = &channel{name: name, subscriptions: make(map[*func(hub.Batch)]struct{}), marks: make(map[string]chan struct{})}
		b.channels[name] = c
	}
	c.refs++
	return c
}

// Subscribe implements [hub.Broker].
func (b *Broker) Subscribe(ctx context.Context, s hub.Stream, deliver func(hub.Batch)) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	limited, cancel := b.limit(ctx)
	defer cancel()
	if err := b.awaitReceiver(limited); err != nil {
		return nil, explain(ctx, err)
	}
	c := b.hold(b.channel(s), true)
	if err := b.join(limited, c, &deliver); err != nil {
		b.drop(c)
		return nil, explain(ctx, err)
	}
	return sync.OnceFunc(func() {
		c.mu.Lock()
		delete(c.subscriptions, &deliver)
		c.mu.Unlock()
		b.drop(c)
	}), nil
}

// join adds a subscription, once the server has confirmed the channel's.
func (b *Broker) join(ctx context.Context, c *channel, deliver *func(hub.Batch)) error {
	c.setup.Lock()
	defer c.setup.Unlock()
	r := b.current()
	if r == nil {
		return fmt.Errorf("%w: no connection to receive on", hub.ErrBrokerLost)
	}
	if c.receiver != r {
		if err := r.subscribe(ctx, c.name); err != nil {
			return err
		}
		c.receiver = r
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscriptions[deliver] = struct{}{}
	return nil
}

// drop ends a hold. The last one has the server forget the channel.
func (b *Broker) drop(c *channel) {
	b.mu.Lock()
	if c.refs > 1 {
		c.refs--
		b.mu.Unlock()
		return
	}
	b.mu.Unlock()

	// It stays known until the server has forgotten it, so that who comes
	// meanwhile subscribes after that and not before.
	c.setup.Lock()
	defer c.setup.Unlock()
	b.mu.Lock()
	c.refs--
	last, r := c.refs == 0, b.receiver
	b.mu.Unlock()
	if !last {
		return
	}
	if c.receiver != nil && c.receiver == r {
		limited, cancel := b.limit(b.running)
		r.unsubscribe(limited, c.name)
		cancel()
	}
	c.receiver = nil
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.refs == 0 {
		delete(b.channels, c.name)
	}
}

// lookup returns a channel for what has arrived, or nil.
func (b *Broker) lookup(name string) *channel {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.channels[name]
}

// receive hands on a message. The receiver calls it in order.
func (c *channel) receive(text string) (ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if text != "" && text[0] == ' ' {
		if mark := c.marks[text]; mark != nil {
			close(mark)
			delete(c.marks, text)
		}
		return true // or another node's
	}
	batch, ok := decodeBatch(text)
	if ok {
		c.deliverLocked(batch)
	}
	return ok
}

// resync says that messages may have been lost. The receiver calls it when the
// server has confirmed a channel, before the first message.
func (c *channel) resync() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deliverLocked(hub.Batch{Resync: true})
}

func (c *channel) deliverLocked(batch hub.Batch) {
	for deliver := range c.subscriptions {
		(*deliver)(batch)
	}
}

// expect returns what is closed when the mark arrives.
func (c *channel) expect(mark string) (<-chan struct{}, func()) {
	arrived := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marks[mark] = arrived
	return arrived, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.marks, mark)
	}
}
