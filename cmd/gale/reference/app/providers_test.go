package app_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/internal/idp"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	gale "github.com/galeweb/gale/config"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/galetest"
)

// provided has people sign in with a provider, called Work.
func provided(tb testing.TB, s *site) {
	s.idp = idp.Start(tb, idp.Options{Redirect: s.config.Public() + "/sign-in/with/oidc/callback", Now: s.clock.Now})
	s.config.Providers = config.Providers{OIDCIssuer: s.idp.Issuer, OIDCID: s.idp.ClientID, OIDCSecret: s.idp.Secret, OIDCName: "Work"}
}

// leave begins a trip at a path and returns the address with which the provider,
// where the browser signs in as user, sends it back.
func (s *site) leave(c *galetest.Client, path, user string) string {
	s.t.Helper()
	to := c.Get(path).Status(http.StatusSeeOther).Header("Location")
	back := s.idp.Visit(s.t, to, user)
	if !strings.HasPrefix(back, s.config.Public()+"/sign-in/with/oidc/callback?") {
		s.t.Fatalf("the provider sends people to %s", back)
	}
	return strings.TrimPrefix(back, s.config.Public())
}

// trip is the whole of it; the answer is that to the browser that is back.
func (s *site) trip(c *galetest.Client, path, user string) *galetest.Response {
	s.t.Helper()
	return c.With("Sec-Fetch-Site", "cross-site").Get(s.leave(c, path, user))
}

const (
	signInWith = "/sign-in/with/oidc"
	linkWith   = "/profile/linked/new/oidc"
)

// joins makes an account by the provider, and returns its owner's browser.
func (s *site) joins(user string) *galetest.Client {
	s.t.Helper()
	c := s.Stranger().Browser()
	s.trip(c, signInWith, user).Status(http.StatusSeeOther).HasHeader("Location", "/sign-up/with")
	c.Post("/sign-up/with", url.Values{"name": {user}}).Status(http.StatusSeeOther)
	c.Get("/profile").Status(http.StatusOK).Contains("<h1>" + user + "</h1>")
	return c
}

// links links the account of a user at the provider.
func (s *site) links(c *galetest.Client, user string) {
	s.t.Helper()
	s.trip(c, linkWith, user).Status(http.StatusSeeOther).HasHeader("Location", "/profile/security")
	c.Get("/profile/security").Status(http.StatusOK).Contains("You can sign in with Work from now on.").Contains(user + "@example.com")
}

var unlinkForm = regexp.MustCompile(`name="issuer" value="([^"]+)"><input type="hidden" name="subject" value="([^"]+)"`)

// unlink removes the first link on the security page.
func (s *site) unlink(c *galetest.Client) *galetest.Response {
	s.t.Helper()
	found := unlinkForm.FindStringSubmatch(c.Get("/profile/security").Status(http.StatusOK).Text())
	if found == nil {
		s.t.Fatal("the security page has no link to remove")
	}
	return c.Post("/profile/linked/remove", url.Values{"issuer": {found[1]}, "subject": {found[2]}}).
		Status(http.StatusSeeOther).HasHeader("Location", "/profile/security")
}

// logged returns how often an action has been written down with an outcome.
func (s *site) logged(admin *galetest.Client, action string, outcome audit.Outcome) int {
	s.t.Helper()
	n := 0
	for line := range strings.Lines(admin.Get("/admin/audit.ndjson?action=" + action).Status(http.StatusOK).Text()) {
		var rec struct{ Action, Outcome string }
		assert.NoError(s.t, json.Unmarshal([]byte(line), &rec))
		if rec.Action == action && rec.Outcome == string(outcome) {
			n++
		}
	}
	return n
}

