package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
)

const allowedSubject = "An app has access to your account"

// TestOAuth is the whole of it, from an app's link to the end of its access.
func TestOAuth(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		a := s.register(s.signIn("ada"))
		s.user("olga", models.Operator)

		// The user comes, signs in, and is asked.
		olga := s.Stranger().Browser()
		page := location(olga.Get(a.ask()))
		assert.Equal(t, page.Path, "/sign-in")
		next := page.Query().Get("next")
		olga.Get(page.RequestURI()).Status(http.StatusOK)
		r := olga.Post("/sign-in", url.Values{"email": {"olga@example.com"}, "password": {password}, "next": {next}}).Status(http.StatusSeeOther)
		assert.Equal(t, r.Header("Location"), next)
		resume := s.match(`content="0; url=([^"]+)"`, olga.Get(next).Status(http.StatusOK).Text())
		consent := location(olga.Get(resume))
		assert.Equal(t, consent.Path, "/consent")
		r = olga.Get(consent.RequestURI()).Status(http.StatusOK).HasHeader("Cache-Control", "no-store").HasHeader("Referrer-Policy", "same-origin")
		r.Contains("Allow Dashboard?").Contains("app.example").Contains("read the packets").Contains("while you are away")
		assert.Contains(t, r.Header("Content-Security-Policy"), "form-action 'self' https://app.example")
		assert.Contains(t, r.Header("Content-Security-Policy"), "frame-ancestors 'none'")
		back := location(answer(olga, consent.Query().Get("request"), "allow").Status(http.StatusSeeOther))
		assert.Equal(t, back.Host, "app.example")
		assert.Equal(t, back.Query().Get("state"), "the state")
		mailed := s.mail("olga@example.com", allowedSubject).Text
		assert.True(t, strings.Contains(mailed, "Dashboard") && strings.Contains(mailed, "app.example") && strings.Contains(mailed, "packets.read"), mailed)

		// Its token is for the API, and for what was allowed.
		got := s.given(s.exchange(a, back.Query().Get("code")))
		c := s.Stranger().Bearer(got.Access)
		c.Get(closedPath).Status(http.StatusOK)
		c.Do(onePacket(c, "open")).Status(http.StatusForbidden)
		c.Get("/profile").Status(http.StatusForbidden).Contains("for /api/ only")
		var info map[string]any
		c.Get("/oauth/userinfo").Status(http.StatusOK).JSON(&info)
		assert.Equal(t, info["email"], nil) // was not asked for
		more := s.allow(olga, a, "scope", "openid profile email packets.send")
		c = s.Stranger().Bearer(more.Access)
		c.Get(closedPath).Status(http.StatusNotFound)
		c.Do(onePacket(c, "open")).Status(http.StatusCreated)
		sent := stored(s.Stranger(), "open")
		assert.Equal(t, sent[len(sent)-1].Sender, "olga/"+a.id)
		c.Get("/oauth/userinfo").Status(http.StatusOK).JSON(&info)
		assert.Equal(t, info["email"], any("olga@example.com"))
		assert.Equal(t, info["name"], any("olga"))

		// Who has allowed it before is not asked again, nor told.
		again := s.signIn("olga")
		assert.Equal(t, location(again.Get(a.ask())).Host, "app.example")
		s.clock.Advance(11 * time.Minute)
		assert.Equal(t, s.reads(got.Access), http.StatusUnauthorized)
		got2 := s.given(s.refresh(a, got.Refresh))
		assert.Equal(t, s.reads(got2.Access), http.StatusOK)
		assert.True(t, got2.Refresh != got.Refresh, "the refresh token stays the same")

		// The user sees it, takes it along, and takes it back.
		olga.Get("/profile/security").Contains(`href="/profile/access"`)
		olga.Get("/profile/access").Status(http.StatusOK).Contains("Dashboard").Contains("send packets in your name")
		olga.Get("/profile/export").Status(http.StatusOK).Contains(`"apps":[{"id":"` + a.id + `","name":"Dashboard"`)
		olga.Post("/profile/access/"+a.id+"/revoke", nil).Status(http.StatusSeeOther)
		olga.Get("/profile/access").Contains("Dashboard has no access any more.").Contains("No app may act for you.")
		assert.Equal(t, s.reads(got2.Access), http.StatusUnauthorized)
		assert.Equal(t, s.active(a, got2.Access), false)
		s.refused(s.refresh(a, got2.Refresh), http.StatusBadRequest, "invalid_grant")
		assert.Equal(t, location(again.Get(a.ask())).Path, "/consent")
		events := s.signIn("ada").Get("/admin/audit").Text()
		for _, action := range []string{"client.created", "app.allowed", "app.revoked"} {
			assert.Contains(t, events, action)
		}
		n := 0
		for _, m := range s.outbox.Messages() {
			if m.IsTo("olga@example.com") && m.Subject == allowedSubject {
				n++
			}
		}
		assert.Equal(t, n, 2)
	})
}

