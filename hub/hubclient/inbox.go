package hubclient

import (
	"context"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/galeweb/gale/hub"
)

// inbox is what of a Subscription does not depend on its type: where it
// stands, and what waits to be read.
type inbox struct {
	c     *Client
	topic string
	o     SubscribeOptions
	wake  chan struct{} // holds a token when there is something to read
	room  chan struct{} // holds a token when something was read

	presence Presence // of the client's goroutine

	mu     sync.Mutex
	at     hub.Position // of the last message that came
	begun  bool         // was subscribed once: the next time is a resumption
	queue  []letter
	err    error       // why it is over
	closed bool        // by the subscriber, who wants no more
	retry  *time.Timer // runs while the topic is unavailable
}

// letter is a message, or a notice that some are missing.
type letter struct {
	at   hub.Position
	data jsontext.Value
	lost *LostError
}

// request returns what asks for the subscription.
func (b *inbox) request() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := outgoing{Type: "subscribe", Topic: b.topic, Presence: b.o.Presence != nil}
	switch {
	case b.at.Epoch != "":
		m.Epoch, m.Offset = b.at.Epoch, &b.at.Offset
	case !b.begun:
		m.Recent = b.o.Recent
	}
	return m.encode()
}

// take takes a message of the topic.
func (b *inbox) take(in *incoming) {
	switch in.Type {
	case "subscribed":
		b.subscribed(in)
	case "messages":
		b.messages(in)
	case "presence", "joined", "left":
		if b.o.Presence != nil {
			b.presence = b.presence.next(in)
			b.o.Presence(b.presence)
		}
	}
}

func (b *inbox) subscribed(in *incoming) {
	b.mu.Lock()
	defer b.mu.Unlock()
	resumed := in.Recovered != nil && *in.Recovered
	lost := b.begun && !resumed || in.Recovered != nil && !resumed
	// Behind a place in the same stream nothing that came comes again. What did
	// not resume counts from where the server says.
	if !resumed || in.Epoch != b.at.Epoch || in.Offset > b.at.Offset {
		b.at = hub.Position{Epoch: in.Epoch, Offset: in.Offset}
	}
	b.begun = true
	if lost {
		b.put(letter{lost: &LostError{}})
	}
}

func (b *inbox) messages(in *incoming) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case in.Epoch != "" && in.Epoch != b.at.Epoch:
		b.put(letter{lost: &LostError{}})
	case in.Missed > 0:
		b.put(letter{lost: &LostError{Missed: in.Missed}})
	}
	for _, it := range in.Items {
		// What the server could not give its broker has no epoch, and is new: the
		// stream goes on where it stood.
		if in.Epoch != "" && in.Epoch == b.at.Epoch && it.Offset <= b.at.Offset {
			continue
		}
		if in.Epoch != "" {
			b.at = hub.Position{Epoch: in.Epoch, Offset: it.Offset}
		}
		b.put(letter{at: b.at, data: it.Data})
	}
}

func (b *inbox) put(l letter) {
	if b.err == nil {
		b.queue = append(b.queue, l)
		signal(b.wake)
	}
}

// hold keeps the client from reading on while the queue is full, until conn
// ends. A subscriber who makes calls would otherwise wait for an answer that
// nobody reads.
func (b *inbox) hold(conn context.Context) {
	for b.full() {
		select {
		case <-b.room:
		case <-b.c.called:
		case <-conn.Done():
			return
		}
	}
}

func (b *inbox) full() bool {
	b.mu.Lock()
	n := len(b.queue)
	b.mu.Unlock()
	limit := b.c.o.Queue
	return n >= limit && (n >= 16*limit || !b.c.calling())
}

// next returns what was waiting longest, or why there will be nothing more.
func (b *inbox) next() (l letter, ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 || b.closed {
		return letter{}, false, b.err
	}
	l = b.queue[0]
	b.queue[0] = letter{}
	b.queue = b.queue[1:]
	signal(b.room)
	return l, true, nil
}

// again asks for the subscription once more after a while.
func (b *inbox) again(wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return
	}
	b.retry = time.AfterFunc(wait, func() {
		b.c.mu.Lock()
		if b.c.conn != nil && b.c.subs[b.topic] == b {
			b.c.out = append(b.c.out, frame{data: b.request()})
		}
		b.c.mu.Unlock()
		b.c.flush()
	})
}

// end says why the subscription is over. What waits can still be read, unless
// the subscriber himself has left.
func (b *inbox) end(cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = cause
	}
	if b.retry != nil {
		b.retry.Stop()
	}
	signal(b.wake)
}

func (b *inbox) leave(cause error) {
	b.mu.Lock()
	b.closed = true
	b.queue = nil
	if b.err == nil {
		b.err = cause
	}
	signal(b.room)
	b.mu.Unlock()
	b.c.forget(b, cause, true)
}

func signal(token chan struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}
