package app_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/mail"
)

func closed(_ testing.TB, s *site) { s.config.SignUp = false }

const invitedSubject = "You are invited"

// invite has an admin invite an address.
func invite(admin *galetest.Client, email, role string) *galetest.Response {
	return admin.Post("/admin/users/invitations", url.Values{"email": {email}, "role": {role}})
}

// accept answers an invitation.
func accept(c *galetest.Client, token, name string) *galetest.Response {
	return c.Post("/invitation", url.Values{"token": {token}, "name": {name}, "password": {password}})
}

// Where visitors may make no accounts, no page offers it, and admins invite.
func TestInvitations(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		visitor := s.Stranger().Browser()
		visitor.Get("/").Status(http.StatusOK).Contains("the first account becomes the admin")
		admin := s.signUp("ada")
		for _, page := range []string{"/", "/sign-in", "/invitation?token=x"} {
			if text := visitor.Get(page).Text(); strings.Contains(text, "/sign-up") || strings.Contains(text, "becomes the admin") {
				t.Errorf("%s offers to sign up", page)
			}
		}
		if text := visitor.Get("/sign-up").Status(http.StatusOK).Contains("by invitation").Text(); strings.Contains(text, "<button>") {
			t.Error("the page to sign up has its form")
		}
		admin.Get("/admin/users/invitations").Status(http.StatusOK).Contains("Nobody is invited")
		invite(admin, "no", "viewer").Status(http.StatusUnprocessableEntity).Contains("Must look like")
		invite(admin, "ADA@example.com", "viewer").Status(http.StatusUnprocessableEntity).Contains("Has an account already")
		invite(admin, "bob@example.com", "king").Status(http.StatusUnprocessableEntity).Contains("Does not exist")
		invite(admin, "Bob@example.com", "operator").Status(http.StatusSeeOther)
		old := s.token("bob@example.com", invitedSubject)
		visitor.Get("/invitation?token=" + old).Status(http.StatusOK).Contains("bob@example.com")
		invite(admin, "cay@example.com", "viewer").Status(http.StatusSeeOther)
		cay := s.token("cay@example.com", invitedSubject)
		list := admin.Get("/admin/users/invitations").Status(http.StatusOK).Contains("bob@example.com").Text()
		// One address has one; it makes one account, with the role, and a proved address.
		invite(admin, "bob@example.com", "operator").Status(http.StatusSeeOther)
		m, err := s.outbox.Wait(t.Context(), func(m mail.Message) bool { return m.IsTo("bob@example.com") && !strings.Contains(m.Text, old) })
		assert.NoError(t, err)
		token := linkInMail.FindStringSubmatch(m.Text)[2]
		accept(visitor, old, "bob").Status(http.StatusNotFound)
		accept(visitor, token, "ada").Status(http.StatusUnprocessableEntity).Contains("Is taken already")
		accept(visitor, token, "bob").Status(http.StatusSeeOther)
		visitor.Get("/profile").Status(http.StatusOK).Contains("· operator ·")
		accept(s.Stranger().Browser(), token, "bob2").Status(http.StatusNotFound)
		bob, err := s.store.UserByEmail(t.Context(), "bob@example.com")
		assert.NoError(t, err)
		assert.Equal(t, bob.Unproved, false)
		// What is revoked does not work, nor does it count twice.
		id := s.match(`/admin/users/invitations/([0-9a-f]{64})/revoke`, list[strings.Index(list, "cay@example.com"):])
		admin.Post("/admin/users/invitations/"+id+"/revoke", nil).Status(http.StatusSeeOther)
		admin.Post("/admin/users/invitations/"+id+"/revoke", nil).Status(http.StatusNotFound)
		accept(s.Stranger().Browser(), cay, "cay").Status(http.StatusNotFound)
		for action, want := range map[string]int{"user.invited": 3, "invitation.revoked": 1, "account.created": 2} {
			found := s.records(action)
			assert.Equal(t, len(found), want)
			for _, e := range found {
				if strings.Contains(e.Target, "@") {
					t.Errorf("%s tells the address", action)
				}
			}
		}
		assert.Equal(t, s.records("account.created")[1].Detail["role"], "operator")
	}, closed)
}

