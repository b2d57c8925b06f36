package roles

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// MemoryStore keeps changed roles until the process ends, for tests and
// development. It is safe for concurrent use.
type MemoryStore struct {
	mu    sync.Mutex
	state State
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{state: State{Roles: map[string][]string{}}} }

// Version implements [Store].
func (s *MemoryStore) Version(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Version, nil
}

// Load implements [Store].
func (s *MemoryStore) Load(context.Context) (State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{s.state.Version, maps.Clone(s.state.Roles)}, nil
}

// Save implements [Store].
func (s *MemoryStore) Save(_ context.Context, version int64, role string, permissions []string) error {
	return s.change(version, func() { s.state.Roles[role] = slices.Clone(permissions) })
}

// Delete implements [Store].
func (s *MemoryStore) Delete(_ context.Context, version int64, role string) error {
	return s.change(version, func() { delete(s.state.Roles, role) })
}

func (s *MemoryStore) change(version int64, f func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Version != version {
		return ErrConflict
	}
	f()
	s.state.Version++
	return nil
}
