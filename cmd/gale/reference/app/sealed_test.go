package app_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/keyring/reencrypt"
	"github.com/galeweb/gale/mail"
)

// dump returns all that the database has, table by table, and on SQLite the
// bytes of its files.
func (s *site) dump() map[string]string {
	s.t.Helper()
	list := "SELECT name FROM sqlite_schema WHERE type = 'table' LIMIT 1000"
	if s.db.Dialect() == db.Postgres {
		list = "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema() LIMIT 1000"
	}
	tables, err := db.All[string](s.t.Context(), s.db, list)
	assert.NoError(s.t, err)
	out := map[string]string{}
	for _, table := range tables {
		out[table] = s.dumpTable(table)
	}
	if s.db.Dialect() == db.SQLite {
		file, err := db.Get[string](s.t.Context(), s.db, "SELECT file FROM pragma_database_list WHERE name = 'main'")
		assert.NoError(s.t, err)
		for _, name := range []string{file, file + "-wal"} {
			content, err := os.ReadFile(name)
			assert.NoError(s.t, err)
			out[name] = string(content)
		}
	}
	return out
}

func (s *site) dumpTable(table string) string {
	s.t.Helper()
	rows, err := s.db.Query(s.t.Context(), "SELECT * FROM "+table)
	assert.NoError(s.t, err)
	var b strings.Builder
	for rows.Next() {
		values := make([]any, len(rows.Columns()))
		dest := make([]any, len(values))
		for i := range values {
			dest[i] = &values[i]
		}
		assert.NoError(s.t, rows.Scan(dest...))
		for _, v := range values {
			if raw, ok := v.([]byte); ok {
				v = string(raw)
			}
			fmt.Fprintf(&b, "%v\n", v)
		}
	}
	assert.NoError(s.t, errors.Join(rows.Err(), rows.Close()))
	return b.String()
}

// Whoever gets a copy of the database learns no mail address from it, whatever
// people have done.
func TestNoAddressIsInTheDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		ada := s.signUp("ada")
		s.enroll(ada)
		for _, name := range []string{"bob", "cay", "dan"} {
			s.signUp(name)
		}
		// Guesses, at what is an account and what is not.
		for _, name := range []string{"bob", "nobody"} {
			for range 6 {
				s.Stranger().Browser().Post("/sign-in", url.Values{"email": {name + "@example.com"}, "password": {"wrong horse"}})
			}
		}
		// Links that were used, and that wait.
		ask := func(path string, c *galetest.Client, form url.Values) {
			t.Helper()
			if status := c.Post(path, form).Raw.StatusCode; status != http.StatusOK && status != http.StatusSeeOther {
				t.Fatalf("%s: %d", path, status)
			}
		}
		ask("/reset", s.Stranger().Browser(), url.Values{"email": {"Cay@Example.com"}})
		s.Stranger().Browser().Post("/reset/confirm", url.Values{"token": {s.token("cay@example.com", resetSubject)}, "password": {"mountain violin teapot"}}).
			Status(http.StatusSeeOther)
		ask("/reset", s.Stranger().Browser(), url.Values{"email": {"dan@example.com"}})
		s.token("dan@example.com", resetSubject)
		ask("/sign-up", s.Stranger().Browser(), url.Values{"name": {"eve"}, "email": {"eve@example.com"}})
		s.token("eve@example.com", confirmSubject)
		dan := s.signIn("dan")
		ask("/profile/email", dan, url.Values{"email": {"daniel@example.com"}, "password": {password}})
		for end, address := range map[string]string{"new": "daniel@example.com", "old": "dan@example.com"} {
			subject := map[string]string{"new": "Confirm your new mail address", "old": "Your mail address is to be changed"}[end]
			s.Stranger().Browser().Post("/email/"+end, url.Values{"token": {s.token(address, subject)}, "answer": {"allow"}}).Status(http.StatusOK)
		}
		u, err := s.store.UserByEmail(t.Context(), "daniel@example.com")
		assert.NoError(t, err)
		assert.Equal(t, u.Name, "dan")
		ask("/profile/email", dan, url.Values{"email": {"dan2@example.com"}, "password": {password}})
		s.token("dan2@example.com", "Confirm your new mail address")
		// What is written down, and who has gone.
		bob, err := s.store.UserByEmail(t.Context(), "bob@example.com")
		assert.NoError(t, err)
		s.give(ada, bob, "operator").Status(http.StatusSeeOther)
		s.key(ada, "probe")
		dan.Post("/profile/delete", url.Values{"name": {"dan"}, "password": {"wrong"}}).Status(http.StatusUnprocessableEntity)
		s.Stranger().Browser().Post("/sign-in", url.Values{"email": {"cay@example.com"}, "password": {"mountain violin teapot"}, "remember": {"true"}}).
			Status(http.StatusSeeOther)

		dump := s.dump()
		for _, table := range []string{"users", "mail_links", "rate_limits", "audit_log", "sessions", "totp_authenticators"} {
			if dump[table] == "" {
				t.Errorf("nothing is in %s, where there could be an address", table)
			}
		}
		for _, name := range []string{"ada", "bob", "cay", "dan", "daniel", "dan2", "eve", "nobody"} {
			address := name + "@example.com"
			guess := sha256.Sum256([]byte(address)) // which anybody can compute
			for table, text := range dump {
				for _, form := range []string{address, url.QueryEscape(address), hex.EncodeToString(guess[:16]), string(guess[:16])} {
					if strings.Contains(strings.ToLower(text), form) || strings.Contains(text, form) {
						t.Errorf("%s has %q of %s", table, form, address)
					}
				}
			}
		}
	})
}