// A user who says no gives nothing.
func TestOAuthDeny(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		c := s.signIn("ada")
		a := s.register(c)
		id := s.asked(c, a)
		u := location(answer(c, id, "deny").Status(http.StatusSeeOther))
		assert.Equal(t, u.Host, "app.example")
		assert.Equal(t, u.Query().Get("error"), "access_denied")
		assert.Equal(t, u.Query().Get("code"), "")
		c.Get("/profile/access").Contains("No app may act for you.")
		answer(c, id, "allow").Status(http.StatusNotFound).Contains("This request is over")
		answer(c, s.asked(c, a), "maybe").Status(http.StatusUnprocessableEntity)
	})
}

// A refresh token that is used twice ends what the thief has, and what the app has.
func TestOAuthReuse(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		c := s.signIn("ada")
		a := s.register(c)
		first, other := s.allow(c, a), s.allow(c, a)
		second := s.given(s.refresh(a, first.Refresh))
		third := s.given(s.refresh(a, second.Refresh))
		assert.Equal(t, s.reads(third.Access), http.StatusOK)
		s.refused(s.refresh(a, first.Refresh), http.StatusBadRequest, "invalid_grant")
		for _, dead := range []string{first.Access, second.Access, third.Access} {
			assert.Equal(t, s.reads(dead), http.StatusUnauthorized)
			assert.Equal(t, s.active(a, dead), false)
		}
		s.refused(s.refresh(a, third.Refresh), http.StatusBadRequest, "invalid_grant")
		assert.Equal(t, s.reads(other.Access), http.StatusOK) // of another device

		code := s.code(c, a)
		got := s.given(s.exchange(a, code))
		s.refused(s.exchange(a, code), http.StatusBadRequest, "invalid_grant")
		assert.Equal(t, s.reads(got.Access), http.StatusUnauthorized)
	})
}

// Apps can give their tokens back, and resource servers ask about them.
func TestOAuthRevocationAndIntrospection(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		c := s.signIn("ada")
		a, b := s.register(c), s.register(c, "name", "Another")
		asks := s.register(c, "name", "Gateway", "users", "", "refresh", "", "self", "", "redirects", "", "scopes", "", "asks", "on")
		got := s.allow(c, a)
		assert.True(t, s.active(a, got.Access) && s.active(asks, got.Access), "a good token is not active")
		assert.Equal(t, s.active(b, got.Access), false) // none of its business
		s.post(b, "/revoke", url.Values{"token": {got.Access}}).Status(http.StatusOK)
		assert.Equal(t, s.reads(got.Access), http.StatusOK)
		s.post(a, "/revoke", url.Values{"token": {got.Refresh}}).Status(http.StatusOK)
		assert.Equal(t, s.reads(got.Access), http.StatusUnauthorized)
		assert.Equal(t, s.active(asks, got.Access), false)
		s.Stranger().Post("/oauth/introspect", url.Values{"token": {got.Access}}).Status(http.StatusUnauthorized)

		own := s.given(s.own(a))
		assert.Equal(t, s.reads(own.Access), http.StatusOK)
		s.post(a, "/revoke", url.Values{"token": {own.Access}}).Status(http.StatusOK)
		assert.Equal(t, s.reads(own.Access), http.StatusUnauthorized)
		empty := s.given(s.own(asks)) // it was given no scope
		assert.Equal(t, s.reads(empty.Access), http.StatusNotFound)
	})
}

