package app_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/mail"
)

// begun begins a ceremony of passkeys.
func (s *site) begun(c *galetest.Client, ceremony string) (b galetest.PasskeyBegun) {
	s.t.Helper()
	c.Post("/passkeys/"+ceremony+"/begin", "{}").Status(http.StatusOK).JSON(&b)
	return b
}

// finished sends what an authenticator says of it.
func (s *site) finished(c *galetest.Client, ceremony string, f galetest.PasskeyFinish) *galetest.Response {
	s.t.Helper()
	raw, err := json.Marshal(f)
	assert.NoError(s.t, err)
	return c.Post("/passkeys/"+ceremony+"/finish", string(raw))
}

// device gives who is signed in a passkey that works, and shows it.
func (s *site) device(c *galetest.Client) *galetest.Authenticator {
	s.t.Helper()
	a := galetest.NewAuthenticator(s.t, public)
	s.finished(c, "register", a.Create(s.begun(c, "register"))).Status(http.StatusOK)
	return a
}

// by signs in by a passkey alone.
func (s *site) by(a *galetest.Authenticator) *galetest.Client {
	s.t.Helper()
	c := s.Stranger().Browser()
	s.finished(c, "sign-in", a.Get(s.begun(c, "sign-in"))).Status(http.StatusOK)
	return c
}

const removePassword = "/profile/password/remove"

// in reports whether a browser is signed in.
func in(c *galetest.Client) bool { return c.Get("/profile").Raw.StatusCode == http.StatusOK }

// withoutPassword makes an account that has a passkey and nothing else.
func (s *site) withoutPassword(name string) (*galetest.Client, *galetest.Authenticator) {
	s.t.Helper()
	c := s.signUp(name)
	a := s.device(c)
	c.Post(removePassword, nil).Status(http.StatusSeeOther).HasHeader("Location", "/profile/security")
	return c, a
}

// A passkey can be the only way to sign in. A mailed link sets a password again,
// and lets in nobody without the second factor.
func TestPasskeyInsteadOfPassword(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		bob := s.signUp("bob")
		if text := bob.Get("/profile/security").Text(); strings.Contains(text, removePassword) {
			t.Error("the password can be removed without a passkey")
		}
		device := s.device(bob)
		other := s.by(device)
		bob.Post("/profile/recovery", nil).Status(http.StatusOK)
		s.Stranger().Browser().Post("/reset", url.Values{"email": {"bob@example.com"}}).Status(http.StatusOK)
		early := s.token("bob@example.com", resetSubject)
		bob.Get("/profile/security").Status(http.StatusOK).Contains(`action="` + removePassword + `"`)
		bob.Post(removePassword, nil).Status(http.StatusSeeOther).HasHeader("Location", "/profile/security")
		page := bob.Get("/profile/security").Status(http.StatusOK).Contains("The password is removed; your other sessions have ended.").Contains("You have none.").Text()
		if strings.Contains(page, "After your password") || strings.Contains(page, removePassword) {
			t.Error("the page speaks of a password")
		}
		assert.Equal(t, in(other), false)
		if text := s.mail("bob@example.com", "The ways to sign in to your account changed").Text; !strings.Contains(text, "The password was removed") {
			t.Errorf("the mail says %q", text)
		}
		removed := s.records("password.removed")
		assert.Equal(t, len(removed), 1)
		assert.Equal(t, removed[0].Actor.ID, removed[0].Target)
		bob.Post(removePassword, nil).Status(http.StatusNotFound) // there is none

		// No password opens it, and a link of before sets none.
		for _, guess := range []string{"", " ", password} {
			assert.Equal(t, s.canSignIn("bob@example.com", guess), false)
		}
		s.Stranger().Browser().Get("/reset/confirm?token=" + early).Status(http.StatusNotFound)
		assert.Equal(t, in(s.by(device)), true)
		bob.Get("/profile/export").Status(http.StatusOK).Contains(`"has_password":false`)

		// What asks others for the password asks for the passkey.
		s.clock.Advance(16 * time.Minute)
		for path, form := range map[string]url.Values{
			"/profile/email": {"email": {"new@example.com"}}, "/profile/delete": {"name": {"bob"}}, removeAt.FindString(bob.Get("/profile/security").Text()): nil,
		} {
			if to := bob.Post(path, form).Status(http.StatusSeeOther).Header("Location"); !strings.HasPrefix(to, "/confirm?next=") {
				t.Errorf("%s leads to %s", path, to)
			}
		}
		bob.Post("/confirm", url.Values{"password": {password}}).Status(http.StatusUnprocessableEntity)
		s.finished(bob, "confirm", device.Get(s.begun(bob, "confirm"))).Status(http.StatusOK)
		remove := removeAt.FindString(bob.Get("/profile/security").Text())
		bob.Post(remove, nil).Status(http.StatusSeeOther)
		bob.Get("/profile/security").Contains("That is your only way to sign in").Contains(remove)

		// An app asks for more, and does not stand in for the passkey.
		app := s.enrollAnother(bob)
		bob.Post(remove, nil).Status(http.StatusSeeOther)
		bob.Get("/profile/security").Contains("That is your only way to sign in").Contains(remove)

		// Who has the mailbox alone gets no further than a new password.
		thief := s.Stranger().Browser()
		thief.Post("/reset", url.Values{"email": {"bob@example.com"}}).Status(http.StatusOK)
		m, err := s.outbox.Wait(t.Context(), func(m mail.Message) bool { return m.IsTo("bob@example.com") && strings.Contains(m.Text, "It has none") })
		assert.NoError(t, err)
		token := linkInMail.FindStringSubmatch(m.Text)[2]
		thief.Post("/reset/confirm", url.Values{"token": {token}, "password": {"quiet otter sells maps"}}).
			Status(http.StatusSeeOther).HasHeader("Location", "/sign-in/second?next=%2F")
		assert.Equal(t, in(thief), false)
		second(thief, "000000").Status(http.StatusUnprocessableEntity)

		// The owner has the app, and may part with the passkey now.
		s.clock.Advance(time.Minute)
		bob = s.Stranger().Browser()
		bob.Post("/sign-in", url.Values{"email": {"bob@example.com"}, "password": {"quiet otter sells maps"}}).Status(http.StatusSeeOther)
		second(bob, app.code()).Status(http.StatusSeeOther)
		bob.Post(remove, nil).Status(http.StatusSeeOther)
		bob.Get("/profile/security").Contains("The passkey is removed.")
		bob.Post(removePassword, nil).Status(http.StatusSeeOther)
		bob.Get("/profile/security").Contains("Add a passkey first.")
		assert.Equal(t, len(s.records("password.removed")), 1)
	})
}