// underOld is how many values are under keys of the set, in all columns that
// are declared but for those that need no moving.
func (s *site) underOld(set keyring.Set) (n int64) {
	s.t.Helper()
	declared, err := reencrypt.Columns(s.t.Context(), s.db)
	assert.NoError(s.t, err)
	for _, name := range declared {
		table, column, _ := strings.Cut(name, ".")
		if table == "mail_links" || table == "recovery_codes" {
			continue
		}
		counts, err := reencrypt.Count(s.t.Context(), s.db, table, column)
		assert.NoError(s.t, err)
		for _, k := range set.Keys() {
			n += counts[k.ID]
		}
	}
	return n
}

// All is moved to the new keys while people use relay: nobody is signed out,
// and everybody is found. Then the old keys can go.
func TestRotationWhilePeopleUseIt(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		browsers := map[string]*galetest.Client{"ada": s.signUp("ada")}
		app := s.enroll(browsers["ada"])
		names, links := []string{"ada"}, s.store.LinkedAccounts()
		linked := func(name string) oauth.Record {
			id := oauth.Identity{Provider: "oidc", Issuer: "https://id.example.com", Subject: name, Email: name + "@elsewhere.example"}
			return oauth.NewRecord("id-"+name, id, s.clock.Now())
		}
		for i := range 250 {
			name := fmt.Sprint("user", i)
			names = append(names, name)
			l := models.Link{Hash: []byte(name), Purpose: models.SignUpLink, Email: name + "@example.com", CreatedAt: s.clock.Now(), ExpiresAt: s.clock.Now().Add(time.Hour)}
			assert.NoError(t, s.store.AddLinks(t.Context(), l))
			ada, err := s.store.UserByEmail(t.Context(), "ada@example.com")
			assert.NoError(t, err)
			_, err = s.store.CreateUser(t.Context(), models.User{ID: "id-" + name, Name: name, PasswordHash: ada.PasswordHash, Role: models.Viewer, CreatedAt: s.clock.Now()}, l.Hash)
			assert.NoError(t, err)
			if i%50 == 0 {
				browsers[name] = s.signIn(name)
				assert.NoError(t, links.Add(t.Context(), linked(name)))
			}
		}
		var before keyring.Set
		done := make(chan struct{})
		var wg sync.WaitGroup
		for name, c := range browsers {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
					}
					c.Get("/profile").Status(http.StatusOK).Contains(name + "@example.com")
					if name != "ada" { // whom a second factor keeps from signing in so
						s.signIn(names[1+i%250])
					}
				}
			})
		}
		s.keys.change(t, func(set keyring.Set) keyring.Set {
			before = set
			set, _ = set.Rotate(keyring.Encryption, time.Now())
			set, _ = set.Rotate(keyring.Indexing, time.Now())
			return set
		})
		assert.Equal(t, s.underOld(before), int64(2*251+1+5))
		s.reload <- syscall.SIGHUP
		deadline := time.Now().Add(time.Minute)
		for s.underOld(before) > 0 {
			if time.Now().After(deadline) {
				t.Error("values stay under the old keys")
				break
			}
		}
		close(done)
		wg.Wait()

		// A recovery code is a hash that nobody can make anew: it works as long as its key is there.
		second(s.half("ada"), app.codes[0]).Status(http.StatusSeeOther)
		s.keys.change(t, func(set keyring.Set) keyring.Set {
			for _, k := range before.Keys() {
				if k.Purpose == keyring.Encryption || k.Purpose == keyring.Indexing {
					var err error
					set, err = set.Remove(k.ID)
					assert.NoError(t, err)
				}
			}
			return set
		})
		for name, c := range browsers {
			c.Get("/profile").Status(http.StatusOK).Contains(name + "@example.com")
			if name != "ada" {
				all, err := links.ByUser(t.Context(), "id-"+name)
				assert.NoError(t, err)
				assert.Equal(t, all, []oauth.Record{linked(name)})
			}
		}
		for _, name := range names[1:] {
			u, err := s.store.UserByEmail(t.Context(), name+"@example.com")
			assert.NoError(t, err)
			assert.Equal(t, u.Name, name)
		}
		s.clock.Advance(time.Minute)
		second(s.half("ada"), app.codes[1]).Status(http.StatusUnprocessableEntity)
		second(s.half("ada"), app.code()).Status(http.StatusSeeOther)
	})
}

