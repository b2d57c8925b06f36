package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/galetest"
)

// TestChangeClient: an admin changes an app, and what it lost it does not get.
func TestChangeClient(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		got := s.allow(ada, a)
		path, moved := "/admin/clients/"+a.id, "https://app.example/moved"
		form := func(change ...string) url.Values {
			seen := s.match(`name="seen" value="([^"]+)"`, ada.Get(path).Text())
			return with(url.Values{
				"name": {"Renamed"}, "redirects": {moved}, "scopes": {"openid", "packets.send"}, "seen": {seen},
				"users": {"on"}, "refresh": {"on"}, "self": {"on"},
			}, change)
		}
		ada.Get("/admin/clients").Contains(path + `"`)
		page := ada.Get(path).Status(http.StatusOK).Contains(`value="Dashboard"`).Contains(appRedirect).Contains(`value="packets.read" checked`).Text()
		assert.True(t, !strings.Contains(page, `value="channels.manage" checked`), "has a scope that it has not")

		for want, change := range map[string][]string{
			"must begin with https":       {"redirects", "http://app.example/cb"},
			"At least one redirect":       {"redirects", ""},
			"1 to 100 letters":            {"name", ""},
			"Must be some of":             {"scopes", "users.manage"},
			"Must be at least one":        {"scopes", ""},
			"This form could not be take": {"kind", "public"},
		} {
			assert.Contains(t, ada.Post(path, form(change...)).Status(http.StatusUnprocessableEntity).Text(), want)
		}
		ada.Get("/admin/clients").Contains("Dashboard")

		stale := form("name", "Stale")
		assert.Equal(t, location(ada.Post(path, form())).Path, "/admin/clients")
		ada.Get("/admin/clients").Contains("Renamed is saved.").Contains(moved)
		assert.Equal(t, s.reads(got.Access), http.StatusOK) // for 10 minutes at most
		assert.Equal(t, s.given(s.refresh(a, got.Refresh)).Scope, "openid offline_access")
		ada.Get(a.ask()).Status(http.StatusBadRequest)
		u := location(ada.Get(a.ask("redirect_uri", moved)))
		assert.Equal(t, u.Query().Get("error"), "invalid_scope")
		ada.Post(path, stale).Status(http.StatusUnprocessableEntity).Contains("Somebody has changed this app").Contains(`value="Stale"`)
		entries := s.records("client.changed")
		assert.Equal(t, len(entries), 1)
		assert.Equal(t, entries[0].Target, a.id)
		assert.Equal(t, entries[0].Detail, map[string]string{
			"name": "Renamed", "redirects": moved, "scopes": "openid packets.send", "grants": "authorization_code refresh_token client_credentials",
		})

		// It acts as ada: another admin can have it do less, and not more.
		s.user("bob", models.Admin)
		bob := s.signIn("bob")
		assert.Contains(t, bob.Post(path, form("scopes", "packets.read")).Status(http.StatusUnprocessableEntity).Text(), "Can only become fewer")
		bob.Post(path, form("scopes", "packets.send", "name", "Less")).Status(http.StatusSeeOther)
		assert.True(t, !strings.Contains(bob.Get(path).Text(), "A new secret"), "bob is offered a secret that he may not have")
		late := form("name", "Late")
		s.clock.Advance(16 * time.Minute)
		assert.Equal(t, location(bob.Get(path)).Path, "/confirm")
		bob.With("Referer", bob.URL(path)).Post(path, late).Status(http.StatusSeeOther)
		s.signIn("ada").Get("/admin/clients").Contains("Less")
	})
}

