package session_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

func TestListAndRevoke(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := session.New(session.Options{Clock: func() time.Time { return now }})
	h := app(m)
	laptop, phone, bob := newBrowser(t, h), newBrowser(t, h), newBrowser(t, h)
	laptop.agent, phone.agent = "laptop", "phone"
	laptop.get("/in/alice")
	now = now.Add(time.Second)
	phone.get("/in/alice")
	bob.get("/in/bob")
	newBrowser(t, h).get("/put/k/v") // anonymous

	var infos []session.Info
	laptop.h = m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var err error
		infos, err = m.List(r.Context(), "alice")
		assert.NoError(t, err)
	}))
	laptop.get("/")
	laptop.h = h
	assert.Equal(t, len(infos), 2)
	assert.Equal(t, infos[0], session.Info{
		ID: infos[0].ID, Created: now, Seen: now, Expires: now.Add(12 * time.Hour), UserAgent: "phone", Addr: "192.0.2.1",
	})
	assert.Equal(t, infos[1].UserAgent, "laptop")
	assert.True(t, infos[1].Current, "the laptop is not the current one")

	assert.ErrorIs(t, m.Revoke(t.Context(), "bob", infos[0].ID), session.ErrNotFound)
	assert.ErrorIs(t, m.Revoke(t.Context(), "", infos[0].ID), session.ErrNotFound)
	assert.Equal(t, phone.body("/who"), "alice")
	assert.NoError(t, m.Revoke(t.Context(), "alice", infos[0].ID))
	assert.Equal(t, phone.body("/who"), "")
	assert.Equal(t, laptop.body("/who"), "alice")
	assert.Equal(t, bob.body("/who"), "bob")
}

func TestRevokeAllKeepsOneAndOthersUsers(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	h := app(m)
	a, b, bob := newBrowser(t, h), newBrowser(t, h), newBrowser(t, h)
	a.get("/in/alice")
	infos, err := m.List(t.Context(), "alice")
	assert.NoError(t, err)
	b.get("/in/alice")
	bob.get("/in/bob")
	assert.NoError(t, m.RevokeAll(t.Context(), "alice", infos[0].ID))
	assert.Equal(t, a.body("/who"), "alice")
	assert.Equal(t, b.body("/who"), "")
	assert.NoError(t, m.RevokeAll(t.Context(), "alice", ""))
	assert.Equal(t, a.body("/who"), "")
	assert.Equal(t, bob.body("/who"), "bob")
	assert.NoError(t, m.RevokeAll(t.Context(), "", ""))
}

// A script that signs in again and again fills nothing, and what it had open is
// closed.
func TestSessionsOfOneUserAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var ended []string
	m := session.New(session.Options{
		MaxPerUser: 2, Clock: func() time.Time { return now }, Ended: func(_ context.Context, user, _ string) { ended = append(ended, user) },
	})
	h := app(m)
	bob := newBrowser(t, h)
	bob.get("/in/bob")
	var all []*browser
	for range 4 {
		now = now.Add(time.Second)
		b := newBrowser(t, h)
		b.get("/in/alice")
		all = append(all, b)
	}
	assert.Equal(t, ended, []string{"alice", "alice"})
	var left string
	for _, b := range all {
		left += "[" + b.body("/who") + "]"
	}
	assert.Equal(t, left+bob.body("/who"), "[][][alice][alice]bob")
	assert.Panics(t, func() { session.New(session.Options{MaxPerUser: -1}) })
}

// Who signs in again in the same browser has ended the session of before.
func TestASecondSignInTellsOfTheFirst(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var ended []string
	m := session.New(session.Options{
		Clock: func() time.Time { return now }, Ended: func(_ context.Context, user, id string) { ended = append(ended, user+" "+id) },
	})
	b := newBrowser(t, app(m))
	b.get("/put/k/v")
	b.get("/in/alice")
	infos, err := m.List(t.Context(), "alice")
	assert.NoError(t, err)
	open := func() (is [2]bool) {
		for i, user := range []string{"alice", "bob"} {
			is[i], err = m.Open(t.Context(), user, infos[0].ID)
			assert.NoError(t, err)
		}
		return is
	}
	assert.Equal(t, ended, nil)
	assert.Equal(t, open(), [2]bool{true, false})
	b.get("/in/bob")
	assert.Equal(t, ended, []string{"alice " + infos[0].ID})
	assert.Equal(t, open(), [2]bool{})

	infos, err = m.List(t.Context(), "bob")
	assert.NoError(t, err)
	assert.Equal(t, open(), [2]bool{false, true})
	now = now.Add(12 * time.Hour)
	assert.Equal(t, open(), [2]bool{}) // it has idled out
}
