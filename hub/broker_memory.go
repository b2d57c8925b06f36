package hub

import (
	"container/list"
	"context"
	"crypto/rand"
	"sync"
	"time"
)

// MemoryBroker is a [Broker] for one process. Make one by [NewMemoryBroker].
//
// It holds 100,000 topics that nobody listens to, the least recently used go
// first, and forgets such a topic when its history has aged, but not before 5
// minutes of silence. A topic that was forgotten begins a new epoch.
type MemoryBroker struct {
	maxIdle int

	mu     sync.Mutex
	topics map[string]*memoryTopic
	idle   list.List // of *memoryTopic without listeners, the latest used first

	membersMu sync.Mutex
	members   map[string]map[string]memoryMembers // by name, then by node
}

// memoryMembers is what a node has said.
type memoryMembers struct {
	data    []byte
	expires time.Time
}

// memoryLinger is how long an idle topic stays known at least, so that a page
// reload finds its epoch again.
const memoryLinger = 5 * time.Minute

type memoryTopic struct {
	name string

	// Under MemoryBroker.mu.
	listeners int
	element   *list.Element // in idle
	used      time.Time
	ttl       time.Duration // 0 is for ever

	mu       sync.Mutex
	epoch    string
	top      uint64
	keep     Retention
	entries  []memoryEntry
	handlers map[*func(Batch)]struct{}
}

type memoryEntry struct {
	Entry
	at time.Time
}

// NewMemoryBroker returns an empty broker. It needs no closing.
func NewMemoryBroker() *MemoryBroker {
	return &MemoryBroker{
		maxIdle: 100_000,
		topics:  make(map[string]*memoryTopic),
		members: make(map[string]map[string]memoryMembers),
	}
}

// Publish implements [Broker].
func (b *MemoryBroker) Publish(_ context.Context, s Stream, p Publication) (Position, error) {
	t := b.touch(s.Name, s.Keep, s.Keep.Messages > 0)
	if t == nil {
		return Position{}, nil
	}
	if pos, skipped := t.skip(p.Count, s.Keep); skipped {
		return pos, nil
	}
	entries, err := p.Encode()
	if err != nil {
		return Position{}, err
	}
	return t.publish(entries, s.Keep), nil
}

// Subscribe implements [Broker].
func (b *MemoryBroker) Subscribe(_ context.Context, s Stream, deliver func(Batch)) (func(), error) {
	b.mu.Lock()
	t := b.topicLocked(s.Name)
	t.listeners++
	if t.element != nil {
		b.idle.Remove(t.element)
		t.element = nil
	}
	b.mu.Unlock()
	t.mu.Lock()
	t.handlers[&deliver] = struct{}{}
	t.mu.Unlock()
	return sync.OnceFunc(func() {
		t.mu.Lock()
		delete(t.handlers, &deliver)
		t.mu.Unlock()
		b.mu.Lock()
		defer b.mu.Unlock()
		if t.listeners--; t.listeners == 0 {
			t.used = time.Now()
			t.element = b.idle.PushFront(t)
			b.evictLocked()
		}
	}), nil
}

// History implements [Broker].
func (b *MemoryBroker) History(_ context.Context, s Stream, since *Position, limit int) (History, error) {
	b.mu.Lock()
	t := b.topicLocked(s.Name)
	b.mu.Unlock()
	return t.history(since, limit), nil
}

// SetMembers implements [PresenceStore].
func (b *MemoryBroker) SetMembers(_ context.Context, name, node string, members []byte, ttl time.Duration) error {
	b.membersMu.Lock()
	defer b.membersMu.Unlock()
	nodes := b.members[name]
	switch {
	case len(members) == 0:
		if delete(nodes, node); len(nodes) == 0 {
			delete(b.members, name)
		}
		return nil
	case nodes == nil:
		nodes = make(map[string]memoryMembers)
		b.members[name] = nodes
	}
	nodes[node] = memoryMembers{members, time.Now().Add(ttl)}
	return nil
}