func TestNoProviders(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		ada := s.signUp("ada")
		visitor := s.Stranger().Browser()
		for _, path := range []string{"/sign-in/with/google", "/sign-in/with/google/callback?state=x", "/sign-up/with"} {
			visitor.Get(path).Status(http.StatusNotFound)
		}
		for _, path := range []string{"/profile/linked/new", "/profile/linked/new/google", "/confirm/with/oidc"} {
			ada.Get(path).Status(http.StatusNotFound)
		}
		for _, page := range []*galetest.Response{visitor.Get("/sign-in"), visitor.Get("/sign-up"), ada.Get("/profile/security"), ada.Get("/confirm")} {
			if text := page.Status(http.StatusOK).Text(); strings.Contains(text, "Go on with") || strings.Contains(text, "elsewhere</h2>") {
				t.Errorf("a page speaks of providers: %s", text)
			}
		}
	})
}

// The account has the address that the provider has proved, and no password.
func TestSignUpWithProvider(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		c := s.Stranger().Browser()
		c.Get("/sign-up").Status(http.StatusOK).Contains(`<a href="/sign-in/with/oidc?next=%2f" role="button" class="secondary outline">Go on with Work</a>`)
		c.Get("/sign-up/with").Status(http.StatusSeeOther).HasHeader("Location", "/sign-up") // nobody has come
		r := s.trip(c, signInWith+"?next=/channels/open%3Fkind=a", "bob")
		r.Status(http.StatusSeeOther).HasHeader("Location", "/sign-up/with").HasHeader("Referrer-Policy", "no-referrer")
		c.Get("/sign-up/with").Status(http.StatusOK).Contains("bob@example.com").Contains(`value="bob"`).HasHeader("Cache-Control", "no-store")
		c.Get("/profile").Status(http.StatusSeeOther) // not yet
		c.Post("/sign-up/with", url.Values{"name": {"No no"}}).Status(http.StatusUnprocessableEntity).Contains("Must be 1 to 32")
		c.Post("/sign-up/with", url.Values{"name": {"ada"}}).Status(http.StatusUnprocessableEntity).Contains("Is taken already")
		c.Post("/sign-up/with", url.Values{"name": {"bob"}, "email": {"eve@example.com"}}).Status(http.StatusUnprocessableEntity)
		s.Stranger().Browser().Post("/sign-up/with", url.Values{"name": {"bob"}}).Status(http.StatusSeeOther).HasHeader("Location", "/sign-up")
		cookie := c.Cookie("__Host-session")
		c.Post("/sign-up/with", url.Values{"name": {"bob"}}).Status(http.StatusSeeOther).HasHeader("Location", "/channels/open?kind=a")
		if c.Cookie("__Host-session") == cookie {
			t.Error("the session's token did not change")
		}
		c.Get("/profile").Status(http.StatusOK).Contains("bob@example.com").Contains("· viewer ·")
		c.Post("/sign-up/with", url.Values{"name": {"bob2"}}).Status(http.StatusSeeOther).HasHeader("Location", "/sign-up") // done
		u, err := s.store.UserByEmail(t.Context(), "bob@example.com")
		assert.NoError(t, err)
		assert.Equal(t, u.PasswordHash, "")
		for _, guess := range []string{"", " ", password} {
			assert.Equal(t, s.canSignIn("bob@example.com", guess), false)
		}
		again := s.Stranger().Browser()
		s.trip(again, signInWith+"?next=/profile", "bob").Status(http.StatusSeeOther).HasHeader("Location", "/profile")
		again.Get("/profile").Status(http.StatusOK).Contains("<h1>bob</h1>")
		for action, want := range map[string]int{"account.created": 2, "oauth.linked": 1, "signin.oauth": 2} {
			assert.Equal(t, s.logged(admin, action, audit.OK), want)
		}
	}, provided)
}

