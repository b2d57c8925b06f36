package database_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
)

// joiner is a new user and the link to an account elsewhere with the subject.
func joiner(name, subject string) (models.User, oauth.Record) {
	u := models.User{ID: "id-" + name, Name: name, Email: name + "@example.com", Role: models.Viewer, CreatedAt: start}
	return u, oauth.NewRecord(u.ID, oauth.Identity{Provider: "oidc", Issuer: "https://id.example.com", Subject: subject, Email: u.Email}, start)
}

// A user and the link are stored, or neither.
func TestCreateLinkedUser(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		s, ctx := database.New(d, newKeys(t).ring), t.Context()
		links := s.LinkedAccounts()
		join := func(name, subject string, onlyFirst bool) (models.User, error) {
			u, link := joiner(name, subject)
			return s.CreateLinkedUser(ctx, u, link, onlyFirst, nil)
		}
		ada, err := join("ada", "1", true)
		assert.NoError(t, err)
		assert.Equal(t, ada.Role, models.Admin)
		assert.NoError(t, s.AddLinks(ctx, link(models.SignUpLink, "", "bob@example.com", "mailed before")))
		_, err = join("bob", "2", true)
		assert.ErrorIs(t, err, services.ErrNotFirst)
		bob, err := join("bob", "2", false)
		assert.NoError(t, err)
		assert.Equal(t, bob.Role, models.Viewer)
		_, err = s.Link(ctx, models.SignUpLink, []byte("mailed before"), start)
		assert.ErrorIs(t, err, services.ErrNotFound)

		_, err = join("eve", "1", false) // linked to ada
		assert.ErrorIs(t, err, oauth.ErrLinked)
		_, err = s.User(ctx, "id-eve")
		assert.ErrorIs(t, err, services.ErrNotFound)
		taken, err := s.NameTaken(ctx, "eve")
		assert.NoError(t, err)
		assert.Equal(t, taken, false)
		for _, u := range []models.User{{ID: "x", Name: "ada", Email: "x@example.com"}, {ID: "x", Name: "x", Email: "ada@example.com"}} {
			_, link := joiner("x", "3")
			_, err := s.CreateLinkedUser(ctx, u, link, false, nil)
			if _, ok := errors.AsType[*services.TakenError](err); !ok {
				t.Errorf("%+v: %v", u, err)
			}
		}
		_, err = links.Find(ctx, "https://id.example.com", "3")
		assert.ErrorIs(t, err, oauth.ErrNotFound)

		assert.NoError(t, s.DeleteUser(ctx, bob.ID, start))
		left, err := links.ByUser(ctx, bob.ID)
		assert.NoError(t, err)
		assert.Equal(t, len(left), 0)
	})
}

// Of two that make an account with one account elsewhere at once, one succeeds.
func TestCreateLinkedUserAtOnce(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		s := database.New(d, newKeys(t).ring)
		var wg sync.WaitGroup
		errs := make(chan error, 4)
		for _, name := range []string{"ada", "bob", "cay", "dan"} {
			u, link := joiner(name, "1")
			wg.Go(func() {
				_, err := s.CreateLinkedUser(t.Context(), u, link, false, nil)
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		made := 0
		for err := range errs {
			if err == nil {
				made++
			} else if !errors.Is(err, oauth.ErrLinked) {
				t.Error(err)
			}
		}
		assert.Equal(t, made, 1)
	})
}

// Of those who accept one invitation at once, by a provider or with a password, one
// has its address and role.
func TestInvitationWorksOnce(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		s, ctx := database.New(d, newKeys(t).ring), t.Context()
		newUser(t, s, "ada")
		invited := link(models.InviteLink, "", "new@example.com", "mailed")
		invited.Role, invited.InvitedBy = models.Operator, "id-ada"
		assert.NoError(t, s.AddLinks(ctx, invited))
		found, err := s.InvitationOf(ctx, "new@example.com", start)
		assert.NoError(t, err)
		assert.Equal(t, found.Hash, invited.Hash)
		for _, email := range []string{"old@example.com", ""} {
			_, err := s.InvitationOf(ctx, email, start)
			assert.ErrorIs(t, err, services.ErrNotFound)
		}
		_, err = s.InvitationOf(ctx, "new@example.com", invited.ExpiresAt)
		assert.ErrorIs(t, err, services.ErrNotFound)

		type made struct {
			u   models.User
			err error
		}
		all := make(chan made, 4)
		var wg sync.WaitGroup
		for _, name := range []string{"bob", "cay", "dan", "eve"} {
			u, link := joiner(name, name)
			wg.Go(func() {
				var m made
				if name == "eve" {
					m.u, m.err = s.CreateUser(ctx, u, invited.Hash)
				} else {
					m.u, m.err = s.CreateLinkedUser(ctx, u, link, true, invited.Hash)
				}
				all <- m
			})
		}
		wg.Wait()
		close(all)
		in := 0
		for m := range all {
			if m.err == nil {
				in++
				assert.Equal(t, []string{m.u.Email, string(m.u.Role)}, []string{"new@example.com", "operator"})
			} else if !errors.Is(m.err, services.ErrNotFound) {
				t.Error(m.err)
			}
		}
		assert.Equal(t, in, 1)
		_, err = s.InvitationOf(ctx, "new@example.com", start)
		assert.ErrorIs(t, err, services.ErrNotFound)
	})
}