// TestGrantsOfClient: what an app does can be changed; what it has got by what it does
// no more ends at once, and nobody has it act as another admin.
func TestGrantsOfClient(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		s.user("bob", models.Admin)
		bob := s.signIn("bob")
		a := s.register(ada)
		got, own := s.allow(ada, a), s.given(s.own(a))
		socket, _ := watch(s.Stranger().Bearer(own.Access), "open")
		path := "/admin/clients/" + a.id
		form := func(change ...string) url.Values {
			page := ada.Get(path).Text()
			return with(url.Values{
				"name": {"Dashboard"}, "redirects": {appRedirect}, "scopes": {"openid", "packets.read"},
				"seen": {s.match(`name="seen" value="([^"]+)"`, page)},
			}, change)
		}
		ticked := func(name string) bool {
			return strings.Contains(ada.Get(path).Text(), `name="`+name+`" checked`)
		}
		assert.Equal(t, []bool{ticked("users"), ticked("refresh"), ticked("self")}, []bool{true, true, true})
		assert.Contains(t, ada.Get("/profile/access").Text(), a.id)
		for want, change := range map[string][]string{
			"Must be chosen":                  nil,
			"refresh_token needs authorizati": {"refresh", "on", "self", "on"},
		} {
			assert.Contains(t, ada.Post(path, form(change...)).Status(http.StatusUnprocessableEntity).Text(), want)
		}

		bob.Post(path, form("users", "on", "refresh", "on")).Status(http.StatusSeeOther)
		assert.Equal(t, []bool{ticked("users"), ticked("refresh"), ticked("self")}, []bool{true, true, false})
		assert.Equal(t, s.reads(own.Access), http.StatusUnauthorized)
		assert.Equal(t, s.reads(got.Access), http.StatusOK)
		var m message
		socket.JSON(&m)
		assert.Equal(t, m.Type, "unsubscribed")
		s.refused(s.own(a), http.StatusBadRequest, "unauthorized_client")

		// It would be ada whom it acts as, by a secret that bob could have.
		page := bob.Post(path+"/rotate", url.Values{"at_once": {"false"}}).Status(http.StatusOK).Text()
		bobs := oauthApp{a.id, clientSecret.FindStringSubmatch(page)[1]}
		assert.Contains(t, bob.Post(path, form("users", "on", "refresh", "on", "self", "on")).Status(http.StatusUnprocessableEntity).Text(), "as another admin")
		page = ada.Post(path, form("users", "on", "refresh", "on", "self", "on")).Status(http.StatusOK).HasHeader("Cache-Control", "no-store").Contains("is shown this once").Text()
		for _, old := range []oauthApp{a, bobs} {
			s.refused(s.own(old), http.StatusUnauthorized, "invalid_client")
		}
		a.secret = clientSecret.FindStringSubmatch(page)[1]
		s.given(s.own(a))
		s.given(s.refresh(a, got.Refresh))

		ada.Post(path, form("self", "on")).Status(http.StatusSeeOther)
		s.refused(s.refresh(a, got.Refresh), http.StatusBadRequest, "unauthorized_client")
		assert.Equal(t, s.reads(got.Access), http.StatusUnauthorized)
		assert.True(t, !strings.Contains(ada.Get("/profile/access").Text(), a.id), "the access is listed still")
		var grants []string
		for _, e := range s.records("client.changed") {
			grants = append(grants, e.Actor.Name+": "+e.Detail["grants"])
		}
		assert.Equal(t, grants, []string{
			"bob: authorization_code refresh_token", "ada: authorization_code refresh_token client_credentials", "ada: client_credentials",
		})
		assert.Equal(t, len(s.records("client.rotated")), 2)

		// One that only asks about tokens is no app that acts for itself.
		asks := s.register(ada, "name", "Asks", "users", "", "refresh", "", "self", "", "asks", "on", "scopes", "")
		path = "/admin/clients/" + asks.id
		assert.Equal(t, ticked("self"), false)
		ada.Post(path, form("redirects", "", "scopes", "")).Status(http.StatusSeeOther)
		assert.Equal(t, s.active(asks, s.given(s.own(a)).Access), true)
	})
}