// The very first account is its owner's who comes first, by whatever way.
func TestFirstSignUpWithProvider(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.joins("ada").Get("/profile").Contains("· admin ·")
		c := s.Stranger().Browser()
		s.trip(c, signInWith, "bob").Status(http.StatusSeeOther)
		c.Get("/sign-up/with").Status(http.StatusOK).Contains("new accounts are by invitation here")
		c.Post("/sign-up/with", url.Values{"name": {"bob"}}).Status(http.StatusUnprocessableEntity).Contains("by invitation here")
		_, err := s.store.UserByEmail(t.Context(), "bob@example.com")
		assert.Equal(t, err != nil, true)
	}, local, provided, func(_ testing.TB, s *site) { s.config.SignUp = false })
}

// An address makes nobody the owner of an account. One that the provider has not
// proved tells nothing of who has an account.
func TestSameAddressIsNotTheSameUser(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		ada := s.signUp("ada")
		thief := s.Stranger().Browser()
		s.trip(thief, signInWith, "ada").Status(http.StatusSeeOther).HasHeader("Location", "/sign-up/with")
		thief.Get("/sign-up/with").Status(http.StatusOK).Contains("There is an account with the mail address").Contains("/sign-in?next=%2fprofile%2fsecurity")
		thief.Post("/sign-up/with", url.Values{"name": {"ada2"}}).Status(http.StatusUnprocessableEntity).Contains("There is an account with")
		thief.Get("/profile").Status(http.StatusSeeOther)
		ada.Get("/profile/security").Contains("None. An account that you link here signs you in.")

		page := ""
		for _, email := range []string{"ada@example.com", "nobody@example.com", "", "not an address"} {
			s.idp.Set("eve", galeoidc.Claims{Name: "eve", Email: email})
			c := s.Stranger().Browser()
			s.trip(c, signInWith, "eve").Status(http.StatusSeeOther).HasHeader("Location", "/sign-up/with")
			got := seen(c.Get("/sign-up/with").Status(http.StatusOK).Contains("which has not shown that a mail address is yours"), "nothing is shown of it")
			got += seen(c.Post("/sign-up/with", url.Values{"name": {"eve"}}).Status(http.StatusUnprocessableEntity), "nothing is shown of it")
			if page == "" {
				page = got
			}
			assert.Equal(t, got, page)
		}
	}, provided)
}

func TestLinkProvider(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		ada := s.signUp("ada")
		ada.Get("/profile/security").Status(http.StatusOK).Contains(`href="/profile/linked/new"`)
		ada.Get("/profile/linked/new").Status(http.StatusOK).Contains(`href="/profile/linked/new/oidc"`)
		s.links(ada, "ada-at-work")
		s.mail("ada@example.com", "The ways to sign in to your account changed")
		s.trip(ada, linkWith, "ada-at-work").Status(http.StatusSeeOther)
		ada.Get("/profile/security").Contains("is linked already")
		s.trip(s.Stranger().Browser(), signInWith, "ada-at-work").Status(http.StatusSeeOther).HasHeader("Location", "/")
		ada.Get("/profile/export").Status(http.StatusOK).Contains(`"linked_accounts":[{"provider":"oidc"`).Contains("ada-at-work@example.com")

		// It is hers alone.
		bob := s.signUp("bob")
		s.trip(bob, linkWith, "ada-at-work").Status(http.StatusSeeOther)
		bob.Get("/profile/security").Contains("belongs to another account here").Contains("None. An account")
		found := unlinkForm.FindStringSubmatch(ada.Get("/profile/security").Text())
		bob.Post("/profile/linked/remove", url.Values{"issuer": {found[1]}, "subject": {found[2]}}).Status(http.StatusNotFound)

		// Signed out meanwhile, or in as somebody else, nothing is linked.
		back := s.leave(bob, linkWith, "bob-at-work")
		bob.Post("/sign-out", nil).Status(http.StatusSeeOther)
		bob.With("Sec-Fetch-Site", "cross-site").Get(back).Status(http.StatusForbidden).Contains("signed out meanwhile")
		s.trip(s.Stranger().Browser(), signInWith, "bob-at-work").HasHeader("Location", "/sign-up/with")

		s.unlink(ada)
		ada.Get("/profile/security").Contains("does not sign you in any more").Contains("None. An account")
		s.trip(s.Stranger().Browser(), signInWith, "ada-at-work").Status(http.StatusSeeOther).HasHeader("Location", "/sign-up/with")
		assert.Equal(t, s.logged(ada, "oauth.linked", audit.OK), 1)
		assert.Equal(t, s.logged(ada, "oauth.unlinked", audit.OK), 1)
		assert.Equal(t, s.logged(ada, "oauth.refused", audit.Refused), 2)

		s.clock.Advance(16 * time.Minute)
		ada.Get("/profile/linked/new").Status(http.StatusSeeOther).HasHeader("Location", "/confirm?next=%2Fprofile%2Flinked%2Fnew")
		ada.Get(linkWith).Status(http.StatusSeeOther).HasHeader("Location", "/confirm?next=%2Fprofile%2Flinked%2Fnew%2Foidc")
		ada.Post("/profile/linked/remove", url.Values{"issuer": {found[1]}, "subject": {found[2]}}).Status(http.StatusSeeOther).HasHeader("Location", "/confirm?next=%2F")
	}, provided)
}

