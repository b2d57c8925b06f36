package galenats

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/galeweb/gale/hub"
)

// Publish implements [hub.Broker].
func (b *Broker) Publish(ctx context.Context, s hub.Stream, p hub.Publication) (hub.Position, error) {
	if err := b.connected(ctx); err != nil {
		return hub.Position{}, err
	}
	entries, err := p.Encode()
	if err != nil {
		return hub.Position{}, err
	}
	if s.Keep.Messages == 0 {
		subject := b.unkeptSubject(s.Name)
		for _, e := range entries {
			if err := b.nc.Publish(subject, encodeEntry(e)); err != nil {
				return hub.Position{}, explain(ctx, err)
			}
		}
		return hub.Position{}, nil
	}
	limited, cancel := b.limit(ctx)
	defer cancel()
	var pos hub.Position
	err = b.use(limited, b.streamOf(s.Keep), func(_ jetstream.Stream, epoch string) error {
		offset, err := b.append(limited, b.keptSubject(s), entries)
		pos = hub.Position{Epoch: epoch, Offset: offset}
		return err
	})
	if err != nil {
		return hub.Position{}, explain(ctx, err)
	}
	return pos, nil
}

// append publishes the entries in order, and returns the last one's offset.
func (b *Broker) append(ctx context.Context, subject string, entries []hub.Entry) (uint64, error) {
	if len(entries) == 1 {
		ack, err := b.js.Publish(ctx, subject, encodeEntry(entries[0]), jetstream.WithRetryAttempts(0))
		if err != nil {
			return 0, err
		}
		return ack.Sequence, nil
	}
	var offset uint64
	for len(entries) > 0 {
		n := min(len(entries), batchWindow)
		acks := make([]jetstream.PubAckFuture, 0, n)
		var failed error
		for _, e := range entries[:n] {
			// A repeated attempt would come after those that follow.
			ack, err := b.js.PublishAsync(subject, encodeEntry(e), jetstream.WithRetryAttempts(0))
			if err != nil {
				failed = err
				break
			}
			acks = append(acks, ack)
		}
		for _, ack := range acks {
			select {
			case ok := <-ack.Ok():
				offset = ok.Sequence
			case err := <-ack.Err():
				failed = errors.Join(failed, err)
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		if failed != nil {
			return 0, failed
		}
		entries = entries[n:]
	}
	return offset, nil
}

// batchWindow is how many messages are under way without an answer.
const batchWindow = 256
