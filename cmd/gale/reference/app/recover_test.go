package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

// The only admin has lost password, phone and codes: who runs relay lets her in,
// and nobody whom she does not know.
func TestRecover(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		thief := s.signUp("ada")
		app := s.enroll(thief)
		access := s.allow(thief, s.register(thief)).Access
		for _, email := range []string{"nobody@example.com", ""} {
			_, err := s.app.Recover(t.Context(), email)
			assert.ErrorIs(t, err, services.ErrNotFound)
		}
		link, err := s.app.Recover(t.Context(), " ADA@example.com")
		assert.NoError(t, err)
		path, ok := strings.CutPrefix(link, public)
		assert.Equal(t, ok, true)
		thief.Get("/profile").Status(http.StatusSeeOther)
		assert.Equal(t, s.reads(access), http.StatusUnauthorized)
		s.mail("ada@example.com", "The second factors of your account changed")

		c := s.Stranger().Browser()
		c.Get(path).Status(http.StatusOK)
		_, token, _ := strings.Cut(path, "token=")
		set := url.Values{"token": {token}, "password": {newPassword}}
		c.Post("/reset/confirm", set).Status(http.StatusSeeOther)
		c.Post("/reset/confirm", set).Status(http.StatusNotFound)
		c.Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {newPassword}, "next": {"/profile"}}).
			Status(http.StatusSeeOther).HasHeader("Location", "/profile")
		second(c, app.codes[0]).Status(http.StatusSeeOther) // there is nothing to show any more
		c.Get("/admin/users").Status(http.StatusOK)
		found := s.records("user.recovered")
		assert.Equal(t, len(found), 1)
		assert.Equal(t, found[0].Actor.ID+found[0].Actor.Name, "the command line")

		// The link is as short-lived as one that is mailed.
		link, err = s.app.Recover(t.Context(), "ada@example.com")
		assert.NoError(t, err)
		s.clock.Advance(time.Hour)
		s.Stranger().Browser().Get(strings.TrimPrefix(link, public)).Status(http.StatusNotFound)

		// Whom an admin has shut out stays out.
		bob := s.user("bob", models.Viewer)
		_, err = s.store.UpdateUser(t.Context(), bob.ID, func(u *models.User) error { u.Disabled = true; return nil })
		assert.NoError(t, err)
		_, err = s.app.Recover(t.Context(), bob.Email)
		assert.ErrorIs(t, err, services.ErrDisabled)
	})
}