// The last way to sign in stays, until there is a password.
func TestLastWayToSignIn(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		bob := s.joins("bob")
		s.unlink(bob)
		bob.Get("/profile/security").Contains("That is your only way to sign in").Contains("bob@example.com")
		s.trip(s.Stranger().Browser(), signInWith, "bob").HasHeader("Location", "/")

		// The page sends a link, with which the first password is set.
		bob.Get("/profile/security").Contains("You have none. Set one by a link")
		bob.Post("/reset", url.Values{"email": {"bob@example.com"}}).Status(http.StatusOK)
		token := s.token("bob@example.com", resetSubject)
		bob = s.Stranger().Browser()
		bob.Post("/reset/confirm", url.Values{"token": {token}, "password": {password}}).Status(http.StatusSeeOther)
		assert.Equal(t, s.canSignIn("bob@example.com", password), true)
		s.unlink(bob)
		s.trip(s.Stranger().Browser(), signInWith, "bob").HasHeader("Location", "/sign-up/with")
		assert.Equal(t, s.canSignIn("bob@example.com", password), true)
	}, provided)
}

// A passkey is a way too, and then the last.
func TestLastWayIsAPasskey(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		c := s.joins("bob")
		bob, err := s.store.UserByEmail(t.Context(), "bob@example.com")
		assert.NoError(t, err)
		passkeys := passkey.NewSQLStore(s.db)
		assert.NoError(t, passkeys.Create(t.Context(), passkey.Credential{ID: "AQ", UserID: bob.ID, UserHandle: []byte("h"), Name: "laptop", PublicKey: []byte("k"), Created: s.clock.Now()}))
		s.sql(t, `UPDATE sessions SET data = REPLACE(data, '"oauth":', '"passkey":')`) // as who has shown it
		s.unlink(c)
		c.Get("/profile/security").Contains("None. An account").Contains("laptop")
		c.Post("/profile/passkeys/AQ/remove", nil).Status(http.StatusSeeOther).HasHeader("Location", "/profile/security")
		c.Get("/profile/security").Contains("That is your only way to sign in").Contains("laptop")
		left, err := passkeys.ByUser(t.Context(), bob.ID)
		assert.NoError(t, err)
		assert.Equal(t, len(left), 1)
		assert.Equal(t, len(s.records("passkey.removed")), 0)

		_, err = s.store.UpdateUser(t.Context(), bob.ID, func(u *models.User) error { u.PasswordHash = "h"; return nil })
		assert.NoError(t, err)
		c.Post("/profile/passkeys/AQ/remove", nil).Status(http.StatusSeeOther)
		c.Get("/profile/security").Contains("The passkey is removed")
	}, provided)
}