// An app by itself has the rights of the admin who registered it, within its
// scopes, as long as the admin has them.
func TestOAuthClientCredentials(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		bob := s.user("bob", models.Admin)
		a := s.register(s.signIn("bob"))
		got := s.given(s.own(a))
		assert.Equal(t, got.Scope, "packets.read packets.send")
		assert.Equal(t, got.Refresh+got.ID, "")
		c := s.Stranger().Bearer(got.Access)
		c.Get(closedPath).Status(http.StatusOK)
		c.Do(onePacket(c, "open")).Status(http.StatusCreated)
		c.Post("/api/v1/channels", map[string]any{"name": "made", "title": "Made"}).Status(http.StatusForbidden)
		c.Get("/admin/users").Status(http.StatusForbidden)
		c.Get("/oauth/userinfo").Status(http.StatusForbidden)
		assert.Equal(t, stored(s.Stranger(), "open")[0].Sender, "bob/"+a.id)
		for _, scope := range []string{"channels.manage", "users.manage", "packets.read channels.manage", "openid", "offline_access", "*"} {
			s.refused(s.own(a, "scope", scope), http.StatusBadRequest, "invalid_scope")
		}

		change := func(role models.Role, disabled bool) {
			_, err := s.store.UpdateUser(t.Context(), bob.ID, func(u *models.User) error { u.Role, u.Disabled = role, disabled; return nil })
			assert.NoError(t, err)
		}
		change(models.Viewer, false)
		c.Get(closedPath).Status(http.StatusOK)
		c.Do(onePacket(c, "open")).Status(http.StatusForbidden)
		change(models.Admin, true)
		c.Get(closedPath).Status(http.StatusUnauthorized)
		change(models.Admin, false)
		c.Get(closedPath).Status(http.StatusOK)
		s.signIn("ada").Post("/admin/clients/"+a.id+"/delete", nil).Status(http.StatusSeeOther)
		c.Get(closedPath).Status(http.StatusUnauthorized)
		s.refused(s.own(a), http.StatusUnauthorized, "invalid_client")
	})
}

// Whatever ends all sessions of a user ends the access of apps.
func TestOAuthEndsWithSessions(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		change := func(user models.User, form url.Values) {
			s.change(ada, user.ID, form).Status(http.StatusSeeOther)
		}
		for name, end := range map[string]func(c *galetest.Client, u models.User){
			"disabled": func(_ *galetest.Client, u models.User) {
				change(u, url.Values{"role": {"viewer"}, "disabled": {"true"}})
			},
			"enabled-again": func(_ *galetest.Client, u models.User) {
				change(u, url.Values{"role": {"viewer"}, "disabled": {"true"}})
				change(u, url.Values{"role": {"viewer"}})
			},
			"without-factors": func(_ *galetest.Client, u models.User) {
				ada.Post("/admin/users/"+u.ID+"/factors", nil).Status(http.StatusSeeOther)
			},
			"elsewhere": func(c *galetest.Client, _ models.User) {
				c.Post("/profile/sessions/revoke", nil).Status(http.StatusSeeOther)
			},
			"new-password": func(c *galetest.Client, _ models.User) {
				c.Post("/profile/password", url.Values{"old": {password}, "password": {"another horse entirely"}}).Status(http.StatusSeeOther)
			},
			"forgotten": func(c *galetest.Client, u models.User) {
				c.Post("/reset", url.Values{"email": {u.Email}}).Status(http.StatusOK)
				form := url.Values{"token": {s.token(u.Email, resetSubject)}, "password": {"another horse entirely"}}
				c.Post("/reset/confirm", form).Status(http.StatusSeeOther)
			},
			"deleted": func(c *galetest.Client, u models.User) {
				c.Post("/profile/delete", url.Values{"name": {u.Name}, "password": {password}}).Status(http.StatusSeeOther)
			},
		} {
			u := s.user(name, models.Viewer)
			c := s.signIn(name)
			got, waiting := s.allow(c, a), s.code(c, a)
			assert.Equal(t, s.reads(got.Access), http.StatusOK)
			end(c, u)
			if status := s.reads(got.Access); status != http.StatusUnauthorized || s.active(a, got.Access) || s.active(a, got.Refresh) {
				t.Errorf("%s: the app goes on, the API answers %d", name, status)
			}
			s.refused(s.refresh(a, got.Refresh), http.StatusBadRequest, "invalid_grant")
			s.refused(s.exchange(a, waiting), http.StatusBadRequest, "invalid_grant")
			s.Stranger().Bearer(got.Access).Get("/oauth/userinfo").Status(http.StatusUnauthorized)
		}
		assert.Equal(t, s.reads(s.allow(ada, a).Access), http.StatusOK) // others go on
	})
}