// Somebody with write access to the database has put one account's address into
// another's row, to get its mail. Nobody gets any, and it is told why.
func TestMovedAddress(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.ExpectLog("a mail address cannot be read")
		s.log.Expect("a mail address cannot be read")
		s.ExpectLog("status=503")
		ada, bob := s.signUp("ada"), s.signUp("bob")
		mails := len(s.outbox.Messages())
		exec := func(statement string) {
			t.Helper()
			_, err := s.db.Exec(t.Context(), statement)
			assert.NoError(t, err)
		}
		exec("CREATE TABLE swapped AS SELECT name, email FROM users")
		exec("UPDATE users SET email = (SELECT email FROM swapped WHERE swapped.name <> users.name)")
		for name, c := range map[string]*galetest.Client{"ada": ada, "bob": bob} {
			// Still signed in, and not as the other.
			page := c.Get("/profile").Status(http.StatusOK).Contains("<h1>" + name + "</h1>").Text()
			assert.Equal(t, strings.Contains(page, "@example.com"), false)
			c.Post("/profile/email", url.Values{"email": {"new@example.com"}, "password": {password}}).
				Status(http.StatusServiceUnavailable).Contains("The mail address of this account cannot be read")
			s.Stranger().Browser().Post("/sign-in", url.Values{"email": {name + "@example.com"}, "password": {password}}).
				Status(http.StatusServiceUnavailable).Contains("The mail address of this account cannot be read")
			s.Stranger().Browser().Post("/reset", url.Values{"email": {name + "@example.com"}}).Status(http.StatusOK)
		}
		page := ada.Get("/admin/users").Status(http.StatusOK).Contains("bob").Text()
		assert.Equal(t, strings.Contains(page, "@example.com"), false)
		exec("UPDATE users SET email = (SELECT email FROM swapped WHERE swapped.name = users.name)")
		exec("DROP TABLE swapped")
		assert.Equal(t, s.canSignIn("bob@example.com", password), true) // the row is put back
		assert.NoError(t, s.app.Close(context.Background()))            // after what was to be mailed
		got := s.outbox.Messages()
		assert.Equal(t, slices.ContainsFunc(got, func(m mail.Message) bool { return m.Subject == resetSubject }), false)
		assert.Equal(t, len(got), mails)
	})
}

// Of those whose addresses cannot be read none uses up the guesses of another.
func TestGuessesOfUnreadable(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.ExpectLog("a mail address cannot be read")
		s.enroll(s.signUp("ada"))
		app := s.enroll(s.signUp("bob"))
		s.signUp("cay")
		thief, bob := s.half("ada"), s.half("bob")
		dan, cay := s.signUp("dan"), s.signIn("cay")
		_, err := s.db.Exec(t.Context(), "CREATE TABLE swapped AS SELECT name, email FROM users")
		assert.NoError(t, err)
		_, err = s.db.Exec(t.Context(), "UPDATE users SET email = (SELECT email FROM swapped WHERE swapped.name <> users.name LIMIT 1)")
		assert.NoError(t, err)

		for range 5 {
			second(thief, "000000").Status(http.StatusUnprocessableEntity)
		}
		second(thief, "000000").Status(http.StatusTooManyRequests)
		second(bob, app.code()).Status(http.StatusSeeOther).HasHeader("Location", "/profile")

		confirm := func(c *galetest.Client, password string) *galetest.Response {
			return c.Post("/confirm", url.Values{"password": {password}, "next": {"/profile"}})
		}
		for range 5 {
			confirm(dan, "wrong horse").Status(http.StatusUnprocessableEntity)
		}
		confirm(dan, "wrong horse").Status(http.StatusTooManyRequests)
		confirm(cay, password).Status(http.StatusSeeOther)
	})
}
