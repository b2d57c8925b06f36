package apikey_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/session"
)

// nowhere is a response that is thrown away.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// BenchmarkKey is what a key and its owner's role add to a handler of a site
// that has sessions too, with keys believed for a while.
func BenchmarkKey(b *testing.B) {
	key, err := apikey.New("bench")
	if err != nil {
		b.Fatal(err)
	}
	type user struct{ ID, Role string }
	users := auth.New(auth.Options[user]{
		Sessions:    session.New(session.Options{Store: session.NewMemoryStore(session.MemoryOptions{})}),
		Find:        func(_ context.Context, id string) (user, error) { return user{ID: id}, nil },
		ID:          func(u user) string { return u.ID },
		Roles:       func(u user) []string { return []string{u.Role} },
		Permissions: map[string][]string{"editor": {"posts.write"}},
		Authenticators: []auth.Authenticator[user]{apikey.NewAuthenticator(apikey.Options[user]{
			Prefix: "bench", FindAge: time.Second,
			Find: func(context.Context, string) (apikey.Record, user, error) {
				return apikey.Record{Hash: key.Hash}, user{"u1", "editor"}, nil
			},
		})},
	})
	h := users.Identify(users.Require("posts.write")(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })))
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Authorization", "Bearer "+key.Plain)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(&nowhere{http.Header{}}, r)
	}
}
