package session_test

import (
	"testing"
	"time"

	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

func TestMemoryStoreConforms(t *testing.T) {
	t.Parallel()
	conform.SessionStore(t, func(*testing.T) session.Store { return session.NewMemoryStore(session.MemoryOptions{}) })
}

// A crowd of visitors, or one script, must not sign users out.
func TestAFullMemoryStoreDropsAnonymousSessionsFirst(t *testing.T) {
	t.Parallel()
	s := session.NewMemoryStore(session.MemoryOptions{MaxSessions: 3})
	put := func(n byte, user string) session.Hash {
		h := session.Hash{n}
		assert.NoError(t, s.Save(t.Context(), h, session.Record{Hash: h, User: user}))
		return h
	}
	alice, old := put(1, "alice"), put(2, "")
	for n := range byte(100) {
		put(10+n, "")
	}
	_, err := s.Load(t.Context(), alice)
	assert.NoError(t, err)
	_, err = s.Load(t.Context(), old)
	assert.ErrorIs(t, err, session.ErrNotFound)

	put(3, "bob")
	put(4, "carol")
	put(5, "dave") // no anonymous one left: the oldest makes room
	_, err = s.Load(t.Context(), alice)
	assert.ErrorIs(t, err, session.ErrNotFound)
	left, err := s.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(left), 0)
}

func TestExpiredSessionsAreSweptNowAndThen(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start
	store := session.NewMemoryStore(session.MemoryOptions{})
	h := app(session.New(session.Options{Store: store, Idle: time.Hour, Clock: func() time.Time { return now }}))
	newBrowser(t, h).get("/in/alice")
	now = now.Add(2 * time.Hour)
	newBrowser(t, h).get("/in/bob")
	left, err := store.ByUser(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(left), 0)
}
