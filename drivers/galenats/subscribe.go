package galenats

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/galeweb/gale/hub"
)

// subscription is one of the hub's, and the one of NATS for it.
type subscription struct {
	b       *Broker
	stream  hub.Stream
	deliver func(hub.Batch)

	mu     sync.Mutex // held over deliveries
	nats   *nats.Subscription
	closed bool
	// based says that last is known to be no less than what was published
	// before the subscription; it is not after the connection was lost.
	based   bool
	losses  int // how often it was lost
	epoch   string
	last    uint64 // offset of the last message that was seen
	prev    uint64 // the same, without marks
	dropped int    // by the library, because they came too fast
	waiting hub.Batch
	moved   chan struct{} // closed when last moves or the connection was lost
}

// batchMessages is how many messages that wait already become one batch.
const batchMessages = 256

// Subscribe implements [hub.Broker].
func (b *Broker) Subscribe(ctx context.Context, s hub.Stream, deliver func(hub.Batch)) (func(), error) {
	if err := b.connected(ctx); err != nil {
		return nil, err
	}
	limited, cancel := b.limit(ctx)
	defer cancel()
	b.start.Do(func() { go b.watch() })
	sub := &subscription{b: b, stream: s, deliver: deliver, moved: make(chan struct{})}
	b.mu.Lock()
	if b.subscriptions[s.Name] == nil {
		b.subscriptions[s.Name] = make(map[*subscription]struct{})
	}
	b.subscriptions[s.Name][sub] = struct{}{}
	b.mu.Unlock()
	if err := sub.open(limited); err != nil {
		sub.end()
		return nil, explain(ctx, err)
	}
	return sync.OnceFunc(sub.end), nil
}

func (s *subscription) kept() bool { return s.stream.Keep.Messages > 0 }

// open subscribes, and returns when the servers have heard of it. What arrives
// meanwhile waits for the lock.
func (s *subscription) open(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.b
	subject := b.unkeptSubject(s.stream.Name)
	if s.kept() {
		subject = b.liveSubject(s.stream.Keep, "*", token(s.stream.Name))
	}
	var err error
	if s.nats, err = b.nc.Subscribe(subject, s.receive); err != nil {
		return err
	}
	if err := s.nats.SetPendingLimits(1<<20, 64<<20); err != nil {
		return err
	}
	if !s.kept() {
		return b.nc.FlushWithContext(ctx)
	}
	// The question goes the way of the subscription, to the server that leads
	// the stream. So when the answer is here, what comes after it is delivered.
	return b.use(ctx, b.streamOf(s.stream.Keep), func(handle jetstream.Stream, epoch string) error {
		m, err := handle.GetLastMsgForSubject(ctx, b.keptSubject(s.stream))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			m, err = &jetstream.RawStreamMsg{}, nil
		}
		if err != nil {
			return err
		}
		s.epoch, s.last, s.prev, s.based = epoch, m.Sequence, m.Sequence, true
		return nil
	})
}

// end has NATS forget the subscription, and delivers nothing more.
func (s *subscription) end() {
	b := s.b
	b.mu.Lock()
	delete(b.subscriptions[s.stream.Name], s)
	if len(b.subscriptions[s.stream.Name]) == 0 {
		delete(b.subscriptions, s.stream.Name)
	}
	b.mu.Unlock()
	s.close()
}

func (s *subscription) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.nats != nil {
		_ = s.nats.Unsubscribe() // fails when the connection is closed already
	}
	s.moveLocked()
}

// receive is called by NATS, in order.
func (s *subscription) receive(m *nats.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if dropped, err := s.nats.Dropped(); err == nil && dropped != s.dropped {
		s.dropped = dropped
		s.resyncLocked()
	}
	s.addLocked(m)
	if pending, _, err := s.nats.Pending(); err != nil || pending <= 1 || len(s.waiting.Entries) >= batchMessages {
		s.flushLocked()
	}
}

// addLocked takes a message in.
func (s *subscription) addLocked(m *nats.Msg) {
	if !s.kept() {
		e, ok := decodeEntry(m.Data)
		if !ok {
			s.foreign()
			return
		}
		s.waiting.Entries = append(s.waiting.Entries, e)
		return
	}
	epoch := epochOf(m.Subject)
	offset, err1 := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	prev, err2 := strconv.ParseUint(m.Header.Get(jetstream.LastSequenceHeader), 10, 64)
	if err1 != nil || err2 != nil {
		s.foreign()
		return
	}
	if epoch != s.epoch { // the stream was made anew
		s.flushLocked()
		s.epoch, s.last, s.prev = epoch, 0, 0
	}
	if offset <= s.last {
		return // was there before the subscription
	}
	if prev == 0 {
		prev = s.last // nothing older was kept any more
	}
	if s.based && prev > s.last {
		s.fillLocked(prev)
	}
	s.appendLocked(offset, prev, m.Data)
}

