package app_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/obs"
)

// impatient has a site wait briefly for its database.
func impatient(tb testing.TB, s *site) {
	s.file = filepath.Join(tb.TempDir(), "relay.db")
	s.db = openFile(tb, s.file+"?synchronous=normal&busy_timeout=20ms", db.Options{AcquireTimeout: 50 * time.Millisecond, MaxConns: 2})
}

// ready asks the readiness probe that main wires up.
func (s *site) ready() int {
	h := obs.NewHealth()
	h.Add("database", s.app.Check)
	w := httptest.NewRecorder()
	h.Ready(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return w.Code
}

// busy fails unless the answer is to come back later.
func busy(t *testing.T, r *galetest.Response) {
	t.Helper()
	r.Status(http.StatusServiceUnavailable)
	if r.Header("Retry-After") == "" {
		t.Fatalf("a 503 without Retry-After: %s", r.Text())
	}
}

const sendPath = "/api/v1/channels/open/packets"

// lock holds the write lock of a site's database, as another process would.
func (s *site) lock(t *testing.T) (unlock func()) {
	t.Helper()
	other := openFile(t, s.file, db.Options{})
	locked, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- other.Tx(context.Background(), func(context.Context, *db.Tx) error {
			close(locked)
			<-release
			return nil
		})
	}()
	<-locked
	return sync.OnceFunc(func() {
		close(release)
		assert.NoError(t, <-done)
	})
}

func TestDatabaseLocked(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.furnish()
		browser := s.signIn("ada")
		c.Post(sendPath, `{"kind":"k","payload":{},"client_id":"1"}`).Status(http.StatusCreated)
		s.ExpectLog("status=503")
		s.clock.Advance(2 * time.Minute) // sessions and keys are due to be touched
		unlock := s.lock(t)
		defer unlock()
		busy(t, c.Post(sendPath, `{"kind":"k","payload":{},"client_id":"2"}`).Problem("unavailable"))
		busy(t, c.Do(ndjson(c, "open", lineOf("3", 3))).Problem("unavailable").HasHeader("Relay-Stored", "0"))
		busy(t, c.Post("/api/v1/channels", `{"name":"new","title":"New"}`).Problem("unavailable"))
		busy(t, browser.Post("/channels", url.Values{"name": {"new"}, "title": {"New"}}))
		busy(t, browser.Post("/profile/name", url.Values{"name": {"new"}}))
		busy(t, s.Stranger().Browser().Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}}))
		busy(t, browser.Post("/profile/password", url.Values{"old": {password}, "password": {"quiet otter sells maps"}}))
		// The mail of a sign-up is tried again, when the database is there.
		s.Stranger().Browser().Post("/sign-up", url.Values{"name": {"eve"}, "email": {"eve@example.com"}}).Status(http.StatusOK)
		// Reading goes on.
		assert.Equal(t, len(stored(c, "open")), 1)
		browser.Get("/channels/open").Status(http.StatusOK)
		assert.Equal(t, s.ready(), http.StatusOK)
		unlock()
		c.Post(sendPath, `{"kind":"k","payload":{},"client_id":"2"}`).Status(http.StatusCreated)
		c.Do(ndjson(c, "open", lineOf("3", 3))).Status(http.StatusCreated)
		assert.Equal(t, len(stored(c, "open")), 3)
		browser.Post("/profile/name", url.Values{"name": {"new"}}).Status(http.StatusSeeOther)
	}, impatient)
}

func TestDiskFull(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.furnish()
		s.ExpectLog("status=503")
		_, err := s.db.Exec(t.Context(), "PRAGMA max_page_count = 200") // 800 KiB
		assert.NoError(t, err)
		body := `[` + strings.Repeat(`{"kind":"k","payload":`+object(4000)+`},`, 9) + `{"kind":"k","payload":{}}]`
		taken := 0
		for ; taken < 100; taken++ {
			r := c.Post(sendPath, body)
			if r.Raw.StatusCode != http.StatusCreated {
				busy(t, r.Problem("unavailable"))
				break
			}
		}
		assert.Equal(t, taken > 2 && taken < 100, true)
		assert.Equal(t, len(stored(c, "open")), 10*taken) // all or none of each
		busy(t, c.Post(sendPath, body))
		r := ndjson(c, "open", strings.Repeat(`{"kind":"k","payload":`+object(4000)+"}\n", 1000))
		busy(t, c.Do(r).HasHeader("Relay-Stored", "0"))
		assert.Equal(t, s.ready(), http.StatusOK)
		_, err = s.db.Exec(t.Context(), "PRAGMA max_page_count = 100000")
		assert.NoError(t, err)
		c.Post(sendPath, body).Status(http.StatusCreated)
		assert.Equal(t, len(stored(c, "open")), 10*taken+10)
	}, impatient)
}