// Members implements [PresenceStore].
func (b *MemoryBroker) Members(_ context.Context, name string) (map[string][]byte, error) {
	b.membersMu.Lock()
	defer b.membersMu.Unlock()
	said := make(map[string][]byte)
	for node, m := range b.members[name] {
		if time.Now().Before(m.expires) {
			said[node] = m.data
		} else {
			delete(b.members[name], node)
		}
	}
	return said, nil
}

// touch returns the topic, marked as used; nil when it is not known and create
// is false.
func (b *MemoryBroker) touch(name string, keep Retention, create bool) *memoryTopic {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !create && b.topics[name] == nil {
		return nil
	}
	t := b.topicLocked(name)
	t.ttl = max(keep.Age, memoryLinger)
	if keep.Messages > 0 && keep.Age == 0 {
		t.ttl = 0
	}
	return t
}

func (b *MemoryBroker) topicLocked(name string) *memoryTopic {
	if t := b.topics[name]; t != nil {
		if t.element != nil {
			t.used = time.Now()
			b.idle.MoveToFront(t.element)
		}
		return t
	}
	t := &memoryTopic{
		name:     name,
		used:     time.Now(),
		ttl:      memoryLinger,
		epoch:    rand.Text()[:12],
		handlers: make(map[*func(Batch)]struct{}),
	}
	b.topics[name] = t
	t.element = b.idle.PushFront(t)
	b.evictLocked()
	return t
}

// evictLocked forgets the least recently used topic while there are too many,
// and looks at a few more for those that expired. Each new idle topic pays for
// it, so no goroutine has to.
func (b *MemoryBroker) evictLocked() {
	now := time.Now()
	e := b.idle.Back()
	for range 8 {
		if e == nil || e == b.idle.Front() {
			return
		}
		t, before := e.Value.(*memoryTopic), e.Prev()
		if b.idle.Len() > b.maxIdle || t.ttl > 0 && now.Sub(t.used) >= t.ttl {
			b.idle.Remove(e)
			t.element = nil
			delete(b.topics, t.name)
		}
		e = before
	}
}

// skip counts messages that nobody will ever ask for, unencoded.
func (t *memoryTopic) skip(count int, keep Retention) (Position, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.handlers) > 0 || keep.Messages > 0 {
		return Position{}, false
	}
	t.entries = nil
	t.top += uint64(count)
	return Position{t.epoch, t.top}, true
}

// publish hands the batch on under the lock, which is what keeps the order.
func (t *memoryTopic) publish(entries []Entry, keep Retention) Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keep = keep
	now := time.Now()
	prev := t.top
	for i := range entries {
		t.top++
		entries[i].Offset = t.top
		if keep.Messages > 0 {
			t.entries = append(t.entries, memoryEntry{entries[i], now})
		}
	}
	t.trim(now)
	for handler := range t.handlers {
		(*handler)(Batch{Epoch: t.epoch, Prev: prev, Entries: entries})
	}
	return Position{t.epoch, t.top}
}

// trim drops what is too many or too old.
func (t *memoryTopic) trim(now time.Time) {
	drop := max(len(t.entries)-t.keep.Messages, 0)
	for t.keep.Age > 0 && drop < len(t.entries) && now.Sub(t.entries[drop].at) >= t.keep.Age {
		drop++
	}
	clear(t.entries[:drop])
	t.entries = t.entries[drop:]
	if len(t.entries) == 0 {
		t.entries = nil
	}
}

func (t *memoryTopic) history(since *Position, limit int) History {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trim(time.Now())
	h := History{Top: Position{t.epoch, t.top}, Prev: t.top}
	want := uint64(min(max(limit, 0), len(t.entries)))
	if since != nil {
		if since.Epoch != t.epoch || since.Offset > t.top {
			return h
		}
		missing := t.top - since.Offset
		if missing > want {
			return h
		}
		want, h.Recovered = missing, true
	}
	for _, e := range t.entries[len(t.entries)-int(want):] {
		h.Entries = append(h.Entries, e.Entry)
	}
	h.Prev -= want
	return h
}
