package session_test

import (
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
