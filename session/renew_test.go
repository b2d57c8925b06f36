package session_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

// renewing serves /renew besides what app does.
func renewing(m *session.Manager, before func(r *http.Request)) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", app(m))
	mux.Handle("/renew", m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		before(r)
		switch err := s.Renew(r.Context()); {
		case errors.Is(err, session.ErrNotFound):
			w.WriteHeader(http.StatusGone)
		case err != nil:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})))
	return mux
}

func TestRenewChangesOnlyTheToken(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{Ended: func(context.Context, string, string) { t.Error("the session ended") }})
	b := newBrowser(t, renewing(m, func(*http.Request) {}))
	b.get("/renew")
	assert.Equal(t, b.token(), "") // nothing to renew
	b.get("/in/alice")
	b.get("/put/cart/book")
	old := b.token()
	before, err := m.List(t.Context(), "alice")
	assert.NoError(t, err)
	b.get("/renew")
	assert.True(t, b.token() != old && b.token() != "", "the token stays")
	assert.Equal(t, b.body("/who")+b.body("/get/cart"), "alicebook")
	after, err := m.List(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, []any{len(after), after[0].ID, after[0].Created}, []any{1, before[0].ID, before[0].Created})
	b.cookies["__Host-session"] = old
	assert.Equal(t, b.body("/who"), "")
}

// What was opened with the old token ends when the response brings the new one,
// and not sooner: else it would come back with the old one.
func TestRenewedIsToldWithTheNewToken(t *testing.T) {
	t.Parallel()
	var told []string
	m := session.New(session.Options{Renewed: func(_ context.Context, user, id string) { told = append(told, user+" "+id) }})
	inner := renewing(m, func(*http.Request) {})
	early := -1
	b := newBrowser(t, m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		early = len(told)
		w.WriteHeader(http.StatusNoContent)
	})))
	id := func() string {
		infos, err := m.List(t.Context(), "alice")
		assert.NoError(t, err)
		assert.Equal(t, len(infos), 1)
		return infos[0].ID
	}
	b.get("/put/cart/book")
	b.get("/renew") // nobody's
	b.get("/in/alice")
	assert.Equal(t, told, nil)
	first := id()
	b.get("/renew")
	assert.Equal(t, told, []string{"alice " + first})
	assert.Equal(t, early, 0)
	b.get("/in/alice") // again, over the session of before
	assert.Equal(t, told[1:], []string{"alice " + first})
	b.get("/who")
	assert.Equal(t, len(told), 2)
}

// The user has ended the session from elsewhere while it was being renewed.
func TestRenewDoesNotReviveARevokedSession(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	b := newBrowser(t, renewing(m, func(r *http.Request) { assert.NoError(t, m.RevokeAll(r.Context(), "alice", "")) }))
	b.get("/in/alice")
	assert.Equal(t, b.get("/renew").Code, http.StatusGone)
	assert.Equal(t, b.body("/who"), "")
	infos, err := m.List(t.Context(), "alice")
	assert.NoError(t, err)
	assert.Equal(t, len(infos), 0)
}

func TestRenewKeepsWhatAnotherRequestPut(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	var other *browser
	b := newBrowser(t, renewing(m, func(*http.Request) { other.get("/put/cart/book") }))
	b.get("/in/alice")
	other = newBrowser(t, app(m))
	other.cookies["__Host-session"] = b.token()
	b.get("/renew")
	assert.Equal(t, b.body("/get/cart"), "book")
}

func TestAFailedRenewLeavesTheOldSession(t *testing.T) {
	t.Parallel()
	store := newSpy()
	b := newBrowser(t, renewing(session.New(session.Options{Store: store}), func(*http.Request) { store.failingSavesOnly = true }))
	b.get("/in/alice")
	token := b.token()
	assert.Equal(t, b.get("/renew").Code, http.StatusServiceUnavailable)
	assert.Equal(t, b.token(), token)
	assert.Equal(t, b.body("/who"), "alice")
}

// Of two who hold one token, one by theft, the first to renew it has the session,
// and whatever ends that ends it under the new token.
func TestACopyThatIsRenewedEndsWithTheSession(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(m *session.Manager, owner *browser, id string) error{
		"sign out": func(_ *session.Manager, owner *browser, _ string) error { owner.get("/out"); return nil },
		"sign in":  func(_ *session.Manager, owner *browser, _ string) error { owner.get("/in/alice"); return nil },
		"revoke": func(m *session.Manager, _ *browser, id string) error {
			return m.Revoke(context.Background(), "alice", id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &between{Store: session.NewMemoryStore(session.MemoryOptions{})}
			m := session.New(session.Options{Store: store})
			owner, thief := newBrowser(t, app(m)), newBrowser(t, renewing(m, func(*http.Request) {}))
			owner.get("/in/alice")
			infos, err := m.List(t.Context(), "alice")
			assert.NoError(t, err)
			thief.cookies["__Host-session"] = owner.token()
			store.before = func() { assert.Equal(t, thief.get("/renew").Code, http.StatusOK) }
			assert.NoError(t, end(m, owner, infos[0].ID))
			assert.Equal(t, store.before == nil, true)
			assert.Equal(t, thief.body("/who"), "")
		})
	}
}

// between has something happen just before a session is deleted, once.
type between struct {
	session.Store
	before func()
}

func (s *between) happen() {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
}

func (s *between) Delete(ctx context.Context, h session.Hash) error {
	s.happen()
	return s.Store.Delete(ctx, h)
}

func (s *between) DeleteByUser(ctx context.Context, user, only, except string) ([]session.Record, error) {
	s.happen()
	return s.Store.DeleteByUser(ctx, user, only, except)
}

// A stamp comes with the next token, and stays until another does.
func TestStamp(t *testing.T) {
	t.Parallel()
	m := session.New(session.Options{})
	h, stamp := app(m), ""
	b := newBrowser(t, m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		if stamp := r.URL.Query().Get("bind"); stamp != "" {
			s.Bind(stamp)
		}
		switch {
		case r.URL.Path == "/renew":
			assert.NoError(t, s.Renew(r.Context()))
		case r.URL.Query().Has("disown"):
			s.Disown()
			assert.Equal(t, s.User()+s.ID()+s.Stamp(), "")
		}
		h.ServeHTTP(w, r)
		stamp = s.Stamp()
	})))
	for _, step := range [][2]string{
		{"/in/alice?bind=1", "1"},
		{"/put/k/v?bind=2", "1"},
		{"/renew", "1"},
		{"/renew?bind=2", "2"},
		{"/who?disown=", ""},
		{"/who", "2"},
		{"/in/alice", ""},
	} {
		b.get(step[0])
		assert.Equal(t, stamp, step[1])
	}
}
