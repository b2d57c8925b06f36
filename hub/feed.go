package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// subscriber is one end of a feed, which calls it under its lock: a [remote] or a [local].
type subscriber interface {
	// deliver is called in order and does not block. It reports whether the
	// burst is on its way rather than waiting.
	deliver(b *burst) bool
	// lose says that an unknown number of messages before to was lost.
	lose(to Position)
	// reset is called before the history is asked for, and begin when it is
	// there; false has it asked for again.
	reset()
	begin(h History, g guard) bool
}

// feed is this node's one subscription to a name at the broker, and all who share it.
type feed struct {
	h     *Hub
	topic *topic
	name  string
	refs  int // under Hub.mu

	setup       sync.Mutex // held over the broker's I/O
	unsubscribe func()

	mu       sync.Mutex
	remotes  []*remote
	locals   []*local
	closed   bool     // nobody may join
	gone     bool     // nobody is left
	known    bool     // at and base are
	base, at Position // all between them was delivered
	turns    int      // how often the stream was interrupted
	recovery *recovery
}

// burst is what one frame carries to all subscribers of a feed.
type burst struct {
	name    string
	epoch   string
	entries []Entry
	encoded *message
}

// frameBytes is about how much data goes into one frame.
const frameBytes = 64 << 10

// message is encoded for the first who needs it.
func (b *burst) message() *message {
	if b.encoded == nil {
		b.encoded = newMessages(b.name, b.epoch, 0, b.entries)
	}
	return b.encoded
}

// retain returns the feed of name, open; the caller joins and leaves, or
// releases it.
func (h *Hub) retain(ctx context.Context, t *topic, name string) (*feed, error) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, ErrClosed
	}
	f := h.feeds[name]
	if f == nil {
		f = &feed{h: h, topic: t, name: name}
		h.feeds[name] = f
	}
	f.refs++
	h.mu.Unlock()
	if err := f.open(ctx); err != nil {
		h.metrics.broker(err)
		h.release(f)
		return nil, err
	}
	return f, nil
}

func (f *feed) open(ctx context.Context) error {
	f.setup.Lock()
	defer f.setup.Unlock()
	if f.unsubscribe != nil {
		return nil
	}
	unsubscribe, err := f.h.broker.Subscribe(ctx, f.topic.stream(f.name), f.deliver)
	f.unsubscribe = unsubscribe
	return err
}

func (h *Hub) release(f *feed) {
	h.mu.Lock()
	f.refs--
	last := f.refs == 0
	if last {
		delete(h.feeds, f.name)
	}
	h.mu.Unlock()
	if !last {
		return
	}
	f.mu.Lock()
	f.gone = true
	f.mu.Unlock()
	f.setup.Lock()
	defer f.setup.Unlock()
	if f.unsubscribe != nil {
		f.unsubscribe()
	}
}

// add is false when the hub is being drained. From here on messages reach s, so
// it is reset: what came before its history would go out ahead of it.
func (f *feed) add(s subscriber) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	s.reset()
	switch s := s.(type) {
	case *remote:
		s.place = int32(len(f.remotes))
		f.remotes = append(f.remotes, s)
	case *local:
		f.locals = append(f.locals, s)
	}
	f.topic.subscriptions.Inc()
	return true
}

func (f *feed) leave(s subscriber) {
	f.mu.Lock()
	switch s := s.(type) {
	case *remote:
		last := len(f.remotes) - 1
		f.remotes[s.place] = f.remotes[last]
		f.remotes[s.place].place = s.place
		f.remotes[last] = nil
		if f.remotes = f.remotes[:last]; cap(f.remotes) > 64 && last < cap(f.remotes)/4 {
			f.remotes = slices.Clone(f.remotes)
		}
	case *local:
		f.locals = slices.DeleteFunc(f.locals, func(l *local) bool { return l == s })
	}
	f.mu.Unlock()
	f.topic.subscriptions.Dec()
	f.h.release(f)
}

const joinTries = 5

