package auth_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Whoever has changed the password stays, and nobody else does, though no other
// session was ended.
func TestASessionEndsWithItsStamp(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		other, ben, copied := h.Stranger(), h.Stranger(), h.Stranger()
		h.Post("/in/ann/password", nil).Status(http.StatusOK)
		copied.SetCookie("__Host-session", token(h.Client))
		other.Post("/in/ann/password", nil).Status(http.StatusOK)
		ben.Post("/in/ben/password", nil).Status(http.StatusOK)
		h.clock.Advance(20 * time.Minute)
		h.Post("/change/2/-", nil).Status(http.StatusOK)
		says(t, h.Get("/member"), "user=ann by=session [password] at=03:04 pending= []")
		ben.Get("/member").Status(http.StatusOK)
		other.Get("/member").Status(http.StatusUnauthorized)
		copied.Get("/member").Status(http.StatusUnauthorized)
		says(t, other.Get("/who"), "user= by= [] at=00:00 pending= []")

		h.Post("/change/3/totp", nil).Status(http.StatusOK)
		says(t, h.Get("/vault"), "user=ann by=session [password totp] at=03:24 pending= []")
		h.Post("/change/4/-", nil).Status(http.StatusOK)
		assert.NoError(t, h.sessions.RevokeAll(t.Context(), "ann", ""))
		h.Get("/member").Status(http.StatusUnauthorized)
		h.Stranger().Post("/in/ann/password", nil).Status(http.StatusOK)
	})
}

// The attack on a change of password: sign-ins with the old one that are under way.
func TestASignInFromBeforeTheChangeIsOver(t *testing.T) {
	inHouse(t, func(_ *testing.T, h *house) {
		h.Post("/late/ann/2", nil).Status(http.StatusOK)
		h.Get("/member").Status(http.StatusUnauthorized)
		h.Post("/again/password", nil).Status(http.StatusUnauthorized)
		h.Post("/change/3/-", nil).Status(http.StatusUnauthorized)
		h.Post("/in/ann/password", nil).Status(http.StatusOK)
		h.Get("/member").Status(http.StatusOK)
		h.Post("/oldest/ann", nil).Status(http.StatusOK)
		h.Get("/member").Status(http.StatusUnauthorized)
	})
}

// Another process believes the user of before the change for a while: the session
// that has made it is not refused there.
func TestAStampIsReadAnewBeforeASessionIsRefused(t *testing.T) {
	t.Parallel()
	r := newRemembering(t, time.Hour)
	store := session.NewMemoryStore(session.MemoryOptions{})
	process := func() http.Handler {
		a := auth.New(auth.Options[user]{
			Sessions: session.New(session.Options{Store: store}), FindAge: time.Hour,
			ID: func(u user) string { return u.ID }, Stamp: func(u user) string { return u.Roles[0] },
			Find: func(_ context.Context, id string) (user, error) { r.finds++; return r.users[id], nil },
		})
		mux := http.NewServeMux()
		mux.Handle("/in", web.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) error { return a.SignIn(req.Context(), r.users["alice"]) }))
		mux.Handle("/change", web.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) error {
			r.users["alice"] = user{ID: "alice", Roles: []string{"new"}}
			return a.Rebind(req.Context())
		}))
		mux.Handle("/", a.Required(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		return a.Identify(mux)
	}
	here, there := process(), process()
	r.users["alice"] = user{ID: "alice", Roles: []string{"old"}}
	r.h = here
	r.cookies = r.get("/in").Result().Cookies()
	r.h = there
	assert.Equal(t, r.get("/").Code, http.StatusOK)
	before := r.cookies
	r.h = here
	r.cookies = r.get("/change").Result().Cookies()
	r.h = there
	assert.Equal(t, r.get("/").Code, http.StatusOK)
	finds := r.finds
	assert.Equal(t, r.get("/").Code, http.StatusOK)
	assert.Equal(t, r.finds, finds)
	r.cookies = before
	assert.Equal(t, r.get("/").Code, http.StatusUnauthorized)
}
