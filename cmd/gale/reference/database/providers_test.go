package database_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

// joiner is a new user and the link to an account elsewhere with the subject.
func joiner(name, subject string) (models.User, oauth.Record) {
	u := models.User{ID: "id-" + name, Name: name, Email: name + "@example.com", Role: models.Viewer, CreatedAt: start}
	return u, oauth.NewRecord(u.ID, oauth.Identity{Provider: "oidc", Issuer: "https://id.example.com", Subject: subject, Email: u.Email}, start)
}

// A user and the link are stored, or neither.
func TestCreateLinkedUser(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		s, links, ctx := database.New(d, newKeys(t).ring), oauth.NewSQLStore(d), t.Context()
		join := func(name, subject string, onlyFirst bool) (models.User, error) {
			u, link := joiner(name, subject)
			return s.CreateLinkedUser(ctx, u, link, onlyFirst)
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
			_, err := s.CreateLinkedUser(ctx, u, link, false)
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
				_, err := s.CreateLinkedUser(t.Context(), u, link, false)
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
