package hub

import (
	"context"
	"net/http"
	"slices"
	"sync"
)

// mailbox is a link whose other end takes the messages when it can: a stream of
// events or a poll.
type mailbox struct {
	ctx    context.Context
	cancel context.CancelFunc
	peer   string
	wake   chan struct{} // holds one token
	// closing is told, under the client's lock, that the box was closed.
	closing func()

	mu       sync.Mutex
	messages []*message
	bytes    int
	full     bool // send was refused: writable is owed
	closed   bool
}

// newMailbox returns one whose context has the values of ctx.
func newMailbox(ctx context.Context, r *http.Request) *mailbox {
	m := &mailbox{peer: r.RemoteAddr, wake: make(chan struct{}, 1)}
	m.ctx, m.cancel = context.WithCancel(ctx)
	return m
}

func (b *mailbox) send(m *message) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return true
	case len(b.messages) >= linkMessages, len(b.messages) > 0 && b.bytes+len(m.data) > linkBytes:
		b.full = true
		return false
	}
	b.messages = append(b.messages, m)
	b.bytes += len(m.data)
	b.wakeUp()
	return true
}

func (b *mailbox) close(int, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.wakeUp()
	if b.closing != nil {
		b.closing()
	}
}

func (b *mailbox) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// holds reports whether there is a message.
func (b *mailbox) holds() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.messages) > 0
}

func (b *mailbox) context() context.Context { return b.ctx }
func (b *mailbox) addr() string             { return b.peer }

func (b *mailbox) wakeUp() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take empties the box for c.
func (b *mailbox) take(c *client) []*message {
	b.mu.Lock()
	messages, full := b.messages, b.full
	b.messages, b.bytes, b.full = nil, 0, false
	b.mu.Unlock()
	if full {
		c.writable()
	}
	return messages
}

// purge drops the messages of a topic that begins anew.
func (b *mailbox) purge(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = slices.DeleteFunc(b.messages, func(m *message) bool { return m.topic == topic })
}
