package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/keyring"
)

func production(_ testing.TB, s *site) { s.config.Env = "production" }

// local is relay at a developer's machine, for itself.
func local(_ testing.TB, s *site) { s.config.PublicURL = "" }

// A stranger who finds a new relay first does not become its admin: that takes
// the token in the log, also where visitors may make no account.
func TestFirstAccountOfProduction(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.Stranger().Browser()
		c.Get("/sign-up").Status(http.StatusOK).Contains("Setup token").HasHeader("Referrer-Policy", "no-referrer").HasHeader("Cache-Control", "no-store")
		form := url.Values{"name": {"eve"}, "email": {"eve@example.com"}, "password": {password}}
		for _, wrong := range []string{"", "x", s.setup() + "A", s.setup()[1:]} {
			form.Set("setup", wrong)
			c.Post("/sign-up", form).Status(http.StatusUnprocessableEntity).Contains("Is not the token in the log")
		}
		users, err := s.store.Users(t.Context(), "", 1)
		assert.NoError(t, err)
		assert.Equal(t, len(users), 0)
		c.Get("/sign-up?setup=" + s.setup()).Status(http.StatusOK).Contains(`value="` + s.setup() + `"`)
		form.Set("setup", s.setup())
		form.Set("name", "Ada") // what was wrong with the rest is shown with the token
		c.Post("/sign-up", form).Status(http.StatusUnprocessableEntity).Contains("Must be 1 to 32").Contains(`value="` + s.setup() + `"`)
		ada := s.signUp("ada")
		ada.Get("/profile").Status(http.StatusOK).Contains("· admin ·")
		// The token is spent: it makes nobody else.
		c.Get("/sign-up").Status(http.StatusOK).Contains("by invitation")
		form.Set("name", "eve")
		c.Post("/sign-up", form).Status(http.StatusUnprocessableEntity).Contains("by invitation")
	}, production, requiredOf("off"), func(_ testing.TB, s *site) { s.config.SignUp = false })
}

// Guesses from anywhere, more than any limit on them would let through, do not keep
// the owner from making the first account.
func TestGuessesDoNotKeepTheOwnerOut(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		form := url.Values{"name": {"eve"}, "email": {"eve@example.com"}, "password": {password}, "setup": {"guess"}}
		attacker := s.Stranger()
		for i := range 700 { // from 70 addresses, the owner's among them
			r := attacker.NewRequest(http.MethodPost, "/sign-up", form)
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i%70))
			attacker.Do(r).Status(http.StatusUnprocessableEntity)
		}
		form.Set("setup", s.setup())
		s.Stranger().Browser().With("X-Forwarded-For", "203.0.113.7").Post("/sign-up", form).Status(http.StatusSeeOther)
	}, production, behindProxy, countedByClock, requiredOf("off"))
}

// Processes that share keys print one token; one of before a rotation works; and
// none is printed once there is an account, or in development.
func TestSetupTokenInTheLog(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		first := s.setup()
		other := &site{t: t, Client: s.Client, db: s.db, keys: s.keys}
		other.start(t, []setting{production})
		assert.Equal(t, other.setup(), first)
		s.keys.change(t, func(set keyring.Set) keyring.Set {
			set, _ = set.Rotate(keyring.Indexing, time.Now())
			return set
		})
		other.start(t, []setting{production})
		if other.setup() == first || other.setup() == "" {
			t.Errorf("the token after the rotation is %q", other.setup())
		}
		s.signUp("ada") // with the first
		other.start(t, []setting{production})
		assert.Equal(t, other.setup(), "")
	}, production)
	t.Run("development", func(t *testing.T) {
		runSite(t, galetest.Engine, galesqlite.Driver(), func(t *testing.T, s *site) { assert.Equal(t, s.setup(), "") }, []setting{local})
	})
}

// The address of the first account is as good as unknown to apps until its owner
// has followed a link.
func TestFirstAddressIsUnproved(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		ada := s.signUp("ada")
		unproved := func() bool {
			t.Helper()
			u, err := s.store.UserByEmail(t.Context(), "ada@example.com")
			assert.NoError(t, err)
			return u.Unproved
		}
		assert.Equal(t, unproved(), true)
		ada.Get("/profile/account").Status(http.StatusOK).Contains("confirm it")
		ada.Post("/profile/email/proof", nil).Status(http.StatusOK)
		token := s.token("ada@example.com", "Confirm the address of your account")
		c := s.Stranger().Browser()
		c.Get("/proof?token=" + token).Status(http.StatusOK).Contains("ada@example.com")
		assert.Equal(t, unproved(), true) // opening changes nothing
		c.Post("/proof", url.Values{"token": {token}}).Status(http.StatusOK).Contains("is confirmed")
		assert.Equal(t, unproved(), false)
		c.Post("/proof", url.Values{"token": {token}}).Status(http.StatusNotFound)
		if s.user("bob", models.Viewer).Unproved {
			t.Error("bob's address was proved by the link")
		}
		assert.Equal(t, len(s.records("email.proved")), 1)
	})
}