// An invitation ends after a week, with the rights of who has sent it, and is no
// other kind of link.
func TestInvitationsEnd(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		eve := s.user("eve", models.Admin)
		evil := s.signIn("eve")
		invite(evil, "mallory@example.com", "admin").Status(http.StatusSeeOther)
		token := s.token("mallory@example.com", invitedSubject)
		for _, path := range []string{"/sign-up/confirm", "/reset/confirm", "/proof"} {
			s.Stranger().Browser().Get(path + "?token=" + token).Status(http.StatusNotFound)
		}
		s.give(admin, eve, "viewer").Status(http.StatusSeeOther)
		accept(s.Stranger().Browser(), token, "mallory").Status(http.StatusNotFound)
		evil.Get("/admin/users/invitations").Status(http.StatusForbidden)
		invite(evil, "mallory@example.com", "admin").Status(http.StatusForbidden)

		// The sender's role can lose the right, as well as the sender the role.
		admin.Post("/admin/roles", url.Values{"name": {"manager"}, "permissions": {"packets.read", "users.manage"}}).Status(http.StatusSeeOther)
		s.give(admin, eve, "manager").Status(http.StatusSeeOther)
		evil = s.signIn("eve")
		invite(evil, "mallory@example.com", "admin").Status(http.StatusSeeOther)
		m, err := s.outbox.Wait(t.Context(), func(m mail.Message) bool { return m.IsTo("mallory@example.com") && !strings.Contains(m.Text, token) })
		assert.NoError(t, err)
		token = linkInMail.FindStringSubmatch(m.Text)[2]
		admin.Post("/admin/roles/manager", role("packets.read users.manage", "packets.read")).Status(http.StatusSeeOther)
		accept(s.Stranger().Browser(), token, "mallory").Status(http.StatusNotFound)
		admin.Post("/admin/roles/manager", role("packets.read", "packets.read", "users.manage")).Status(http.StatusSeeOther)
		accept(s.Stranger().Browser(), token, "mallory").Status(http.StatusSeeOther) // given back

		// Who has an account by another way needs no invitation, and gets none of its rights.
		invite(admin, "dan@example.com", "operator").Status(http.StatusSeeOther)
		dan := s.token("dan@example.com", invitedSubject)
		s.signUp("dan").Get("/profile").Status(http.StatusOK).Contains("· viewer ·")
		accept(s.Stranger().Browser(), dan, "dan2").Status(http.StatusNotFound)

		invite(admin, "bob@example.com", "viewer").Status(http.StatusSeeOther)
		bob := s.token("bob@example.com", invitedSubject)
		s.clock.Advance(7*24*time.Hour - time.Minute)
		s.Stranger().Browser().Get("/invitation?token=" + bob).Status(http.StatusOK)
		s.clock.Advance(time.Minute)
		accept(s.Stranger().Browser(), bob, "bob").Status(http.StatusNotFound)
	})
}

var goOnWith = regexp.MustCompile(`href="(/sign-in/with/oidc\?next=[^"]+)"`)

// follow opens the page of an invitation and returns where its button leads.
func (s *site) follow(c *galetest.Client, token string) string {
	s.t.Helper()
	found := goOnWith.FindStringSubmatch(c.Get("/invitation?token="+token).Status(http.StatusOK).HasHeader("Referrer-Policy", "same-origin").Text())
	if found == nil {
		s.t.Fatal("the invitation cannot be accepted by a provider")
	}
	return found[1]
}

// joinAs makes the account of who has come from the provider.
func joinAs(c *galetest.Client, name string) *galetest.Response {
	return c.Post("/sign-up/with", url.Values{"name": {name}})
}

// Who is invited joins by a provider that has proved the address, or from the page
// of the invitation, and gets its role and address.
func TestInvitedByProvider(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		invite(admin, "bob@example.com", "operator").Status(http.StatusSeeOther)
		token := s.token("bob@example.com", invitedSubject)
		bob := s.Stranger().Browser()
		s.trip(bob, signInWith+"?next=/api", "bob").Status(http.StatusSeeOther).HasHeader("Location", "/sign-up/with")
		bob.Get("/sign-up/with").Status(http.StatusOK).Contains("with the role operator").Contains("bob@example.com")
		joinAs(bob, "ada").Status(http.StatusUnprocessableEntity).Contains("Is taken already") // and it works on
		joinAs(bob, "bob").Status(http.StatusSeeOther).HasHeader("Location", "/api")
		bob.Get("/profile").Status(http.StatusOK).Contains("· operator ·")
		accept(s.Stranger().Browser(), token, "bob2").Status(http.StatusNotFound)
		made := s.records("account.created")
		assert.Equal(t, made[len(made)-1].Detail["role"], "operator")

		for name, claims := range map[string]galeoidc.Claims{
			"cay": {Email: "private@example.net", EmailVerified: true}, "dan": {Email: "private@example.org"}, "eve": {},
		} {
			invite(admin, name+"@example.com", "operator").Status(http.StatusSeeOther)
			token := s.token(name+"@example.com", invitedSubject)
			s.idp.Set(name, claims)
			c := s.Stranger().Browser()
			s.trip(c, s.follow(c, token), name).Status(http.StatusSeeOther).HasHeader("Location", "/sign-up/with")
			page := c.Get("/sign-up/with").Status(http.StatusOK).Contains("with the role operator").Contains(name + "@example.com").Text()
			if strings.Contains(page, "private@") {
				t.Error("the page speaks of the address at the provider")
			}
			joinAs(c, name).Status(http.StatusSeeOther).HasHeader("Location", "/")
			c.Get("/profile").Status(http.StatusOK).Contains("· operator ·").Contains(name + "@example.com")
			again := s.Stranger().Browser()
			s.trip(again, signInWith+"?next=/profile", name).HasHeader("Location", "/profile")
			accept(s.Stranger().Browser(), token, name+"2").Status(http.StatusNotFound)
		}
		admin.Get("/admin/users/invitations").Status(http.StatusOK).Contains("Nobody is invited")
	}, provided, closed)
}