// A thief in an admin's session registers an app that acts as the admin: a mail
// tells, and who takes the account back ends it with the keys.
func TestOwnAppsEndWithAReset(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		bob, olga := s.user("bob", models.Admin), s.user("olga", models.Admin)
		thief, other := s.signIn("bob"), s.signIn("olga")
		a, theirs := s.register(thief), s.register(other)
		if told := s.mail(bob.Email, "You have registered an app").Text; !strings.Contains(told, a.id) || strings.Contains(told, a.secret) {
			t.Errorf("the mail says %q", told)
		}
		users := s.register(thief, "self", "")
		thief.Post("/admin/clients/"+a.id+"/rotate", url.Values{}).Status(http.StatusOK)
		assert.True(t, strings.Contains(s.mail(bob.Email, "An app has a new secret").Text, a.id), "the mail names no app")
		got, going := s.given(s.own(a)), s.given(s.own(theirs))
		reset := func(u models.User, keys ...string) {
			c := s.Stranger().Browser()
			c.Post("/reset", url.Values{"email": {u.Email}}).Status(http.StatusOK)
			form := url.Values{"token": {s.token(u.Email, resetSubject)}, "password": {"another horse entirely"}, "keys": keys}
			c.Post("/reset/confirm", form).Status(http.StatusSeeOther)
		}
		reset(bob, "true")
		assert.Equal(t, s.reads(got.Access), http.StatusUnauthorized)
		assert.True(t, !s.active(theirs, got.Access), "the token is active")
		s.refused(s.own(a), http.StatusUnauthorized, "invalid_client")
		ada.Get("/admin/clients").Contains("<strong>disabled</strong>")
		s.allow(ada, users) // what acts for users alone goes on
		reset(olga)
		assert.Equal(t, s.reads(going.Access), http.StatusOK) // who does not tick the box keeps it
		s.given(s.own(theirs))
	})
}

// Who was disabled does not stay by an app that acts as them.
func TestOwnAppsOfTheDisabled(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		bob := s.user("bob", models.Admin)
		a, asks := s.register(s.signIn("bob")), s.register(ada, "users", "", "refresh", "", "self", "", "asks", "on")
		got := s.given(s.own(a))
		assert.True(t, s.active(asks, got.Access), "the token is not active")
		s.change(ada, bob.ID, url.Values{"role": {"admin"}, "disabled": {"true"}}).Status(http.StatusSeeOther)
		assert.True(t, !s.active(asks, got.Access) && !s.active(a, got.Access), "the token is active")
		assert.Equal(t, s.reads(got.Access), http.StatusUnauthorized)
		s.refused(s.own(a), http.StatusBadRequest, "unauthorized_client")
	})
}