// fillLocked gets what should have come before: servers before 2.10 republish
// what several publishers write at a time in any order. What is missing then is
// in the stream already. Should it be more than a few, the hub will ask for it.
func (s *subscription) fillLocked(to uint64) {
	ctx, cancel := s.b.limit(s.b.running)
	defer cancel()
	handle, epoch, err := s.b.streamOf(s.stream.Keep).open(ctx, s.b.js)
	for range 16 {
		if err != nil || epoch != s.epoch || s.last >= to {
			return
		}
		var m *jetstream.RawStreamMsg
		m, err = handle.GetMsg(ctx, s.last+1, jetstream.WithGetMsgSubject(s.b.keptSubject(s.stream)))
		if err == nil && m.Sequence <= to {
			s.appendLocked(m.Sequence, s.prev, m.Data)
		} else {
			return // too old to be there
		}
	}
}

// appendLocked puts a message into the batch that waits.
func (s *subscription) appendLocked(offset, prev uint64, data []byte) {
	if prev == s.last {
		prev = s.prev // the one before is a mark, or the last that was seen
	}
	s.last = offset
	if len(data) == 0 {
		return // a mark
	}
	e, ok := decodeEntry(data)
	if !ok {
		s.foreign()
		return
	}
	e.Offset, s.prev = offset, offset
	if n := len(s.waiting.Entries); n > 0 && prev != s.waiting.Entries[n-1].Offset {
		s.flushLocked()
	}
	if len(s.waiting.Entries) == 0 {
		s.waiting.Epoch, s.waiting.Prev = s.epoch, prev
	}
	s.waiting.Entries = append(s.waiting.Entries, e)
}

func (s *subscription) foreign() {
	s.b.o.Logger.Error("nats: a message is not one of gale's", "topic", s.stream.Name)
}

func (s *subscription) flushLocked() {
	if len(s.waiting.Entries) > 0 {
		s.deliver(s.waiting)
		s.waiting = hub.Batch{}
	}
	s.moveLocked()
}

func (s *subscription) moveLocked() {
	close(s.moved)
	s.moved = make(chan struct{})
}

// resync says that messages may have been lost.
func (s *subscription) resync() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.resyncLocked()
	}
}

func (s *subscription) resyncLocked() {
	s.flushLocked()
	s.based = false
	s.losses++
	s.deliver(hub.Batch{Resync: true})
}

// settle waits until what was published up to a position, which was asked for
// after the losses counted, has been delivered.
func (s *subscription) settle(ctx context.Context, top hub.Position, losses int) error {
	for {
		s.mu.Lock()
		if s.losses == losses && !s.based {
			// The connection was lost before the question: nothing says
			// whether what came before the answer will be delivered, so that
			// none of it may.
			if s.epoch != top.Epoch {
				s.epoch, s.last, s.prev = top.Epoch, 0, 0
			}
			s.last, s.prev, s.based = max(s.last, top.Offset), max(s.prev, top.Offset), true
		}
		done := s.closed || s.losses != losses || s.epoch == top.Epoch && s.last >= top.Offset
		moved := s.moved
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watch tells all subscriptions when the connection is back.
func (b *Broker) watch() {
	defer close(b.ended)
	changes := b.nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING)
	defer b.nc.RemoveStatusListener(changes)
	for {
		var status nats.Status
		select {
		case status = <-changes:
		case <-b.running.Done():
			return
		}
		if status != nats.CONNECTED {
			b.o.Logger.Warn("nats: lost; trying again")
			continue
		}
		// The library has asked for the subscriptions again when this is
		// answered; where it is not, the connection is lost again.
		if err := b.nc.FlushTimeout(b.o.Timeout); err != nil {
			continue
		}
		b.o.Logger.Info("nats: back")
		b.mu.Lock()
		streams := slices.Collect(maps.Values(b.streams))
		var all []*subscription
		for _, some := range b.subscriptions {
			all = slices.AppendSeq(all, maps.Keys(some))
		}
		b.mu.Unlock()
		for _, s := range streams {
			s.forget() // the servers may have lost it
		}
		b.presence.forget()
		for _, s := range all {
			s.resync()
		}
	}
}