// TestSecretOfOneThatAsked: another admin gets the secret of an app that only asks
// about tokens. When the app acts for itself later, nobody acts by that secret as
// the admin who registered it.
func TestSecretOfOneThatAsked(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		s.user("bob", models.Admin)
		bob := s.signIn("bob")
		a := s.register(ada, "self", "", "asks", "on")
		path := "/admin/clients/" + a.id
		change := func(who *galetest.Client, boxes ...string) oauthApp {
			form := with(url.Values{
				"name": {"Dashboard"}, "redirects": {appRedirect},
				"seen": {s.match(`name="seen" value="([^"]+)"`, ada.Get(path).Text())},
			}, boxes)
			page := who.Post(path, form).Status(http.StatusOK).Text()
			return oauthApp{a.id, clientSecret.FindStringSubmatch(page)[1]}
		}
		bobs := change(bob, "redirects", "")
		s.active(bobs, "none")
		s.refused(s.own(a), http.StatusUnauthorized, "invalid_client")

		adas := change(ada, "self", "on", "scopes", "packets.read")
		s.refused(s.own(bobs), http.StatusUnauthorized, "invalid_client")
		s.given(s.own(adas))
		assert.Equal(t, len(s.records("client.rotated")), 2)
	})
}

// TestDisableClient: nothing of a disabled app works, its live connections end,
// and who comes from it is told.
func TestDisableClient(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a, other := s.register(ada), s.register(ada, "name", "Another")
		got, own, others := s.allow(ada, a), s.given(s.own(a)), s.allow(ada, other)
		waiting := s.asked(ada, a, "prompt", "consent")
		socket, _ := watch(s.Stranger().Bearer(got.Access), "closed")
		open, _ := watch(s.Stranger().Bearer(own.Access), "open")
		goesOn, _ := watch(s.Stranger().Bearer(others.Access), "closed")
		path := "/admin/clients/" + a.id

		ada.Post(path+"/disable", nil).Status(http.StatusSeeOther)
		ada.Get("/admin/clients").Contains("Dashboard is disabled").Contains("<strong>disabled</strong>")
		for _, access := range []string{got.Access, own.Access} {
			assert.Equal(t, s.reads(access), http.StatusUnauthorized)
			assert.Equal(t, s.active(other, access), false)
		}
		assert.Equal(t, s.reads(others.Access), http.StatusOK)
		s.refused(s.refresh(a, got.Refresh), http.StatusUnauthorized, "invalid_client")
		s.refused(s.own(a), http.StatusUnauthorized, "invalid_client")
		for _, ended := range []*galetest.Socket{socket, open} {
			var m message
			ended.JSON(&m)
			assert.Equal(t, m.Type, "unsubscribed")
		}
		ada.Get(a.ask()).Status(http.StatusForbidden).Contains("This app is disabled")
		ada.Get("/consent?request=" + waiting).Status(http.StatusForbidden).Contains("This app is disabled")
		ada.Get("/oauth/authorize/resume?request=" + waiting).Status(http.StatusForbidden).Contains("This app is disabled")
		for _, choice := range []string{"allow", "deny"} {
			answer(ada, waiting, choice).Status(http.StatusForbidden).Contains("This app is disabled")
		}
		ada.Get("/profile/access").Contains("disabled by an admin")
		ada.Get(path).Contains("Disabled since").Contains(path + "/enable")

		ada.Post(path+"/enable", nil).Status(http.StatusSeeOther)
		assert.Equal(t, s.reads(got.Access), http.StatusOK)
		s.given(s.refresh(a, got.Refresh))
		assert.Equal(t, location(answer(ada, waiting, "allow")).Host, "app.example")
		assert.Equal(t, len(s.records("client.disabled"))+len(s.records("client.enabled")), 2)

		// What another app follows goes on; a deleted one's ends.
		sender := s.Stranger().Bearer(s.given(s.own(a)).Access)
		sender.Do(onePacket(sender, "closed")).Status(http.StatusCreated)
		next(goesOn, 1)
		ada.Post("/admin/clients/"+other.id+"/delete", nil).Status(http.StatusSeeOther)
		var m message
		goesOn.JSON(&m)
		assert.Equal(t, m.Type, "unsubscribed")
	})
}