// A browser that was left open, or a cookie that was stolen, lets no app in: its
// refresh token would stay when the session has ended.
func TestConsentAsksAgain(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		local := "http://127.0.0.1:9999/cb"
		a := s.register(s.signIn("ada"), "kind", "public", "self", "", "redirects", local)
		s.user("olga", models.Viewer)
		thief := s.signIn("olga")
		open := s.asked(thief, a, "redirect_uri", local)
		s.clock.Advance(40 * time.Minute)
		if u := location(answer(thief, open, "allow")); u.Query().Get("code") != "" {
			t.Error("an old session has allowed an app")
		}
		fresh := s.asked(thief, a, "redirect_uri", local)
		page := location(thief.Get("/consent?request=" + fresh).Status(http.StatusSeeOther))
		assert.Equal(t, page.Path, "/confirm")
		assert.Equal(t, page.Query().Get("next"), "/consent?request="+fresh)
		back := location(answer(thief.With("Referer", "https://gale.test/consent?request="+fresh), fresh, "allow"))
		assert.Equal(t, back.RequestURI(), page.RequestURI()) // who has read for too long comes back to the page
		thief.Post("/confirm", url.Values{"password": {password}, "next": {page.Query().Get("next")}}).Status(http.StatusSeeOther)
		thief.Get("/consent?request=" + fresh).Status(http.StatusOK)
		assert.True(t, location(answer(thief, fresh, "allow")).Query().Get("code") != "", "no code after the password")
	})
}

// What an app follows live ends with its access.
func TestOAuthLive(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		got := s.allow(ada, a)
		socket, m := watch(s.Stranger().Bearer(got.Access), "closed")
		assert.Equal(t, m.Type, "subscribed")
		_, m = watch(s.Stranger().Bearer(s.allow(ada, a, "scope", "packets.send").Access), "closed")
		assert.Equal(t, m.Type, "error")
		ada.Post("/profile/access/"+a.id+"/revoke", nil).Status(http.StatusSeeOther)
		socket.Closed(1008)
	})
}

// An app can want to know that the user is there now.
func TestOAuthFreshSignIn(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		c := s.signIn("ada")
		a := s.register(c)
		s.allow(c, a)
		s.clock.Advance(time.Minute)
		fresh := location(c.Get(a.ask("prompt", "login")))
		assert.Equal(t, fresh.Path, "/sign-in/again")
		next := fresh.Query().Get("next")
		confirm := location(c.Get(fresh.RequestURI()).Status(http.StatusSeeOther))
		assert.Equal(t, confirm.Path, "/confirm")
		assert.Equal(t, confirm.Query().Get("next"), next)
		resume := s.match(`content="0; url=([^"]+)"`, c.Get(next).Status(http.StatusOK).Text())
		assert.Equal(t, location(c.Get(resume)).Query().Get("error"), "login_required") // went past the page
		assert.Equal(t, location(c.Post("/confirm", url.Values{"password": {password}, "next": {next}})).RequestURI(), next)
		assert.True(t, location(c.Get(resume)).Query().Get("code") != "", "no code after the password")
		assert.Equal(t, location(c.Get(a.ask("prompt", "none"))).Query().Get("error"), "")

		visitor := s.Stranger().Browser()
		assert.Equal(t, location(visitor.Get(a.ask("prompt", "none"))).Query().Get("error"), "login_required")
		fresh = location(visitor.Get(a.ask("max_age", "60")))
		assert.Equal(t, location(visitor.Get(fresh.RequestURI())).Path, "/sign-in")
		for _, evil := range []string{"https://evil.example/", "//evil.example", "/profile", "/oauth/authorize/resume?request=1\r\nX: y", ""} {
			q := "?next=" + url.QueryEscape(evil)
			u := location(visitor.Get("/consent/continue" + q))
			assert.True(t, u.Host == "" && (u.Path == "/"), u.String())
			u = location(visitor.Get("/sign-in/again" + q))
			assert.True(t, u.Host == "" && u.Path == "/sign-in" && strings.HasPrefix(u.Query().Get("next"), "/") && !strings.HasPrefix(u.Query().Get("next"), "//"), u.String())
		}
	})
}

