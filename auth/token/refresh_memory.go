package token

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// MemoryStore keeps grants in this process, for tests and development: they
// are gone after a restart and unknown to other instances. It is not bounded.
type MemoryStore struct {
	mu       sync.Mutex
	byLookup map[Hash]RefreshRecord
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{byLookup: map[Hash]RefreshRecord{}} }

// Load implements [RefreshStore].
func (s *MemoryStore) Load(_ context.Context, lookup Hash) (RefreshRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.byLookup[lookup]
	if !ok {
		return RefreshRecord{}, ErrNotFound
	}
	return r.clone(), nil
}

// Save implements [RefreshStore].
func (s *MemoryStore) Save(_ context.Context, r RefreshRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byLookup[r.Lookup].Version != r.Version {
		return ErrConflict
	}
	r = r.clone()
	r.Version++
	s.byLookup[r.Lookup] = r
	return nil
}

// Delete implements [RefreshStore].
func (s *MemoryStore) Delete(_ context.Context, lookup Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byLookup, lookup)
	return nil
}

// ByUser implements [RefreshStore].
func (s *MemoryStore) ByUser(_ context.Context, user string) ([]RefreshRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []RefreshRecord
	for _, r := range s.byLookup {
		if r.User == user {
			all = append(all, r.clone())
		}
	}
	slices.SortFunc(all, func(a, b RefreshRecord) int {
		return cmp.Or(b.Seen.Compare(a.Seen), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// DeleteExpired implements [RefreshStore].
func (s *MemoryStore) DeleteExpired(_ context.Context, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for lookup, r := range s.byLookup {
		if !r.Expires.After(now) {
			delete(s.byLookup, lookup)
		}
	}
	return nil
}

func (r RefreshRecord) clone() RefreshRecord {
	r.Scopes, r.Seed = slices.Clone(r.Scopes), slices.Clone(r.Seed)
	return r
}
