package session

import (
	"cmp"
	"container/list"
	"context"
	"slices"
	"sync"
	"time"
)

// MemoryOptions configure a [MemoryStore].
type MemoryOptions struct {
	// MaxSessions bounds the store. Beyond it the anonymous session that was
	// saved longest ago makes room, and a signed-in one only when there is no
	// anonymous one: visitors cannot sign users out by being many. Defaults
	// to 100,000, at most about 500 MB if every session is full.
	MaxSessions int
}

// MemoryStore keeps sessions in this process: they are gone after a restart
// and unknown to other instances. It starts no goroutine.
type MemoryStore struct {
	max int

	mu     sync.Mutex
	byHash map[Hash]*list.Element
	byUser map[string]map[Hash]struct{}
	// Each list has *Record values, the last saved at the front.
	anonymous, signedIn *list.List
}

// NewMemoryStore returns an empty store. It panics when o.MaxSessions is
// negative.
func NewMemoryStore(o MemoryOptions) *MemoryStore {
	if o.MaxSessions < 0 {
		panic("session: MemoryOptions.MaxSessions is negative; leave it 0 for the default of 100,000")
	}
	return &MemoryStore{
		max:       cmp.Or(o.MaxSessions, 100_000),
		byHash:    map[Hash]*list.Element{},
		byUser:    map[string]map[Hash]struct{}{},
		anonymous: list.New(),
		signedIn:  list.New(),
	}
}

// Load implements [Store].
func (s *MemoryStore) Load(_ context.Context, h Hash) (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byHash[h]
	if e == nil {
		return Record{}, ErrNotFound
	}
	r := *e.Value.(*Record)
	r.Data = slices.Clone(r.Data)
	return r, nil
}

// Save implements [Store].
func (s *MemoryStore) Save(_ context.Context, was Hash, r Record) error {
	r.Data = slices.Clone(r.Data)
	if r.Version == 0 {
		was = r.Hash
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var stored int64
	if e := s.byHash[was]; e != nil {
		stored = e.Value.(*Record).Version
	}
	if stored != r.Version || was != r.Hash && s.byHash[r.Hash] != nil {
		return ErrConflict
	}
	s.remove(was)
	if len(s.byHash) >= s.max {
		s.evict()
	}
	r.Version++
	s.byHash[r.Hash] = s.order(r.User).PushFront(&r)
	if r.User != "" {
		if s.byUser[r.User] == nil {
			s.byUser[r.User] = map[Hash]struct{}{}
		}
		s.byUser[r.User][r.Hash] = struct{}{}
	}
	return nil
}

// Delete implements [Store].
func (s *MemoryStore) Delete(_ context.Context, h Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(h)
	return nil
}

// ByUser implements [Store].
func (s *MemoryStore) ByUser(_ context.Context, user string) ([]Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Record
	for h := range s.byUser[user] {
		r := *s.byHash[h].Value.(*Record)
		r.Data = nil
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Record) int {
		return cmp.Or(b.Seen.Compare(a.Seen), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// DeleteByUser implements [Store].
func (s *MemoryStore) DeleteByUser(_ context.Context, user, only, except string) ([]Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []Record
	for h := range s.byUser[user] {
		if id := s.byHash[h].Value.(*Record).ID; id == only || only == "" && (id != except || except == "") {
			gone = append(gone, Record{Hash: h, ID: id})
			s.remove(h)
		}
	}
	return gone, nil
}

// DeleteExpired implements [Sweeper].
func (s *MemoryStore) DeleteExpired(_ context.Context, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h, e := range s.byHash {
		if !e.Value.(*Record).Expires.After(now) {
			s.remove(h)
		}
	}
	return nil
}

func (s *MemoryStore) order(user string) *list.List {
	if user == "" {
		return s.anonymous
	}
	return s.signedIn
}

func (s *MemoryStore) evict() {
	oldest := s.anonymous.Back()
	if oldest == nil {
		oldest = s.signedIn.Back()
	}
	s.remove(oldest.Value.(*Record).Hash)
}

func (s *MemoryStore) remove(h Hash) {
	e := s.byHash[h]
	if e == nil {
		return
	}
	r := e.Value.(*Record)
	s.order(r.User).Remove(e)
	delete(s.byHash, h)
	delete(s.byUser[r.User], h)
	if len(s.byUser[r.User]) == 0 {
		delete(s.byUser, r.User)
	}
}
