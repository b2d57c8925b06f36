package hub

import (
	"context"
	"time"
)

// Position is a place in a topic's stream. Offsets grow with each message, by
// one or more; an epoch is one unbroken stream, and offsets of two epochs say
// nothing about each other. The zero Position is of a stream that has none,
// because nothing of it is kept.
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

// Batch is what one delivery brings: entries of one epoch, in order.
type Batch struct {
	Epoch string
	// Prev is the offset of the message before the first entry. A subscriber who
	// has not got that one has missed some, and asks for the history.
	Prev    uint64
	Entries []Entry
	// Resync, without entries, says that the connection to the broker was lost
	// and is back: whatever was published meanwhile is in the history only.
	Resync bool
}

// Retention says what of a stream is kept for those who come later.
type Retention struct {
	// Messages is how many; 0 keeps none.
	Messages int
	// Age is how long; 0 is without limit.
	Age time.Duration
}

// Stream is a topic's name as a [Broker] knows it. Keep is the same in each
// call for a name, on all nodes.
type Stream struct {
	Name string
	Keep Retention
}

// Publication is one or more messages for a stream, in order.
type Publication struct {
	// Count is the number of messages, at least 1.
	Count int
	// Encode returns them, without offsets. It is called at most once, and
	// need not be when nobody listens and nothing is kept.
	Encode func() ([]Entry, error)
}

// History is the answer to what a stream has kept.
type History struct {
	// Top is the position of the newest message ever published.
	Top Position
	// Prev is the offset of the message before the first of Entries, or Top's
	// without any; less is no harm.
	Prev uint64
	// Entries are in order; the last has Top's offset.
	Entries []Entry
	// Recovered says that Entries are all that was published since the
	// position asked for.
	Recovered bool
}

// Broker carries messages between the hubs of all nodes. A hub subscribes
// once to each stream that it has subscribers for. The caller of [New] owns and
// closes the broker. galetest/conform.Broker tests an implementation.
//
// A broker that has lost its servers goes on trying by itself. Meanwhile its
// calls fail with an error that is [ErrBrokerLost], within their contexts.
type Broker interface {
	// Publish appends the messages and returns the position of the last one.
	// The position is zero when the stream has no listener and no history, so
	// that there is nothing to recover.
	Publish(ctx context.Context, s Stream, p Publication) (Position, error)

	// Subscribe calls deliver for everything published from its return on, in
	// the order of offsets and never twice at a time, until unsubscribe
	// returns. deliver is quick, does not call the broker, and leaves the
	// batch unchanged. ctx bounds only the call.
	Subscribe(ctx context.Context, s Stream, deliver func(Batch)) (unsubscribe func(), err error)

	// History returns the entries after since, if all of them are kept and
	// at most limit; otherwise none, not recovered. A nil since asks for the
	// newest entries, at most limit, and is never recovered.
	//
	// When a subscription exists, whatever is at or before Top was delivered
	// to it before History returned or was published before it began, and
	// what is after Top is delivered.
	History(ctx context.Context, s Stream, since *Position, limit int) (History, error)
}

// Checker is what a [Broker] that can lose its servers implements as well.
type Checker interface {
	// Check returns an error while they are lost. It must be quick.
	Check(ctx context.Context) error
}

// PresenceStore is what a [Broker] implements as well for presence to be that
// of all nodes; without it a node knows of its own. Each node says who is there
// by it, again before the time is over, so that those of a node that died
// vanish by themselves.
type PresenceStore interface {
	// SetMembers replaces what node has said about a name, for ttl; empty
	// members take it back.
	SetMembers(ctx context.Context, name, node string, members []byte, ttl time.Duration) error
	// Members returns, by node, what was said and is not over.
	Members(ctx context.Context, name string) (map[string][]byte, error)
}