func TestLinkedAccountsConform(t *testing.T) {
	t.Parallel()
	for name, driver := range map[string]db.Driver{"sqlite": galesqlite.Driver(), "postgres": galepgx.Driver()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conform.OAuthLinks(t, func(t *testing.T) oauth.Links {
				d := galetest.DB(t, galetest.DBOptions{Driver: driver, Migrations: database.Migrations()})
				return database.New(d, newKeys(t).ring).LinkedAccounts()
			})
		})
	}
}

// Addresses are encrypted, and bound to the account that they belong to.
func TestLinkedAccounts(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		links := database.New(d, newKeys(t).ring).LinkedAccounts()
		_, ada := joiner("ada", "1")
		_, bob := joiner("bob", "2")
		assert.NoError(t, errors.Join(links.Add(t.Context(), ada), links.Add(t.Context(), bob)))
		stored, err := db.All[[]byte](t.Context(), d, "SELECT email_sealed FROM oauth_links WHERE email = '' ORDER BY subject")
		assert.NoError(t, err)
		assert.Equal(t, len(stored), 2)
		for _, sealed := range stored {
			assert.Equal(t, strings.Contains(string(sealed), "example.com"), false)
		}
		exec(t, d, "UPDATE oauth_links SET email_sealed = $1 WHERE subject = '1'", stored[1])
		got, err := links.Find(t.Context(), ada.Issuer, "1")
		assert.NoError(t, err)
		assert.Equal(t, []string{got.User, got.Email}, []string{ada.User, ""})
	})
}

// Addresses from before they could be moved to another key: as text of what is
// encrypted, and in clear.
func TestLinkedAccountsOfBefore(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		s := database.New(d, newKeys(t).ring)
		links := s.LinkedAccounts()
		_, ada := joiner("ada", "1")
		_, bob := joiner("bob", "2")
		_, cay := joiner("cay", "3")
		cay.Email = ""
		assert.NoError(t, errors.Join(links.Add(t.Context(), ada), links.Add(t.Context(), bob), links.Add(t.Context(), cay)))
		sealed, err := db.Get[[]byte](t.Context(), d, "SELECT email_sealed FROM oauth_links WHERE subject = '1'")
		assert.NoError(t, err)
		before := "UPDATE oauth_links SET email_sealed = NULL, email = $1 WHERE subject = $2"
		exec(t, d, before, base64.RawStdEncoding.EncodeToString(sealed), "1")
		exec(t, d, before, bob.Email, "2")
		assert.NoError(t, s.Seal(quiet(t)))
		left, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM oauth_links WHERE email <> '' OR (email_sealed IS NULL) <> (subject = '3')")
		assert.NoError(t, err)
		assert.Equal(t, left, 0)
		for _, want := range []oauth.Record{ada, bob, cay} {
			got, err := links.Find(t.Context(), want.Issuer, want.Subject)
			assert.NoError(t, err)
			assert.Equal(t, got, want)
		}
	})
}