// TestClientSecretAtOnce: a secret that somebody has can end now.
func TestClientSecretAtOnce(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		rotate := func(atOnce string) oauthApp {
			page := ada.Post("/admin/clients/"+a.id+"/rotate", url.Values{"at_once": {atOnce}}).Status(http.StatusOK).Text()
			return oauthApp{a.id, clientSecret.FindStringSubmatch(page)[1]}
		}
		second := rotate("false")
		s.given(s.own(a))
		s.given(s.own(second))
		third := rotate("true")
		for _, old := range []oauthApp{a, second} {
			s.refused(s.own(old), http.StatusUnauthorized, "invalid_client")
		}
		s.given(s.own(third))
	})
}

// TestAppErrorPages: who comes from an app that made a mistake reads what to do,
// and an app what OAuth says.
func TestAppErrorPages(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		for want, path := range map[string]string{
			"The client is not known":       a.ask("client_id", "none"),
			"The redirect_uri is not regis": a.ask("redirect_uri", "https://evil.example/"),
			"A parameter was sent more":     a.ask() + "&state=2",
			"This request is over":          "/oauth/authorize/resume?request=none",
		} {
			for _, c := range []*galetest.Client{ada, s.Stranger().Browser()} {
				r := c.Get(path).Contains("<h1>The app cannot go on</h1>").Contains(want).HasHeader("Cache-Control", "no-store")
				assert.True(t, r.Raw.StatusCode >= 400 && r.Header("Location") == "", path)
				s.refused(c.With("Accept", "application/json").Get(path), r.Raw.StatusCode, "invalid_request")
			}
		}
		s.Stranger().Browser().Get("/oauth/authorize?client_id=%3Cscript%3E&redirect_uri=%3Cscript%3E").Status(http.StatusBadRequest)
	})
}

// TestClientRefusalsAreWrittenDown: bounded, and without what was sent.
func TestClientRefusalsAreWrittenDown(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a, b := s.register(ada), s.register(ada, "name", "Another")
		of := func(id string) (n int) {
			for _, e := range s.records("client.refused") {
				if e.Target == id {
					n++
				}
			}
			return n
		}
		s.own(a).Status(http.StatusOK)
		assert.Equal(t, len(s.records("client.refused")), 0)
		wrong, unknown := oauthApp{a.id, "wrong-horse"}, oauthApp{"a-secret-perhaps", "wrong-horse"}
		s.own(wrong).Status(http.StatusUnauthorized)
		s.post(wrong, "/introspect", url.Values{"token": {"x"}}).Status(http.StatusUnauthorized)
		s.post(unknown, "/revoke", url.Values{"token": {"x"}}).Status(http.StatusUnauthorized)
		var got []string
		for _, e := range s.records("client.refused") {
			assert.Equal(t, e.Outcome, audit.Refused)
			assert.Equal(t, e.RequestID != "" && e.Addr.IsValid() && e.Actor == audit.Actor{}, true)
			got = append(got, strings.Join([]string{e.Target, e.Detail["name"], e.Detail["endpoint"], e.Detail["reason"]}, "|"))
		}
		assert.Equal(t, got, []string{
			a.id + "|Dashboard|/token|wrong secret", a.id + "|Dashboard|/introspect|wrong secret", "||/revoke|unknown client",
		})
		log := s.dumpTable("audit_log")
		assert.True(t, !strings.Contains(log, "wrong-horse") && !strings.Contains(log, unknown.id), "what was sent is in the log")

		for i := range 30 {
			s.own(wrong).Status(http.StatusUnauthorized)
			s.own(oauthApp{"x" + string(rune('a'+i%26)), "wrong"}).Status(http.StatusUnauthorized)
		}
		assert.Equal(t, []int{of(a.id), of("")}, []int{20, 20})
		s.own(oauthApp{b.id, "wrong"}).Status(http.StatusUnauthorized)
		assert.Equal(t, of(b.id), 1)
		s.clock.Advance(time.Hour)
		s.own(wrong).Status(http.StatusUnauthorized)
		assert.Equal(t, of(a.id), 21)
	})
}
