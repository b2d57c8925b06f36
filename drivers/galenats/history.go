package galenats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/galeweb/gale/hub"
)

// History implements [hub.Broker].
func (b *Broker) History(ctx context.Context, s hub.Stream, since *hub.Position, limit int) (hub.History, error) {
	if err := b.connected(ctx); err != nil {
		return hub.History{}, err
	}
	if s.Keep.Messages == 0 {
		return hub.History{}, nil
	}
	limited, cancel := b.limit(ctx)
	defer cancel()
	var h hub.History
	err := b.use(limited, b.streamOf(s.Keep), func(handle jetstream.Stream, epoch string) error {
		k := keeper{handle, b.js, b.keptSubject(s), min(max(limit, 0), s.Keep.Messages), b.o.Timeout}
		settle := b.settler(s.Name)
		top, err := k.top(limited)
		if err != nil {
			return err
		}
		h = hub.History{Top: hub.Position{Epoch: epoch, Offset: top}, Prev: top}
		if since == nil {
			err = k.newest(limited, &h)
		} else if since.Epoch == epoch && since.Offset <= top {
			err = k.since(limited, &h, since.Offset)
		}
		return errors.Join(err, settle(limited, h.Top))
	})
	if err != nil {
		return hub.History{}, explain(ctx, err)
	}
	return h, nil
}

// settler returns what waits until the subscriptions to a name that exist now
// have got everything up to a position that is asked for later.
func (b *Broker) settler(name string) func(context.Context, hub.Position) error {
	b.mu.Lock()
	subs := make(map[*subscription]int)
	for s := range b.subscriptions[name] {
		subs[s] = 0
	}
	b.mu.Unlock()
	for s := range subs {
		s.mu.Lock()
		subs[s] = s.losses
		s.mu.Unlock()
	}
	return func(ctx context.Context, top hub.Position) error {
		for s, losses := range subs {
			if err := s.settle(ctx, top, losses); err != nil {
				return err
			}
		}
		return nil
	}
}

// keeper reads what is kept of one topic.
type keeper struct {
	stream  jetstream.Stream
	js      jetstream.JetStream
	subject string
	limit   int
	timeout time.Duration
}

// top returns the offset of the newest message. The server that leads the
// stream answers, which knows of all that were acknowledged. Where there is
// none it puts a mark, so that who is told that there is nothing can ask later
// what came since.
func (k keeper) top(ctx context.Context) (uint64, error) {
	for {
		m, err := k.stream.GetLastMsgForSubject(ctx, k.subject)
		if err == nil {
			return m.Sequence, nil
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return 0, err
		}
		ack, err := k.js.Publish(ctx, k.subject, nil,
			jetstream.WithExpectLastSequencePerSubject(0), jetstream.WithRetryAttempts(0))
		if err == nil {
			return ack.Sequence, nil
		}
		if !otherWasFirst(err) {
			return 0, err
		}
	}
}