// Accounts and links that a provider makes are stored with their record or not at all.
func TestNoLinkWithoutItsRecord(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		ada, c := s.signUp("ada"), s.Stranger().Browser()
		s.trip(c, signInWith, "bob").Status(http.StatusSeeOther).HasHeader("Location", "/sign-up/with")
		join := func() *galetest.Response { return c.Post("/sign-up/with", url.Values{"name": {"bob"}}) }
		link := func() *galetest.Response { return s.trip(ada, linkWith, "ada-at-work") }
		var found []string
		unlink := func() *galetest.Response {
			return ada.Post("/profile/linked/remove", url.Values{"issuer": {found[1]}, "subject": {found[2]}})
		}
		stored := func() string {
			rows, err := db.All[string](t.Context(), s.db, "SELECT name FROM users UNION ALL SELECT user_id FROM oauth_links ORDER BY 1")
			assert.NoError(t, err)
			return strings.Join(rows, " ")
		}
		s.ExpectLog("status=500")
		unwritten := func(do func() *galetest.Response) {
			before := stored()
			_, err := s.db.Exec(t.Context(), "ALTER TABLE audit_state RENAME TO lost")
			assert.NoError(t, err)
			do().Status(http.StatusInternalServerError)
			assert.Equal(t, stored(), before)
			_, err = s.db.Exec(t.Context(), "ALTER TABLE lost RENAME TO audit_state")
			assert.NoError(t, err)
		}
		written := func(do func() *galetest.Response, want ...string) {
			seen := len(s.records(""))
			do().Status(http.StatusSeeOther)
			var got []string
			for _, e := range s.records("")[seen:] {
				got = append(got, e.Action+" "+e.Actor.Name)
			}
			assert.Equal(t, strings.Join(got, ", "), strings.Join(want, ", "))
		}
		unwritten(join)
		written(join, "account.created bob", "oauth.linked bob", "signin.oauth bob")
		created := s.records("account.created")[1]
		assert.Equal(t, created.Target, created.Actor.ID)
		assert.Equal(t, s.records("oauth.linked")[0].Target, "oidc")
		unwritten(link)
		written(link, "oauth.linked ada")
		written(link) // it is there
		found = unlinkForm.FindStringSubmatch(ada.Get("/profile/security").Text())
		unwritten(unlink)
		written(unlink, "oauth.unlinked ada")
	}, provided)
}

// A provider is one factor. What was half done ends with its link.
func TestProviderIsOneFactor(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		ada := s.signUp("ada")
		app := s.enroll(ada)
		s.links(ada, "ada-at-work")
		c := s.Stranger().Browser()
		s.trip(c, signInWith+"?next=/profile", "ada-at-work").Status(http.StatusSeeOther).HasHeader("Location", "/sign-in/second?next=%2Fprofile")
		c.Get("/profile").Status(http.StatusSeeOther)
		second(c, app.code()).Status(http.StatusSeeOther).HasHeader("Location", "/profile")
		c.Get("/profile").Status(http.StatusOK)

		half := s.Stranger().Browser()
		s.trip(half, signInWith, "ada-at-work").Status(http.StatusSeeOther)
		s.unlink(ada)
		s.clock.Advance(time.Minute)
		second(half, app.code()).Status(http.StatusSeeOther).HasHeader("Location", "/sign-in")
	}, provided)
}

func TestDisabledUserWithProvider(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		s.joins("bob")
		bob, err := s.store.UserByEmail(t.Context(), "bob@example.com")
		assert.NoError(t, err)
		_, err = s.store.UpdateUser(t.Context(), bob.ID, func(u *models.User) error { u.Disabled = true; return nil })
		assert.NoError(t, err)
		c := s.Stranger().Browser()
		s.trip(c, signInWith, "bob").Status(http.StatusUnprocessableEntity).Contains("This account is disabled")
		c.Get("/profile").Status(http.StatusSeeOther)
		refused := s.records("oauth.refused")
		assert.Equal(t, len(refused), 1)
		assert.Equal(t, refused[0].Target, bob.ID)
	}, provided)
}

