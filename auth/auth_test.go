package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

type user struct {
	ID       string
	Roles    []string
	Disabled bool
}

// site is an application with a user table and one browser before it.
type site struct {
	t       *testing.T
	h       http.Handler
	auth    *auth.Auth[user]
	users   map[string]user
	findErr error
	finds   int
	cookies []*http.Cookie
	obs     *obs.Request
}

// keyed takes "Authorization: Bearer key-ID".
type keyed struct{ s *site }

func (k keyed) Authenticate(_ context.Context, r *http.Request) (user, bool, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer key-")
	if !ok {
		return user{}, false, nil
	}
	u, ok := k.s.users[token]
	if !ok {
		return user{}, false, &web.Error{Status: http.StatusUnauthorized, Code: "invalid_key"}
	}
	return u, true, nil
}

func newSite(t *testing.T, authenticators ...auth.Authenticator[user]) *site {
	s := &site{t: t, users: map[string]user{
		"alice": {ID: "alice", Roles: []string{"admin"}},
		"bob":   {ID: "bob", Roles: []string{"viewer", "janitor"}},
		"carol": {ID: "carol"},
	}}
	for range authenticators {
		authenticators = []auth.Authenticator[user]{keyed{s}}
	}
	s.auth = auth.New(auth.Options[user]{
		Sessions: session.New(session.Options{}),
		Find: func(_ context.Context, id string) (user, error) {
			s.finds++
			if s.findErr != nil {
				return user{}, s.findErr
			}
			u, ok := s.users[id]
			if !ok {
				return user{}, auth.ErrNoUser
			}
			return u, nil
		},
		ID:             func(u user) string { return u.ID },
		Active:         func(u user) bool { return !u.Disabled },
		Roles:          func(u user) []string { return u.Roles },
		Permissions:    map[string][]string{"admin": {"*", "users.delete"}, "viewer": {"posts.read"}},
		Authenticators: authenticators,
	})
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := s.auth.User(r.Context())
		_, _ = w.Write([]byte(u.ID))
	})
	mux := http.NewServeMux()
	mux.Handle("/who", who)
	mux.Handle("/in/{user}", web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if err := s.auth.SignIn(r.Context(), s.users[r.PathValue("user")]); err != nil {
			return err
		}
		who(w, r)
		return nil
	}))
	mux.Handle("/out", web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if err := s.auth.SignOut(r.Context()); err != nil {
			return err
		}
		who(w, r)
		return nil
	}))
	mux.Handle("/member", s.auth.Required(who))
	mux.Handle("/login", s.auth.Required(who)) // a mistake that must not loop
	mux.Handle("/read", s.auth.Require("posts.read")(who))
	mux.Handle("/delete", s.auth.Require("posts.read", "users.delete")(who))
	s.h = s.auth.Identify(mux)
	return s
}

// get sends a request; header has name, value, name, value …
func (s *site) get(target string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	s.obs = obs.NewRequest("id", "")
	ctx := obs.WithRequest(obs.WithLogger(s.t.Context(), slog.New(slog.DiscardHandler)), s.obs)
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	r.RequestURI = target
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(target, "?")
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	for _, c := range s.cookies {
		r.AddCookie(c)
	}
	w := galetest.Serve(s.t, s.h, r)
	if c := w.Result().Cookies(); len(c) > 0 {
		s.cookies = c
	}
	return w
}

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	assert.Equal(t, s.get("/who").Body.String(), "")
	assert.Equal(t, s.finds, 0)
	assert.Equal(t, s.get("/in/alice").Body.String(), "alice") // in the same request already
	assert.Equal(t, s.obs.User(), "alice")
	assert.Equal(t, s.get("/who").Body.String(), "alice")
	assert.Equal(t, s.obs.User(), "alice")
	assert.Equal(t, s.get("/out").Body.String(), "")
	assert.Equal(t, s.obs.User(), "")
	assert.Equal(t, s.get("/who").Body.String(), "")
}

func TestADisabledUserIsOutAtTheNextRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.get("/in/alice")
	s.users["alice"] = user{ID: "alice", Roles: []string{"admin"}, Disabled: true}
	assert.Equal(t, s.get("/who").Body.String(), "")
	assert.Equal(t, s.get("/member").Code, http.StatusUnauthorized)
	assert.Equal(t, s.obs.User(), "")
}

func TestADisabledUserCannotSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.users["alice"] = user{ID: "alice", Disabled: true}
	w := s.get("/in/alice")
	assert.ErrorIs(t, s.obs.Err(), auth.ErrInactive)
	assert.Equal(t, len(w.Result().Cookies()), 0)
}

func TestADeletedUserIsSignedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.get("/in/bob")
	delete(s.users, "bob")
	w := s.get("/who")
	assert.Equal(t, w.Body.String(), "")
	assert.True(t, len(w.Result().Cookies()) == 1 && w.Result().Cookies()[0].MaxAge < 0, "the cookie stays")
	s.users["bob"] = user{ID: "bob"} // the id is given away again
	assert.Equal(t, s.get("/who").Body.String(), "")
}

func TestADatabaseThatIsDownIsNoSignOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.get("/in/alice")
	s.findErr = errors.New("connection refused")
	w := s.get("/member", "Accept", "text/html")
	assert.Equal(t, w.Code, http.StatusInternalServerError)
	assert.Equal(t, w.Header().Get("Location"), "")
	assert.Equal(t, len(w.Result().Cookies()), 0)
	s.findErr = nil
	assert.Equal(t, s.get("/member").Body.String(), "alice")
}

func TestAChangedRoleAppliesAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.get("/in/alice")
	assert.Equal(t, s.get("/delete").Code, http.StatusOK)
	s.users["alice"] = user{ID: "alice", Roles: []string{"viewer"}}
	assert.Equal(t, s.get("/delete").Code, http.StatusForbidden)
}

func TestCredentialsDecideAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, keyed{})
	s.get("/in/alice")
	s.users["dave"] = user{ID: "dave", Disabled: true}
	assert.Equal(t, s.get("/who", "Authorization", "Bearer key-bob").Body.String(), "bob")
	assert.Equal(t, s.obs.User(), "bob")
	assert.Equal(t, s.get("/who", "Authorization", "Basic cHJveHk6cHJveHk=").Body.String(), "alice")
	for _, wrong := range []string{"Bearer key-mallory", "Bearer key-dave", "Bearer garbage", "bearer x", "Bearer"} {
		w := s.get("/who", "Authorization", wrong)
		assert.True(t, w.Code == http.StatusUnauthorized && !strings.Contains(w.Body.String(), "alice"), wrong)
	}
}

func TestUserIsNobodyOutsideOfIdentify(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ok := s.auth.User(t.Context())
	assert.True(t, !ok, "somebody is signed in")
	assert.True(t, !s.auth.Can(t.Context(), "users.delete"), "nobody may delete users")
}

func TestAnAuthKnowsOnlyItsOwnUsers(t *testing.T) {
	t.Parallel()
	visitors, staff := newSite(t), newSite(t)
	visitors.h = visitors.auth.Identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.NoError(t, visitors.auth.SignIn(r.Context(), visitors.users["alice"]))
		_, ok := staff.auth.User(r.Context())
		assert.True(t, !ok, "a visitor is staff")
		assert.True(t, !staff.auth.Can(r.Context(), "users.delete"), "a visitor may do what staff may")
	}))
	visitors.get("/")
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	h := s.auth.Identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { s.auth.Can(r.Context(), "posts.read") })
		}
		assert.NoError(t, s.auth.SignIn(r.Context(), user{ID: "alice", Roles: []string{"viewer"}}))
		wg.Wait()
		assert.True(t, s.auth.Can(r.Context(), "posts.read"), "alice may not read")
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
}