// TestClients is the page on which admins register apps.
func TestClients(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		page := ada.Get("/admin/clients").Status(http.StatusOK).Contains(a.id).Contains("Dashboard").Contains(appRedirect)
		assert.True(t, !strings.Contains(page.Text(), a.secret), "the secret is shown again")
		browser := s.register(ada, "name", "Single page", "kind", "public", "self", "")
		assert.Equal(t, browser.secret, "")
		s.given(s.exchange(browser, s.code(ada, browser)))

		page = ada.Post("/admin/clients/"+a.id+"/rotate", url.Values{}).Status(http.StatusOK)
		next := oauthApp{a.id, clientSecret.FindStringSubmatch(page.Text())[1]}
		assert.True(t, next.secret != a.secret, "the secret is as before")
		s.given(s.own(next))
		for _, id := range []string{browser.id, "none", "%00", "%ff", strings.Repeat("a", 300)} {
			ada.Post("/admin/clients/"+id+"/rotate", url.Values{}).Status(http.StatusNotFound)
			ada.Post("/profile/access/no"+id+"/revoke", nil).Status(http.StatusNotFound)
			ada.Post("/admin/clients/no"+id+"/delete", nil).Status(http.StatusNotFound)
		}
		// Who has the secret acts as who registered the app: that is no other admin.
		s.user("bob", models.Admin)
		bob := s.signIn("bob")
		bob.Get("/admin/clients").Contains("for itself as ada")
		bob.Post("/admin/clients/"+a.id+"/rotate", url.Values{}).Status(http.StatusForbidden)
		only := s.register(ada, "self", "")
		bob.Post("/admin/clients/"+only.id+"/rotate", url.Values{}).Status(http.StatusOK)

		for want, change := range map[string][]string{
			"must begin with https":       {"redirects", "http://app.example/cb"},
			"neither a user nor a":        {"redirects", "https://u@app.example/cb"},
			"not a valid URL":             {"redirects", "https://a;script-src/cb"},
			"At least one redirect":       {"redirects", ""},
			"1 to 100 letters":            {"name", ""},
			"Must be some of":             {"scopes", "users.manage"},
			"Must be at least one":        {"scopes", ""},
			"since it has no secret":      {"kind", "public"},
			"refresh_token needs":         {"users", ""},
			"Must be chosen, or another":  {"users", "", "self", "", "refresh", ""},
			"This form could not be take": {"created_by", "olga"},
		} {
			r := ada.Post("/admin/clients", appForm(change...)).Status(http.StatusUnprocessableEntity)
			assert.Contains(t, r.Text(), want)
		}
		ada.Post("/admin/clients", appForm("redirects", "https://a.example/cb\r\nhttp://127.0.0.1/cb\r\n")).Status(http.StatusCreated)

		got := s.allow(ada, next)
		ada.Post("/admin/clients/"+a.id+"/delete", nil).Status(http.StatusSeeOther)
		assert.Equal(t, s.reads(got.Access), http.StatusUnauthorized)
		ada.Get("/profile/access").Contains("Single page")
		s.clock.Advance(16 * time.Minute) // who left the browser open
		r := ada.With("Referer", ada.URL("/admin/clients/new")).Post("/admin/clients", appForm()).Status(http.StatusSeeOther)
		assert.Equal(t, location(r).Path, "/confirm")
		ada.Post("/admin/clients/"+browser.id+"/delete", nil).Status(http.StatusSeeOther)
		ada.Get("/admin/clients").Contains(browser.id)
	})
}

// On the network of a house, by plain http, apps work where relay is opened at
// localhost.
func TestOAuthByPlainHTTP(t *testing.T) {
	plain := func(_ testing.TB, s *site) { s.config.PublicURL = "http://192.0.2.7:8080" }
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		ada.Get("/admin/clients").Contains("http://localhost:8080/oauth/.well-known/openid-configuration")
		s.Stranger().Get("/oauth/.well-known/openid-configuration").Status(http.StatusOK).Contains(`"issuer":"http://localhost:8080/oauth"`)
		assert.Equal(t, s.reads(s.given(s.own(a)).Access), http.StatusOK)
	}, plain)
}

// What has ended goes by itself, however much of it there is.
func TestEndedTokensGo(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		_, err := s.db.Exec(t.Context(), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5001)
			INSERT INTO oauth_refresh (hash, family_id, expires_at, spent_at) SELECT 'h' || i, 'f', 1000, 0 FROM n`)
		assert.NoError(t, err)
		until(t, func() bool {
			left, err := db.Get[bool](t.Context(), s.db, "SELECT EXISTS (SELECT 1 FROM oauth_refresh)")
			assert.NoError(t, err)
			return !left
		})
	}, often)
}
