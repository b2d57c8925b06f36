package hub

import (
	"context"
	"time"
)

// Position is a place in a topic's stream. Offsets grow by one with each
// message; an epoch is one unbroken stream, and offsets of two epochs say
// nothing about each other.
type Position struct {
	Epoch  string `json:"epoch"`
	Offset uint64 `json:"offset"`
}

// Entry is one message as a [Broker] carries it.
type Entry struct {
	Offset uint64
	// Key is what [Conflate] goes by.
	Key string
	// Data is JSON. It is shared by all and must not be changed.
	Data []byte
}

// Batch is what one publication delivers: entries of consecutive offsets.
type Batch struct {
	Epoch   string
	Entries []Entry
}

// Retention says what of a topic is kept for those who come later.
type Retention struct {
	// Messages is how many; 0 keeps none.
	Messages int
	// Age is how long; 0 is without limit.
	Age time.Duration
}

// Publication is one or more messages for a topic, in order.
type Publication struct {
	// Count is the number of messages, at least 1.
	Count int
	// Encode returns them, without offsets. It is called at most once, and
	// need not be when nobody listens and nothing is kept.
	Encode func() ([]Entry, error)
	Keep   Retention
}

// History is the answer to what a topic has kept.
type History struct {
	// Top is the position of the newest message ever published.
	Top Position
	// Entries are in order; the last has Top's offset.
	Entries []Entry
	// Recovered says that Entries are all that was published since the
	// position asked for.
	Recovered bool
}

// Broker carries messages between the hubs of all nodes. A hub subscribes
// once to each topic that it has subscribers for. The caller of [New] owns and
// closes the broker. galetest/conform.Broker tests an implementation.
type Broker interface {
	// Publish appends the messages and returns the position of the last one.
	// The position is zero when the topic has no listener and no history, so
	// that there is nothing to recover.
	Publish(ctx context.Context, topic string, p Publication) (Position, error)

	// Subscribe calls deliver for everything published from its return on, in
	// the order of offsets and never twice at a time, until unsubscribe
	// returns. deliver is quick, does not call the broker, and leaves the
	// batch unchanged. ctx bounds only the call.
	Subscribe(ctx context.Context, topic string, deliver func(Batch)) (unsubscribe func(), err error)

	// History returns the entries after since, if all of them are kept and
	// at most limit; otherwise none, not recovered. A nil since asks for the
	// newest entries, at most limit, and is never recovered.
	//
	// When a subscription exists, whatever is at or before Top was delivered
	// to it before History returned or was published before it began, and
	// what is after Top is delivered.
	History(ctx context.Context, topic string, since *Position, limit int) (History, error)
}
