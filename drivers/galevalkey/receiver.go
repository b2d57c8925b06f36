package galevalkey

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/hub"
)

// receiver is a connection on which messages arrive. It is used until it is
// lost; the next one subscribes to the channels again.
type receiver struct {
	client valkey.DedicatedClient
	lost   <-chan error // closed when no callback comes any more
}

func (r *receiver) subscribe(ctx context.Context, channels ...string) error {
	return r.client.Do(ctx, r.client.B().Subscribe().Channel(channels...).Build()).Error()
}

// unsubscribe needs no answer: on a connection that is lost nothing is left to
// be forgotten.
func (r *receiver) unsubscribe(ctx context.Context, channel string) {
	_ = r.client.Do(ctx, r.client.B().Unsubscribe().Channel(channel).Build()).Error()
}

// current returns the receiver, or nil while it is lost.
func (b *Broker) current() *receiver {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.receiver
}

// awaitReceiver starts receiving, the first time, and waits until there is a
// receiver or the server was not reached.
func (b *Broker) awaitReceiver(ctx context.Context) error {
	b.start.Do(func() { go b.receive() })
	for {
		b.mu.Lock()
		receiver, tried, changed := b.receiver, b.tried, b.changed
		b.mu.Unlock()
		switch {
		case b.running.Err() != nil:
			return fmt.Errorf("%w: the broker is closed", hub.ErrBrokerLost)
		case receiver != nil:
			return nil
		case tried:
			return fmt.Errorf("%w: no connection to receive on", hub.ErrBrokerLost)
		}
		select {
		case <-changed:
		case <-b.running.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *Broker) setReceiver(r *receiver) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.receiver, b.tried = r, true
	close(b.changed)
	b.changed = make(chan struct{})
}

// receive has a receiver connected until Close.
func (b *Broker) receive() {
	defer close(b.ended)
	wait := time.Duration(0)
	for b.running.Err() == nil {
		r, err := b.connect()
		if err != nil {
			b.setReceiver(nil)
			if wait == 0 {
				b.logger.Warn("valkey: lost; trying again", "error", err)
			}
			wait = min(max(2*wait, 50*time.Millisecond), 2*time.Second)
			b.pause(wait/2 + rand.N(wait))
			continue
		}
		if wait > 0 {
			b.logger.Info("valkey: back")
			wait = 0
		}
		b.setReceiver(r)
		if err := b.resubscribe(r); err != nil {
			r.client.Close()
		}
		b.attend(r)
		b.setReceiver(nil)
		r.client.Close()
		<-r.lost
	}
}

// lookEvery is how often a receiver is compared with what sentinels say.
const lookEvery = 5 * time.Second

// attend returns when r is lost, or Close was called, or r is of no use any more.
func (b *Broker) attend(r *receiver) {
	var look <-chan time.Time
	if b.client.Mode() == valkey.ClientModeSentinel {
		t := time.NewTicker(lookEvery)
		defer t.Stop()
		look = t.C
	}
	for {
		select {
		case <-r.lost:
			return
		case <-b.running.Done():
			return
		case <-look:
			if b.strayed(r) {
				b.logger.Warn("valkey: the sentinels have another primary; going there")
				return
			}
		}
	}
}

// strayed reports whether r is at another server than what is published: an old
// primary may be cut off from the sentinels, and reached from here all the same.
func (b *Broker) strayed(r *receiver) bool {
	ctx, cancel := b.limit(b.running)
	defer cancel()
	read, err1 := b.scripts.life.run(ctx, r.client, nil).ToString()
	written, err2 := b.scripts.life.run(ctx, b.client, nil).ToString()
	return err1 == nil && err2 == nil && read != written
}

func (b *Broker) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-b.running.Done():
	}
}

func (b *Broker) connect() (*receiver, error) {
	ctx, cancel := b.limit(b.running)
	defer cancel()
	node := b.client
	if b.cluster {
		for _, n := range b.client.Nodes() { // in random order
			node = n
			break
		}
	}
	client, _ := node.Dedicate()
	r := &receiver{client: client}
	r.lost = client.SetPubSubHooks(valkey.PubSubHooks{
		OnMessage: func(m valkey.PubSubMessage) {
			if c := b.lookup(m.Channel); c != nil && !c.receive(m.Message) {
				b.logger.Error("valkey: a message is not one of gale's", "channel", m.Channel)
			}
		},
		OnSubscription: func(s valkey.PubSubSubscription) {
			if c := b.lookup(s.Channel); c != nil && s.Kind == "subscribe" {
				c.resync()
			}
		},
	})
	if err := client.Do(ctx, client.B().Ping().Build()).Error(); err != nil {
		client.Close()
		<-r.lost
		return nil, err
	}
	return r, nil
}

// resubscribe subscribes to the channels of the receiver before. Who comes
// meanwhile is subscribed by itself.
func (b *Broker) resubscribe(r *receiver) error {
	b.mu.Lock()
	all := make([]*channel, 0, len(b.channels))
	for _, c := range b.channels {
		all = append(all, c)
	}
	b.mu.Unlock()
	for len(all) > 0 {
		n := min(len(all), 256) // in one command
		if err := b.resubscribeSome(r, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// resubscribeSome holds the setup of several channels. Everybody else holds
// one only, and for a limited time.
func (b *Broker) resubscribeSome(r *receiver, channels []*channel) error {
	ctx, cancel := b.limit(b.running)
	defer cancel()
	var names []string
	for _, c := range channels {
		c.setup.Lock()
		defer c.setup.Unlock()
		b.mu.Lock()
		wanted := c.refs > 0
		b.mu.Unlock()
		if wanted && c.receiver != r {
			names = append(names, c.name)
			c.receiver = r
		}
	}
	if len(names) == 0 {
		return nil
	}
	return r.subscribe(ctx, names...)
}
