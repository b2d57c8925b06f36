package mail

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// keep bounds a Memory, which in development runs for days.
const keep = 100

// Memory is a [Sender] that keeps the last 100 messages and sends none. The
// zero value is ready.
type Memory struct {
	// From is the author of messages that name none. Defaults to
	// "gale@localhost".
	From string

	mu       sync.Mutex
	messages []Message
	changed  chan struct{}
}

// Send keeps m; like a real sender it refuses an invalid one.
func (o *Memory) Send(ctx context.Context, m Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.From = cmp.Or(m.From, o.From, "gale@localhost")
	if err := m.Check(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.messages = append(o.messages, m)
	if extra := len(o.messages) - keep; extra > 0 {
		o.messages = slices.Delete(o.messages, 0, extra)
	}
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return nil
}

// Messages returns what was sent, oldest first.
func (o *Memory) Messages() []Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.messages)
}

// Wait returns the first message for which match is true, waiting for it until
// ctx ends, and then the error of ctx.
func (o *Memory) Wait(ctx context.Context, match func(Message) bool) (Message, error) {
	for {
		o.mu.Lock()
		i := slices.IndexFunc(o.messages, match)
		if i >= 0 {
			m := o.messages[i]
			o.mu.Unlock()
			return m, nil
		}
		if o.changed == nil {
			o.changed = make(chan struct{})
		}
		changed := o.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, ctx.Err()
		}
	}
}
