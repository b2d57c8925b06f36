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
		k := keeper{handle, b.js, b.keptSubject(s), min(max(limit, 0), s.Keep.Messages)}
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

// newest adds the newest entries, up to the limit.
func (k keeper) newest(ctx context.Context, h *hub.History) error {
	if k.limit == 0 {
		return nil
	}
	entries, _, err := k.read(ctx, 0, h.Top.Offset, -1)
	if err != nil {
		return err
	}
	skip := max(len(entries)-k.limit, 0)
	h.Entries = entries[skip:]
	switch {
	case skip > 0:
		h.Prev = entries[skip-1].Offset
	case len(entries) > 0:
		h.Prev = 0
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
	entries, all, err := k.read(ctx, offset+1, h.Top.Offset, k.limit)
	if err != nil || !all {
		return err
	}
	m, err := k.stream.GetMsg(ctx, max(offset, 1))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if m.Subject != k.subject || m.Sequence != offset {
		return nil
	}
	h.Entries, h.Prev, h.Recovered = entries, offset, true
	return nil
}

// read returns the entries from one offset to another; not all are there when
// they are more than the limit, unless that is negative, or some went away.
func (k keeper) read(ctx context.Context, from, to uint64, limit int) (entries []hub.Entry, all bool, err error) {
	consumer, err := k.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject:     k.subject,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       max(from, 1),
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: 10 * time.Second,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		return nil, false, err
	}
	info := consumer.CachedInfo()
	defer func() {
		// Where it cannot be deleted it goes away by itself.
		_ = k.stream.DeleteConsumer(ctx, info.Name)
	}()
	n := int(min(info.NumPending, 1<<31))
	// A mark may be among them, and some may be newer than top.
	if n == 0 || limit >= 0 && n > limit+readAhead {
		return nil, false, nil
	}
	batch, err := consumer.FetchNoWait(n)
	if err != nil {
		return nil, false, err
	}
	for {
		select {
		case m, open := <-batch.Messages():
			if !open {
				return entries, all && (limit < 0 || len(entries) <= limit), batch.Error()
			}
			meta, err := m.Metadata()
			if err != nil {
				return nil, false, err
			}
			offset := meta.Sequence.Stream
			all = all || offset == to
			if offset > to || len(m.Data()) == 0 {
				continue
			}
			e, ok := decodeEntry(m.Data())
			if !ok {
				return nil, false, fmt.Errorf("nats: message %d on %s is not one of gale's", offset, k.subject)
			}
			e.Offset = offset
			entries = append(entries, e)
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// readAhead is how many messages may have been published between the question
// for the top and that for what leads to it.
const readAhead = 64
