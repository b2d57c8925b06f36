package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/session"
)

// nowhere is a response that is thrown away.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// BenchmarkSession is what a session, its role and the check for cross-site
// posts add to a handler, with users and sessions believed for a while.
func BenchmarkSession(b *testing.B) {
	store := session.NewCachedStore(session.CachedOptions{Store: session.NewMemoryStore(session.MemoryOptions{})})
	users := auth.New(auth.Options[user]{
		Sessions: session.New(session.Options{Store: store}), FindAge: time.Second,
		Find:        func(_ context.Context, id string) (user, error) { return user{ID: id, Roles: []string{"editor"}}, nil },
		ID:          func(u user) string { return u.ID },
		Roles:       func(u user) []string { return u.Roles },
		Stamp:       func(u user) string { return u.ID },
		Permissions: map[string][]string{"editor": {"posts.write"}},
	})
	w := httptest.NewRecorder()
	users.Identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := users.SignIn(r.Context(), user{ID: "u1"}); err != nil {
			b.Error(err)
		}
	})).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	h := middleware.CrossOrigin(middleware.CrossOriginOptions{})(users.Identify(users.Require("posts.write")(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))))
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	b.ReportAllocs()
	for b.Loop() {
		out := &nowhere{http.Header{}}
		h.ServeHTTP(out, r)
	}
}
