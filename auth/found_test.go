package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// remembering is an application whose users are believed for a while.
type remembering struct {
	t         *testing.T
	now       time.Time
	users     map[string]user
	finds     int
	meanwhile func() // after a read, before it is kept
	auth      *auth.Auth[user]
	h         http.Handler
	cookies   []*http.Cookie
}

func newRemembering(t *testing.T, age time.Duration) *remembering {
	r := &remembering{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), users: map[string]user{"alice": {ID: "alice"}}, meanwhile: func() {}}
	clock := func() time.Time { return r.now }
	r.auth = auth.New(auth.Options[user]{
		Sessions: session.New(session.Options{Clock: clock}), Clock: clock, FindAge: age,
		ID: func(u user) string { return u.ID }, Active: func(u user) bool { return !u.Disabled },
		Find: func(_ context.Context, id string) (user, error) {
			r.finds++
			defer func() { r.meanwhile() }()
			if u, ok := r.users[id]; ok {
				return u, nil
			}
			return user{}, auth.ErrNoUser
		},
	})
	mux := http.NewServeMux()
	mux.Handle("/in", web.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) error {
		return r.auth.SignIn(req.Context(), r.users["alice"])
	}))
	mux.Handle("/", r.auth.Required(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	r.h = r.auth.Identify(mux)
	r.cookies = r.get("/in").Result().Cookies()
	return r
}

func (r *remembering) get(path string) *httptest.ResponseRecorder {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), http.MethodGet, "https://app.example"+path, nil)
	for _, c := range r.cookies {
		req.AddCookie(c)
	}
	return galetest.Serve(r.t, r.h, req)
}

func TestFindAge(t *testing.T) {
	t.Parallel()
	r := newRemembering(t, time.Second)
	for range 4 {
		assert.Equal(t, r.get("/").Code, http.StatusOK)
	}
	assert.Equal(t, r.finds, 1)
	r.users["alice"] = user{ID: "alice", Disabled: true}
	r.auth.Forget("alice")
	assert.Equal(t, r.get("/").Code, http.StatusUnauthorized) // at once

	r.users["alice"] = user{ID: "alice"}
	r.auth.Forget("alice")
	assert.Equal(t, r.get("/").Code, http.StatusOK)
	r.users["alice"] = user{ID: "alice", Disabled: true} // by another process
	r.now = r.now.Add(time.Second)
	assert.Equal(t, r.get("/").Code, http.StatusUnauthorized)
}

// A user who is disabled between the read and its keeping is not kept.
func TestFindKeepsNothingFromBeforeForget(t *testing.T) {
	t.Parallel()
	r := newRemembering(t, time.Hour)
	r.meanwhile = func() {
		r.users["alice"] = user{ID: "alice", Disabled: true}
		r.auth.Forget("alice")
	}
	r.get("/")
	r.meanwhile = func() {}
	assert.Equal(t, r.get("/").Code, http.StatusUnauthorized)
}
