package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/app"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	gale "github.com/galeweb/gale/config"
	"github.com/galeweb/gale/galetest"
)

// sessionsAt has sessions kept where a URL says, each site with a client of its own.
func sessionsAt(address, prefix string) setting {
	return func(tb testing.TB, s *site) {
		tb.Helper()
		store, stop, err := app.OpenSessions(address, prefix)
		assert.NoError(tb, err)
		tb.Cleanup(func() { assert.NoError(tb, stop(tb.Context())) })
		s.clock = galetest.NewClock(tb, time.Now()) // servers know no other time
		s.sessions, s.config.SessionURL = store, gale.NewSecret(address)
	}
}

// Two processes share what keeps the sessions: who is signed in at one is at the
// other, and who is signed out by one, by hand or from elsewhere, is out at both.
func TestSessionsByURL(t *testing.T) {
	for name, address := range map[string]func(*testing.T) string{
		"cookie":   func(*testing.T) string { return "cookie:" },
		"valkey":   func(t *testing.T) string { return galetest.Require(t, "redis") },
		"database": func(*testing.T) string { return "database:" },
	} {
		t.Run(name, func(t *testing.T) {
			prefix := "test-" + strings.ToLower(t.Name())
			at := sessionsAt(address(t), prefix)
			onSQLite(t, func(t *testing.T, s *site) {
				other := &site{t: t, Client: s.Client, db: s.db, keys: s.keys}
				other.start(t, []setting{at})
				here := s.signUp("ada")
				cookie := here.Cookie("__Host-session")
				visit := func() int {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://relay.example.com/profile", nil)
					assert.NoError(t, err)
					r.AddCookie(&http.Cookie{Name: "__Host-session", Value: cookie})
					w := httptest.NewRecorder()
					other.handler.ServeHTTP(w, r)
					return w.Code
				}
				assert.Equal(t, visit(), http.StatusOK)
				elsewhere := s.signIn("ada")
				elsewhere.Get("/profile/security").Status(http.StatusOK).Contains("/revoke")
				elsewhere.Post("/profile/sessions/revoke", nil).Status(http.StatusSeeOther)
				assert.Equal(t, visit(), http.StatusUnauthorized)
			}, at)
		})
	}
}