// The answer of a provider works once, in the browser that asked for it.
func TestForeignCallbacks(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		s.joins("bob")
		c, other := s.Stranger().Browser(), s.Stranger().Browser()
		back := s.leave(c, signInWith, "bob")
		for name, victim := range map[string]*galetest.Client{"a stranger": s.Stranger().Browser(), "one on a trip": other} {
			if name == "one on a trip" {
				s.leave(victim, signInWith, "eve")
			}
			victim.With("Sec-Fetch-Site", "cross-site").Get(back).Status(http.StatusBadRequest).
				Contains("was not started in this browser").Contains("<h1>Sign in</h1>")
			victim.Get("/profile").Status(http.StatusSeeOther)
		}
		c.Get(back).Status(http.StatusSeeOther).HasHeader("Location", "/")
		c.Post("/sign-out", nil).Status(http.StatusSeeOther)
		c.Get(back).Status(http.StatusBadRequest)
		for _, forged := range []string{"", "?state=x", "?state=x&code=y", back[:len(back)-3], strings.Replace(back, "state=", "state=x&state=", 1)} {
			if !strings.HasPrefix(forged, "/") {
				forged = "/sign-in/with/oidc/callback" + forged
			}
			c.Get(forged).Status(http.StatusBadRequest)
		}
		late := s.leave(c, signInWith, "bob")
		s.clock.Advance(10 * time.Minute)
		c.Get(late).Status(http.StatusBadRequest)
		c.Get("/profile").Status(http.StatusSeeOther)
		// A page of another site begins no trip.
		for _, from := range []string{"cross-site", "same-site"} {
			c.With("Sec-Fetch-Site", from).Get(signInWith).Status(http.StatusForbidden)
		}
		// Who is on no trip fills no log, and who is on one only so much of it.
		assert.Equal(t, len(s.records("oauth.refused")), 2)
		s.clock.Advance(time.Hour)
		s.leave(c, signInWith, "bob")
		for range 25 {
			c.Get("/sign-in/with/oidc/callback?state=x").Status(http.StatusBadRequest)
		}
		assert.Equal(t, len(s.records("oauth.refused")), 22)
		s.idp.Deny(true)
		s.trip(c, signInWith, "cleo").Status(http.StatusForbidden).Contains("did not let you in").Contains("<h1>Sign in</h1>")
		assert.Equal(t, len(s.records("oauth.refused")), 22)
	}, provided)
}

// While the provider is down, all else works, and the page says so.
func TestProviderIsDown(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		c := s.Stranger().Browser()
		s.ExpectLog("status=502")
		c.Get(signInWith).Status(http.StatusBadGateway).Contains("Signing in with Work does not work at the moment").Contains("<h1>Sign in</h1>")
		s.signIn("ada")
	}, func(_ testing.TB, s *site) {
		s.config.Providers = config.Providers{OIDCIssuer: "https://127.0.0.1:1", OIDCID: "relay", OIDCSecret: gale.NewSecret("secret"), OIDCName: "Work"}
	})
}

func TestNextOfProvider(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		s.joins("bob")
		for next, want := range map[string]string{
			"/channels/open?kind=a": "/channels/open?kind=a",
			"https://evil.example/": "/",
			"//evil.example/":       "/",
			`/\evil.example/`:       "/",
			"javascript:alert(1)":   "/",
		} {
			c := s.Stranger().Browser()
			s.trip(c, signInWith+"?next="+url.QueryEscape(next), "bob").Status(http.StatusSeeOther).HasHeader("Location", want)
		}
		// The buttons keep where one wanted to go.
		page := s.Stranger().Browser().Get("/sign-in?next=" + url.QueryEscape("/channels/open?kind=a&sender=b"))
		page.Contains(`href="/sign-in/with/oidc?next=%2fchannels%2fopen%3fkind%3da%26sender%3db"`)
	}, provided)
}

