package mailbox

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A box is short, so that the topic's policy, which knows what may be dropped,
// decides early.
const (
	MaxMessages = 64
	MaxBytes    = 256 << 10
)

// Mark is a position in a topic's stream.
type Mark struct {
	Epoch  string
	Offset uint64
}

// Message is one message to a client.
type Message struct {
	Data  []byte
	Topic string        // whose position it moves, or ""
	At    Mark          // to where; nowhere when the topic has ended
	After time.Duration // when to connect again, if it says so
}

// Client is whose messages they are.
type Client interface {
	// Subscribe answers by messages.
	Subscribe(s Sub)
	// Has reports whether there is a subscription; Leave ends it, if there is.
	Has(topic string) bool
	Leave(topic string)
	// Writable is called when the box has room again after it had none.
	Writable()
	// Restart has the client connect again, by a message, and closes the box.
	Restart()
}

// Box holds messages until they are taken. Make one by [NewBox].
type Box struct {
	ctx    context.Context
	cancel context.CancelFunc
	peer   string
	wake   chan struct{} // holds one token
	// closing is told that the box was closed; it must not block.
	closing func()

	mu       sync.Mutex
	messages []*Message
	bytes    int
	full     bool // Send was refused: Writable is owed
	closed   bool
}

// NewBox returns an empty box of a client at the address peer, whose context has
// the values of ctx and ends with it or by [Box.Cancel].
func NewBox(ctx context.Context, peer string) *Box {
	b := &Box{peer: peer, wake: make(chan struct{}, 1)}
	b.ctx, b.cancel = context.WithCancel(ctx)
	return b
}

// Context is that of the client's connection.
func (b *Box) Context() context.Context { return b.ctx }

// Peer is the client's address.
func (b *Box) Peer() string { return b.peer }

// Cancel ends the context.
func (b *Box) Cancel() { b.cancel() }

// Send puts m in; false when there is no room. A closed box takes everything.
func (b *Box) Send(m *Message) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return true
	case len(b.messages) >= MaxMessages, len(b.messages) > 0 && b.bytes+len(m.Data) > MaxBytes:
		b.full = true
		return false
	}
	b.messages = append(b.messages, m)
	b.bytes += len(m.Data)
	b.wakeUp()
	return true
}

// Close lets nothing more in. What is there can still be taken.
func (b *Box) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.wakeUp()
	if b.closing != nil {
		b.closing()
	}
}

func (b *Box) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// holds reports whether there is a message.
func (b *Box) holds() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.messages) > 0
}

func (b *Box) wakeUp() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take empties the box for c.
func (b *Box) take(c Client) []*Message {
	b.mu.Lock()
	messages, full := b.messages, b.full
	b.messages, b.bytes, b.full = nil, 0, false
	b.mu.Unlock()
	if full {
		c.Writable()
	}
	return messages
}

// purge drops the messages of a topic that begins anew.
func (b *Box) purge(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = slices.DeleteFunc(b.messages, func(m *Message) bool { return m.Topic == topic })
}