var errUnsettled = errors.New("hub: the stream was interrupted again and again")

// join adds s and has it begin with what the history has for it, so that
// nothing is missing between the two. On an error s has left.
func (f *feed) join(ctx context.Context, s subscriber, from *Position, recent int) (History, error) {
	if !f.add(s) {
		f.h.release(f)
		return History{}, ErrClosed
	}
	err := errUnsettled
	for range joinTries {
		f.mu.Lock()
		s.reset()
		known, since, turns := f.known, f.at, f.turns
		f.mu.Unlock()
		var h History
		if h, err = f.topic.history(ctx, f.name, from, recent); err != nil {
			break
		}
		f.mu.Lock()
		if !known && f.known {
			since = f.base
		}
		behind := h.Top.Epoch == since.Epoch && h.Top.Offset < since.Offset
		ok := turns == f.turns && !behind && s.begin(h, f.meet(h.Top))
		f.mu.Unlock()
		if ok {
			return h, nil
		}
		err = errUnsettled
	}
	f.leave(s)
	return History{}, err
}

// meet returns the guard for someone whose history ends at top.
func (f *feed) meet(top Position) guard {
	switch {
	case !f.known:
		f.known, f.base, f.at = true, top, top
	case top.Epoch == "" || f.at == top:
	case f.at.Epoch != top.Epoch:
		return guard{up: true, after: top, stale: f.at.Epoch}
	case f.recovery != nil || f.at.Offset < top.Offset:
		return guard{up: true, after: top}
	}
	return guard{}
}

// deliver is called by the broker.
func (f *feed) deliver(b Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case b.Resync:
		f.resync()
	case f.recovery != nil:
		f.recovery.hold(b)
	case !f.take(b):
		f.recover(b)
	}
}

// take passes on what is new of b; false when messages before it are missing.
func (f *feed) take(b Batch) bool {
	entries := b.Entries
	if len(entries) == 0 {
		return true
	}
	switch {
	case !f.known:
		f.known, f.base = true, Position{b.Epoch, b.Prev}
	case f.at.Epoch != b.Epoch:
		f.lose(Position{b.Epoch, b.Prev})
	case b.Epoch == "":
	case b.Prev > f.at.Offset:
		return false
	default:
		at := slices.IndexFunc(entries, func(e Entry) bool { return e.Offset > f.at.Offset })
		if at < 0 {
			return true
		}
		entries = entries[at:]
	}
	f.at = Position{b.Epoch, entries[len(entries)-1].Offset}
	f.fan(b.Epoch, entries)
	return true
}

// fan hands entries to all, in as few frames as they fit.
func (f *feed) fan(epoch string, entries []Entry) {
	sent := 0
	for rest := entries; len(rest) > 0; {
		n := fit(rest)
		b := &burst{name: f.name, epoch: epoch, entries: rest[:n]}
		for _, s := range f.remotes {
			if s.deliver(b) {
				sent += n
			}
		}
		for _, s := range f.locals {
			s.deliver(b)
		}
		rest = rest[n:]
	}
	f.topic.delivered.Add(float64(sent))
}

// fit returns how many of the entries go into one frame, at least one.
func fit(entries []Entry) int {
	size := 0
	for i := range entries {
		if size += len(entries[i].Data); size > frameBytes && i > 0 {
			return i
		}
	}
	return len(entries)
}

// lose says that messages before to are lost. For a last value they do not
// matter.
func (f *feed) lose(to Position) {
	f.known, f.base, f.at = true, to, to
	f.turns++
	if f.topic.lastValue {
		return
	}
	for _, s := range f.remotes {
		s.lose(to)
	}
	for _, s := range f.locals {
		s.lose(to)
	}
}

// close lets nobody in any more and ends the subscriptions in the process.
func (f *feed) close(cause error) {
	f.mu.Lock()
	f.closed = true
	locals := slices.Clone(f.locals)
	f.mu.Unlock()
	for _, s := range locals {
		s.shut(cause)
	}
}