// Who has no password shows in another way that it is they.
func TestConfirmWithProvider(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		bob := s.joins("bob")
		s.clock.Advance(16 * time.Minute)
		toConfirm := func(r *galetest.Response) {
			t.Helper()
			r.Status(http.StatusSeeOther)
			if !strings.HasPrefix(r.Header("Location"), "/confirm?next=") {
				t.Errorf("it leads to %s", r.Header("Location"))
			}
		}
		toConfirm(bob.Post("/profile/email", url.Values{"email": {"eve@example.com"}}))
		toConfirm(bob.Post("/profile/delete", url.Values{"name": {"bob"}}))
		bob.Get("/confirm?next=/profile/account").Status(http.StatusOK).Contains(`href="/confirm/with/oidc?next=%2fprofile%2faccount"`).Contains("You have no password here")
		bob.Post("/confirm", url.Values{"password": {""}}).Status(http.StatusUnprocessableEntity)
		bob.Post("/profile/password", url.Values{"old": {""}, "password": {"quiet otter sells maps"}}).Status(http.StatusUnprocessableEntity)

		// Another's account at the provider proves nothing.
		s.trip(bob, "/confirm/with/oidc?next=/profile/account", "eve").Status(http.StatusForbidden).Contains("is not linked to yours")
		toConfirm(bob.Post("/profile/delete", url.Values{"name": {"bob"}}))
		assert.Equal(t, s.logged(admin, "oauth.refused", audit.Refused), 1)

		s.trip(bob, "/confirm/with/oidc?next=/profile/account", "bob").Status(http.StatusSeeOther).HasHeader("Location", "/profile/account")
		bob.Post("/profile/email", url.Values{"email": {"robert@example.com"}}).Status(http.StatusSeeOther).HasHeader("Location", "/profile/account")
		s.mail("bob@example.com", "Your mail address is to be changed")
		bob.Post("/profile/delete", url.Values{"name": {"eve"}}).Status(http.StatusUnprocessableEntity)
		bob.Post("/profile/delete", url.Values{"name": {"bob"}}).Status(http.StatusSeeOther).HasHeader("Location", "/")
		// Nothing is left of the link: the next one with it is a newcomer.
		s.trip(s.Stranger().Browser(), signInWith, "bob").HasHeader("Location", "/sign-up/with")
		assert.Equal(t, s.logged(admin, "confirm.oauth", audit.OK), 1)
	}, provided)
}

// The place of who comes from a provider is kept for that browser's visitor.
func TestNewcomerIsForgotten(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		c := s.Stranger().Browser()
		s.trip(c, signInWith, "bob").HasHeader("Location", "/sign-up/with")
		c.Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}}).Status(http.StatusSeeOther)
		c.Get("/sign-up/with").Status(http.StatusSeeOther).HasHeader("Location", "/sign-up")
		c = s.Stranger().Browser()
		s.trip(c, signInWith, "bob").HasHeader("Location", "/sign-up/with")
		s.clock.Advance(15 * time.Minute)
		c.Post("/sign-up/with", url.Values{"name": {"bob"}}).Status(http.StatusSeeOther).HasHeader("Location", "/sign-up")
	}, provided)
}

// Whoever gets a copy of the database learns no address from who came by a
// provider, be it of an account or of one that never was.
func TestNoAddressOfProviderIsInTheDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.links(s.signUp("ada"), "ada-at-work")
		s.joins("bob")
		s.trip(s.Stranger().Browser(), signInWith, "cay").HasHeader("Location", "/sign-up/with")
		for table, text := range s.dump() {
			if i := strings.Index(text, "@example.com"); i >= 0 {
				t.Errorf("%s has %q", table, text[max(0, i-20):i+12])
			}
		}
	}, provided)
}
