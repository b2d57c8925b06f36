package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

// TestAttackOpenPage: a page that was left open, and asks for news all the time,
// does not keep its session for whoever comes by.
func TestAttackOpenPage(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"not loaded yet": "/unattended", "loaded by a guard": "/loaded"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			m := session.New(session.Options{Idle: time.Hour, Lifetime: 24 * time.Hour, Clock: func() time.Time { return now }})
			b := newBrowser(t, app(m))
			b.get("/in/alice")
			id := func() string {
				all, err := m.List(t.Context(), "alice")
				assert.NoError(t, err)
				if len(all) == 0 {
					return ""
				}
				return all[0].ID
			}()
			ends := func(in time.Duration) {
				t.Helper()
				end, err := m.Expires(t.Context(), "alice", id)
				assert.NoError(t, err)
				assert.Equal(t, end.Sub(now), in)
			}
			now = now.Add(50 * time.Minute)
			assert.Equal(t, b.body(path+"/who"), "alice")
			ends(10 * time.Minute)
			b.get(path + "/put/k/v") // but what changes the session is use
			ends(time.Hour)
			for range 59 {
				now = now.Add(time.Minute)
				assert.Equal(t, b.body(path+"/who"), "alice")
			}
			now = now.Add(time.Minute)
			assert.Equal(t, b.body(path+"/who"), "")
			ends(0)
			open, err := m.Open(t.Context(), "alice", id)
			assert.NoError(t, err)
			assert.True(t, !open, "it has ended")
		})
	}
}

func TestExpires(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := session.New(session.Options{Idle: time.Hour, Lifetime: 90 * time.Minute, Clock: func() time.Time { return now }})
	var seen []time.Duration // zero before it is stored
	h := m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if s := session.From(r.Context()); s.Expires().IsZero() {
			assert.NoError(t, s.SignIn(r.Context(), "alice"))
			seen = append(seen, 0, s.Expires().Sub(now))
		} else {
			seen = append(seen, s.Expires().Sub(now))
		}
	}))
	b := newBrowser(t, h)
	b.get("/")
	now = now.Add(50 * time.Minute)
	b.get("/")
	b.get("/") // the use before this one counts
	assert.Equal(t, seen, []time.Duration{0, time.Hour, 10 * time.Minute, 40 * time.Minute})
	end, err := m.Expires(t.Context(), "alice", "none")
	assert.NoError(t, err)
	assert.Equal(t, end, time.Time{})
	_, err = session.New(session.Options{Store: unlisted{}}).Expires(t.Context(), "alice", "none")
	assert.ErrorIs(t, err, errDown)

	said := assert.Panics(t, func() {
		session.Unattended(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	})
	assert.Contains(t, said.(string), "Manager.Middleware")
}

// unlisted is a store that does not say whose sessions there are.
type unlisted struct{ session.Store }

func (unlisted) ByUser(context.Context, string) ([]session.Record, error) { return nil, errDown }
