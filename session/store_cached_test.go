package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

func TestCachedStoreConforms(t *testing.T) {
	t.Parallel()
	conform.SessionStore(t, func(*testing.T) session.Store {
		below := session.NewMemoryStore(session.MemoryOptions{})
		return session.NewCachedStore(session.CachedOptions{Store: below, Age: time.Hour})
	})
}

func TestCachedStoreAsksOnceAnAge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	below := newSpy()
	cached := session.NewCachedStore(session.CachedOptions{Store: below, Clock: clock})
	b := newBrowser(t, app(session.New(session.Options{Store: cached, Clock: clock})))
	b.get("/in/alice")
	for range 5 {
		assert.Equal(t, b.body("/who"), "alice")
	}
	assert.Equal(t, below.loads, 0)
	now = now.Add(time.Second)
	for range 5 {
		assert.Equal(t, b.body("/who"), "alice")
	}
	assert.Equal(t, below.loads, 1)

	stolen := b.token()
	b.get("/out")
	b.cookies["__Host-session"] = stolen
	assert.Equal(t, b.body("/who"), "") // at once
}

// Another process ends the session: here it is good for the rest of the age.
func TestCachedStoreBelievesNoLongerThanItsAge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	below := session.NewMemoryStore(session.MemoryOptions{})
	here := session.New(session.Options{Clock: clock, Store: session.NewCachedStore(session.CachedOptions{Store: below, Clock: clock})})
	there := session.New(session.Options{Clock: clock, Store: below})
	b := newBrowser(t, app(here))
	b.get("/in/alice")
	assert.NoError(t, there.RevokeAll(t.Context(), "alice", ""))
	now = now.Add(time.Second)
	assert.Equal(t, b.body("/who"), "")
}

// slowLoad lets the test act between a read and what becomes of it.
type slowLoad struct {
	session.Store
	meanwhile func()
}

func (s *slowLoad) Load(ctx context.Context, h session.Hash) (session.Record, error) {
	r, err := s.Store.Load(ctx, h)
	s.meanwhile()
	return r, err
}

// What a request has read before another signed out is not kept after it.
func TestCachedStoreKeepsNoReadFromBeforeAnEnd(t *testing.T) {
	t.Parallel()
	below := &slowLoad{Store: session.NewMemoryStore(session.MemoryOptions{})}
	cached := session.NewCachedStore(session.CachedOptions{Store: below, Age: time.Hour})
	r := session.Record{Hash: session.Hash{1}, User: "alice"}
	assert.NoError(t, below.Save(t.Context(), r.Hash, r))
	below.meanwhile = func() { assert.NoError(t, cached.Delete(t.Context(), r.Hash)) }
	_, err := cached.Load(t.Context(), r.Hash)
	assert.NoError(t, err) // it was there when it was read
	below.meanwhile = func() {}
	_, err = cached.Load(t.Context(), r.Hash)
	assert.ErrorIs(t, err, session.ErrNotFound)
}