// Readers that take every connection: others are told to come back.
func TestPoolOverload(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.furnish()
		browser := s.signIn("ada")
		s.ExpectLog("status=503")
		var readers sync.WaitGroup
		release := make(chan struct{})
		for range 2 {
			held := make(chan struct{})
			readers.Go(func() {
				if err := s.db.ReadTx(context.Background(), func(ctx context.Context, tx *db.Tx) error {
					_, err := db.Get[int](ctx, tx, "SELECT 1")
					close(held)
					<-release
					return err
				}); err != nil {
					t.Error(err)
				}
			})
			<-held
		}
		busy(t, c.Post(sendPath, `{"kind":"k","payload":{}}`))
		busy(t, s.Get("/api/v1/channels/open/packets"))
		busy(t, s.Get("/api/v1/channels/open/packets.ndjson"))
		busy(t, s.Get("/api/v1/channels/open/rate"))
		busy(t, s.Get("/api/v1/channels"))
		busy(t, browser.Get("/channels/open"))
		busy(t, browser.Get("/profile"))
		busy(t, s.Stranger().Browser().Get("/"))
		assert.Equal(t, s.ready(), http.StatusServiceUnavailable)
		close(release)
		readers.Wait()
		assert.Equal(t, s.ready(), http.StatusOK)
		c.Post(sendPath, `{"kind":"k","payload":{}}`).Status(http.StatusCreated)
		browser.Get("/profile").Status(http.StatusOK)
	}, impatient)
}

// More waits to be stored than memory is given to: the rest is refused at once,
// and what was taken is stored.
func TestWriteOverload(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.furnish()
		s.ExpectLog("status=503")
		c.Post(sendPath, `[]`).Status(http.StatusCreated) // notes the use of the key
		until(t, func() bool {
			n, err := db.Get[int](t.Context(), s.db, "SELECT COUNT(*) FROM api_keys WHERE last_used_at IS NOT NULL")
			assert.NoError(t, err)
			return n == 1
		})
		unlock := s.lock(t)
		defer unlock()
		body := `[` + strings.Repeat(`{"kind":"k","payload":{}},`, 999) + `{"kind":"k","payload":{}}]`
		const senders, fit = 43, 40
		answers := make(chan *http.Response, senders)
		var wg sync.WaitGroup
		for range senders {
			r := c.NewRequest(http.MethodPost, sendPath, body)
			wg.Go(func() {
				answer, err := c.HTTP().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_ = answer.Body.Close()
				answers <- answer
			})
		}
		refused := 0
		for range senders - fit {
			answer := <-answers
			assert.Equal(t, answer.StatusCode, http.StatusServiceUnavailable)
			refused++
		}
		unlock()
		wg.Wait()
		close(answers)
		kept := 0
		for answer := range answers {
			if answer.StatusCode == http.StatusCreated {
				kept++
			}
		}
		assert.Equal(t, []int{kept, refused}, []int{fit, senders - fit})
		assert.Equal(t, count(t, s), 1000*fit)
	}, func(tb testing.TB, s *site) {
		s.file = filepath.Join(tb.TempDir(), "relay.db")
		s.db = openFile(tb, s.file+"?synchronous=normal&busy_timeout=20s", db.Options{})
	})
}

func TestDatabaseGone(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.furnish()
		browser := s.signIn("ada")
		s.ExpectLog("status=503")
		assert.NoError(t, s.db.Close())
		assert.Equal(t, s.ready(), http.StatusServiceUnavailable)
		busy(t, c.Post(sendPath, `{"kind":"k","payload":{}}`))
		busy(t, browser.Get("/"))
		busy(t, s.Stranger().Browser().Get("/"))
		s.Get("/hub.js").Status(http.StatusOK)
		s.Get("/sign-in").Status(http.StatusOK)
	})
}

// Postgres restarts: all connections are lost at once. Some requests are told to
// come back, and with their client ids nothing is lost or doubled.
func TestPostgresConnectionsLost(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(galetest.Require(t, "postgres"))
	assert.NoError(t, err)
	admin, err := db.Open(t.Context(), address.String(), db.Options{Drivers: database.Drivers()})
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, admin.Close()) })
	name := "lost-" + rand.Text()
	query := address.Query()
	query.Set("application_name", name)
	address.RawQuery = query.Encode()
	runSite(t, galetest.Engine, galesqlite.Driver(), func(t *testing.T, s *site) {
		c := s.furnish()
		s.ExpectLog("503")
		s.Server().Log().Logger().Error("a 503 may come, or not")
		for i := range 5 {
			_, err := db.All[bool](t.Context(), admin,
				"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND query NOT LIKE 'CREATE SCHEMA%'", name)
			assert.NoError(t, err)
			until(t, func() bool {
				r := c.Post(sendPath, fmt.Sprintf(`{"kind":"k","payload":{},"client_id":"%d"}`, i))
				if r.Raw.StatusCode < 300 {
					return true
				}
				busy(t, r)
				return false
			})
		}
		assert.Equal(t, len(stored(c, "open")), 5)
	}, []setting{func(tb testing.TB, s *site) {
		s.db = galetest.DB(tb, galetest.DBOptions{Driver: galepgx.Driver(), URL: address.String(), Migrations: database.Migrations()})
	}})
}