func otherWasFirst(err error) bool {
	e, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// newest adds the newest entries, up to the limit. Nothing tells where those
// before a message are, so it reads stretches, each twice as long as the one
// after it.
func (k keeper) newest(ctx context.Context, h *hub.History) error {
	if k.limit == 0 {
		return nil
	}
	oldest, err := k.next(ctx, 1)
	if err != nil || oldest == nil {
		return err
	}
	var entries []hub.Entry
	to, stretch := h.Top.Offset, uint64(k.limit)
	if k.limit > walkAtMost {
		stretch = to
	}
	for len(entries) <= k.limit && to >= oldest.Sequence {
		from := oldest.Sequence
		if to-from >= stretch {
			from = to - stretch + 1
		}
		older, _, err := k.walk(ctx, from, to, -1)
		if err != nil {
			return err
		}
		entries = append(older, entries...)
		to, stretch = from-1, 2*stretch
	}
	if n := len(entries); n == 0 || entries[n-1].Offset != h.Top.Offset {
		return nil // it is gone already, so much is published
	}
	skip := max(len(entries)-k.limit, 0)
	h.Entries = entries[skip:]
	h.Prev = 0
	if skip > 0 {
		h.Prev = entries[skip-1].Offset
	}
	return nil
}

// since adds the entries after an offset. The message there must still be kept
// when they have been read: then so are all after it.
func (k keeper) since(ctx context.Context, h *hub.History, offset uint64) error {
	if offset == h.Top.Offset {
		h.Recovered = true
		return nil
	}
	entries, all, err := k.walk(ctx, offset+1, h.Top.Offset, k.limit)
	if err != nil || !all {
		return err
	}
	m, err := k.next(ctx, max(offset, 1))
	if err != nil || m == nil || m.Sequence != offset {
		return err
	}
	h.Entries, h.Prev, h.Recovered = entries, offset, true
	return nil
}

// walkAtMost is how many messages are asked for one by one.
const walkAtMost = 16

// walk reads the entries from one offset to another. Not all are there when
// they are more than the limit, unless that is negative, or the last is gone.
//
// It asks for one after the other, as whoever comes back has missed few. More
// come at once by a consumer; but that takes a decision of the cluster to make,
// and may be given to a server that is lost, so that where it fails walk goes
// on.
func (k keeper) walk(ctx context.Context, from, to uint64, limit int) (entries []hub.Entry, all bool, err error) {
	for n := 0; from <= to; n++ {
		if n == walkAtMost {
			if more, last, err := k.fetch(ctx, from, to); err == nil && last == to {
				entries = append(entries, more...)
				return entries, limit < 0 || len(entries) <= limit, nil
			}
		}
		m, err := k.next(ctx, from)
		if err != nil {
			return nil, false, err
		}
		if m == nil || m.Sequence > to {
			return entries, false, nil
		}
		from = m.Sequence + 1
		if entries, err = k.add(entries, m.Sequence, m.Data); err != nil {
			return nil, false, err
		}
		if limit >= 0 && len(entries) > limit {
			return nil, false, nil
		}
	}
	return entries, true, nil
}

// add appends a message, unless it is a mark.
func (k keeper) add(entries []hub.Entry, offset uint64, data []byte) ([]hub.Entry, error) {
	if len(data) == 0 {
		return entries, nil
	}
	e, ok := decodeEntry(data)
	if !ok {
		return nil, fmt.Errorf("nats: message %d on %s is not one of gale's", offset, k.subject)
	}
	e.Offset = offset
	return append(entries, e), nil
}

// fetch reads the entries from one offset to another by a consumer, and
// returns the offset of the last one that it saw.
func (k keeper) fetch(ctx context.Context, from, to uint64) (entries []hub.Entry, last uint64, err error) {
	limited, cancel := context.WithTimeout(ctx, k.timeout/4) // time is left to walk
	defer cancel()
	consumer, err := k.stream.CreateConsumer(limited, jetstream.ConsumerConfig{
		FilterSubject:     k.subject,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       from,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: 10 * time.Second, // should it not be deleted
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		return nil, 0, err
	}
	info := consumer.CachedInfo()
	defer func() { _ = k.stream.DeleteConsumer(ctx, info.Name) }()
	if info.NumPending == 0 {
		return nil, 0, nil
	}
	batch, err := consumer.FetchNoWait(int(min(info.NumPending, 1<<31)))
	if err != nil {
		return nil, 0, err
	}
	for {
		select {
		case m, open := <-batch.Messages():
			if !open {
				return entries, last, batch.Error()
			}
			meta, err := m.Metadata()
			if err != nil {
				return nil, 0, err
			}
			offset := meta.Sequence.Stream
			if offset > to {
				continue // published meanwhile
			}
			last = offset
			if entries, err = k.add(entries, offset, m.Data()); err != nil {
				return nil, 0, err
			}
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// next returns the first message at an offset or after it, or nil.
func (k keeper) next(ctx context.Context, offset uint64) (*jetstream.RawStreamMsg, error) {
	m, err := k.stream.GetMsg(ctx, offset, jetstream.WithGetMsgSubject(k.subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return m, err
}
