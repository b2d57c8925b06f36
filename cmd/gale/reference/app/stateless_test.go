package app_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/galetest"
)

// TestStateless runs two instances on one database behind a balancer that sends
// each request to the other one: nothing may be in the memory of one only.
func TestStateless(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		for _, server := range []string{galetest.Engine, galetest.NetHTTP} {
			runPair(t, server, func(tb testing.TB) (a, b *db.DB) {
				file := filepath.Join(tb.TempDir(), "relay.db") + "?synchronous=normal"
				return openFile(tb, file, db.Options{}), openFile(tb, file, db.Options{})
			})
		}
	})
	t.Run("postgres", func(t *testing.T) {
		runPair(t, galetest.Engine, func(tb testing.TB) (a, b *db.DB) {
			d := openDB(tb, galepgx.Driver())
			return d, d
		})
	})
}

func runPair(t *testing.T, server string, open func(testing.TB) (a, b *db.DB)) {
	t.Helper()
	var pair [2]site
	var count atomic.Int64
	galetest.RunWith(t, galetest.Options{Servers: []string{server}}, func(tb testing.TB) http.Handler {
		pair[0].db, pair[1].db = open(tb)
		shared := newKeys(tb, time.Now().Add(-time.Hour))
		for i := range pair {
			pair[i].keys = shared
			pair[i].start(tb, nil)
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pair[count.Add(1)%2].handler.ServeHTTP(w, r)
		})
	}, func(t *testing.T, c *galetest.Client) {
		alternate(t, &site{Client: c, t: t, store: pair[0].store, log: pair[0].log})
	})
}

func alternate(t *testing.T, s *site) {
	t.Helper()
	program := s.furnish()
	browser := s.signIn("ada")
	for range 2 { // each step on either instance
		browser.Get("/profile").Status(http.StatusOK).Contains("ada@example.com")
	}
	browser.Post("/profile/name", url.Values{"name": {"countess"}}).Status(http.StatusSeeOther)
	browser.Get("/profile").Contains("Others now see you as countess.")
	for i := range 3 {
		for range 3 {
			id := string(rune('a' + i))
			r := program.Post(sendPath, `{"kind":"k","payload":{},"client_id":"`+id+`"}`)
			if r.Raw.StatusCode != http.StatusOK && r.Raw.StatusCode != http.StatusCreated {
				t.Fatalf("status %d: %s", r.Raw.StatusCode, r.Text())
			}
		}
	}
	assert.Equal(t, len(stored(program, "open")), 3)
	lines := lineOf("", 1) + lineOf("", 2)
	for i := range 2 {
		r := ndjson(program, "open", lines)
		r.Header.Set("Idempotency-Key", "k")
		var got sum
		program.Do(r).Status(http.StatusCreated).JSON(&got)
		assert.Equal(t, got, []sum{{2, 0}, {0, 2}}[i])
	}
	_, id := s.key(browser, "other")
	browser.Post("/profile/keys/"+id+"/revoke", nil).Status(http.StatusSeeOther)
	browser.Get("/profile").Contains("The key is revoked.")
	browser.Post("/profile/password", url.Values{"old": {password}, "password": {"quiet otter sells maps"}}).Status(http.StatusSeeOther)
	browser.Get("/profile").Status(http.StatusOK)
	cookie := browser.Cookie("__Host-session")
	browser.Post("/sign-out", nil).Status(http.StatusSeeOther)
	for range 2 {
		browser.SetCookie("__Host-session", cookie)
		browser.Get("/profile").Status(http.StatusSeeOther)
	}
}