// enrollAnother sets an app up for who has recovery codes.
func (s *site) enrollAnother(c *galetest.Client) *authenticator {
	s.t.Helper()
	page := c.Post("/profile/apps", url.Values{"name": {"phone"}}).Status(http.StatusOK).Text()
	a := &authenticator{s: s, secret: secretOf(s.t, grouped.FindStringSubmatch(page)[1])}
	c.Post(confirmAt.FindString(page), url.Values{"code": {a.code()}}).Status(http.StatusSeeOther)
	s.clock.Advance(30 * time.Second)
	return a
}

// A session that was stolen takes no password away, nor does who has no passkey
// lock themselves out.
func TestPasswordIsNotTakenAway(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		hash := func(name string) string {
			u, err := s.store.UserByEmail(t.Context(), name+"@example.com")
			assert.NoError(t, err)
			return u.PasswordHash
		}
		bob := s.signUp("bob")
		bob.Post(removePassword, nil).Status(http.StatusSeeOther).HasHeader("Location", "/profile/security")
		bob.Get("/profile/security").Contains("Add a passkey first.")
		s.enroll(bob) // an app alone signs nobody in
		bob.Post(removePassword, nil).Status(http.StatusSeeOther).HasHeader("Location", "/profile/security")
		bob.Get("/profile/security").Contains("Add a passkey first.")
		assert.True(t, hash("bob") != "", "a password is gone without a passkey")

		// The password was shown a moment ago, the passkey never.
		cay := s.signUp("cay")
		u, err := s.store.UserByEmail(t.Context(), "cay@example.com")
		assert.NoError(t, err)
		s.passkey(u.ID, "AQ")
		dan := s.signUp("dan")
		s.device(dan)
		s.clock.Advance(16 * time.Minute)
		eve := s.signUp("eve")
		s.device(eve)
		for name, c := range map[string]*galetest.Client{"cay": cay, "dan": dan} {
			to := c.Post(removePassword, nil).Status(http.StatusSeeOther).Header("Location")
			if !strings.HasPrefix(to, "/confirm?next=") {
				t.Errorf("%s is led to %s", name, to)
			}
			c.Post("/confirm", url.Values{"password": {password}, "next": {"/"}}).Status(http.StatusUnprocessableEntity)
			c.Post(removePassword, nil).Status(http.StatusSeeOther)
			assert.True(t, hash(name) != "", name+" has no password any more")
		}
		// Nobody says whose password it is, nor sends the form from elsewhere.
		eve.With("Sec-Fetch-Site", "cross-site").Post(removePassword, nil).Status(http.StatusForbidden)
		assert.True(t, hash("eve") != "", "another site has taken the password away")
		eve.Post(removePassword+"?user="+u.ID, url.Values{"user": {u.ID}, "id": {u.ID}, "email": {u.Email}}).Status(http.StatusSeeOther)
		assert.True(t, hash("cay") != "", "eve has taken the password of another away")
		s.Stranger().Browser().Post(removePassword, nil).Status(http.StatusUnauthorized)
		assert.Equal(t, len(s.records("password.removed")), 1) // eve's own
	})
}

// Nobody learns who has no password.
func TestNoPasswordIsNotSeen(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		s.withoutPassword("bob")
		s.answersAlike("nobody@example.com", "ada@example.com", "bob@example.com")
		assert.Equal(t, s.logged(s.signIn("ada"), "signin.password", audit.Refused), 3)
		// One mail each, to the owner.
		s.mail("bob@example.com", resetSubject)
		s.mail("bob@example.com", "You already have an account")
	})
}

// Who must use a second factor has it in the passkey, and is not held back.
func TestNoPasswordWithRequiredFactor(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		bob, device := s.withoutPassword("bob")
		u, err := s.store.UserByEmail(t.Context(), "bob@example.com")
		assert.NoError(t, err)
		assert.NoError(t, s.store.RequireFactor(t.Context(), models.Viewer, true))
		assert.Equal(t, in(bob), true)
		assert.Equal(t, in(s.by(device)), true)
		bob.Post(removeAt.FindString(bob.Get("/profile/security").Text()), nil).Status(http.StatusSeeOther)
		left, err := passkey.NewSQLStore(s.db).ByUser(t.Context(), u.ID)
		assert.NoError(t, err)
		assert.Equal(t, len(left), 1)
	})
}