// An invitation is its address's, works once, and not for ever.
func TestInvitationOfAnotherByProvider(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		refused := func(c *galetest.Client, name, why string) {
			t.Helper()
			c.Get("/sign-up/with").Status(http.StatusOK).Contains(why)
			joinAs(c, name).Status(http.StatusUnprocessableEntity).Contains(why)
			c.Get("/profile").Status(http.StatusSeeOther)
		}
		const byInvitation, unproved = "by invitation here", "which has not shown that a mail address is yours"
		comes := func(user, path string) *galetest.Client {
			t.Helper()
			c := s.Stranger().Browser()
			s.trip(c, path, user).Status(http.StatusSeeOther).HasHeader("Location", "/sign-up/with")
			return c
		}

		// An address that the provider has not proved, or another, finds nothing.
		invite(admin, "bob@example.com", "admin").Status(http.StatusSeeOther)
		token := s.token("bob@example.com", invitedSubject)
		s.idp.Set("eve", galeoidc.Claims{Email: "bob@example.com"})
		refused(comes("eve", signInWith), "eve", unproved)
		refused(comes("mallory", signInWith), "mallory", byInvitation)

		// What is no invitation's token makes none, and no other site begins a trip with one.
		s.Stranger().Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
		reset := s.token("ada@example.com", resetSubject)
		for _, next := range []string{
			"/invitation", "/invitation?token=" + reset, "/invitation?token=" + token[:42], "/invitation?token=" + strings.ToUpper(token),
			"/invitation?token=" + token + "%00", "/invitation/?token=" + token, "/?token=" + token, "https://evil.example/invitation?token=" + token,
		} {
			refused(comes("mallory", signInWith+"?next="+url.QueryEscape(next)), "mallory", byInvitation)
		}
		victim := s.Stranger().Browser()
		for _, from := range []string{"cross-site", "same-site"} {
			victim.With("Sec-Fetch-Site", from).Get(s.follow(victim, token)).Status(http.StatusForbidden)
		}

		// Of two with one link the first gets the account; the other's page had it too.
		first, late := s.Stranger().Browser(), s.Stranger().Browser()
		s.trip(first, s.follow(first, token), "bob").Status(http.StatusSeeOther)
		s.trip(late, s.follow(late, token), "mallory").Status(http.StatusSeeOther)
		late.Get("/sign-up/with").Contains("with the role admin")
		joinAs(first, "bob").Status(http.StatusSeeOther)
		refused(late, "mallory", byInvitation)

		// One that an admin revokes, or with a role that is gone, ends on the way.
		role := url.Values{"name": {"boss"}, "permissions": {"users.manage"}}
		admin.Post("/admin/roles", role).Status(http.StatusSeeOther)
		invite(admin, "cay@example.com", "boss").Status(http.StatusSeeOther)
		cay := comes("cay", signInWith)
		cay.Get("/sign-up/with").Contains("with the role boss")
		admin.Post("/admin/roles/boss/remove", nil).Status(http.StatusSeeOther)
		joinAs(cay, "cay").Status(http.StatusUnprocessableEntity)
		cay.Get("/profile").Status(http.StatusSeeOther)
		list := admin.Get("/admin/users/invitations").Text()
		if strings.Contains(list, "cay@example.com") {
			id := s.match(`/admin/users/invitations/([0-9a-f]{64})/revoke`, list[strings.Index(list, "cay@example.com"):])
			admin.Post("/admin/users/invitations/"+id+"/revoke", nil).Status(http.StatusSeeOther)
		}
		refused(cay, "cay", byInvitation)

		// And after a week, also for who has the page open.
		invite(admin, "dan@example.com", "operator").Status(http.StatusSeeOther)
		dan := s.token("dan@example.com", invitedSubject)
		s.clock.Advance(7*24*time.Hour - time.Minute)
		byAddress, byLink := comes("dan", signInWith), s.Stranger().Browser()
		s.trip(byLink, s.follow(byLink, dan), "mallory").Status(http.StatusSeeOther)
		byAddress.Get("/sign-up/with").Contains("with the role operator")
		byLink.Get("/sign-up/with").Contains("with the role operator")
		s.clock.Advance(time.Minute)
		refused(byAddress, "dan", byInvitation)
		refused(byLink, "mallory", byInvitation)
		users, err := s.store.Users(t.Context(), "", 10)
		assert.NoError(t, err)
		assert.Equal(t, len(users), 2)
	}, provided, closed)
}
