package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/galetest"
)

// often has a site look all the time for what other processes have changed.
func often(_ testing.TB, s *site) { s.often = true }

// role is the form that gives a role permissions, from those that were seen.
func role(seen string, permissions ...string) url.Values {
	return url.Values{"seen": {seen}, "permissions": permissions}
}

const (
	viewerMay   = "packets.read"
	operatorMay = "channels.manage keys.manage packets.read packets.send"
	adminMay    = "audit.read channels.manage keys.manage packets.read packets.send users.manage"
)

// give gives a user a role, as an admin does.
func (s *site) give(admin *galetest.Client, u models.User, role string) *galetest.Response {
	s.t.Helper()
	return s.change(admin, u.ID, url.Values{"role": {role}})
}

// change sends the form for a user's role and access, as the page has it now.
func (s *site) change(admin *galetest.Client, id string, form url.Values) *galetest.Response {
	s.t.Helper()
	u, _ := s.store.User(s.t.Context(), id) // or nobody, whom no page has
	form.Set("seen", u.Access())
	return admin.Post("/admin/users/"+id, form)
}

func TestAChangedRoleCountsAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		admin := s.signIn("ada")
		s.user("vera", models.Viewer)
		vera := s.signIn("vera")
		channel := url.Values{"name": {"veras"}, "title": {"Vera's"}}
		makes := func(want int) {
			t.Helper()
			vera.Post("/channels", channel).Status(want)
			if offered := strings.Contains(vera.Get("/").Text(), `action="/channels"`); offered != (want != http.StatusForbidden) {
				t.Errorf("the form is offered: %v, but sending it is %d", offered, want)
			}
		}
		makes(http.StatusForbidden)
		admin.Post("/admin/roles/viewer", role(viewerMay, "packets.read", "channels.manage")).Status(http.StatusSeeOther)
		makes(http.StatusSeeOther)
		admin.Get("/admin/roles").Status(http.StatusOK).Contains("The role viewer is changed.").Contains("added").Contains("/admin/roles/viewer/reset")
		admin.Post("/admin/roles/viewer/reset", nil).Status(http.StatusSeeOther)
		makes(http.StatusForbidden)

		// A key has no more than its owner's role, whatever it was made with.
		plain, _ := s.key(admin, "probe-2")
		s.user("olga", models.Operator)
		plain2, _ := s.key(s.signIn("olga"), "probe")
		admin.Post("/admin/roles/operator", role(operatorMay, "keys.manage", "packets.read")).Status(http.StatusSeeOther)
		s.Stranger().Bearer(plain2).Post(sendPath, `{"kind":"k","payload":{}}`).Status(http.StatusForbidden)
		s.Stranger().Bearer(plain).Post(sendPath, `{"kind":"k","payload":{}}`).Status(http.StatusCreated)
		s.signIn("olga").Post("/profile/keys", wish("more")).Status(http.StatusUnprocessableEntity).Contains("packets.read")
	})
}

// A live connection loses its topic with the role's permission, on this process
// and, a moment later, on any other.
func TestAChangedRoleEndsWatching(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		admin := s.signIn("ada")
		s.user("vera", models.Viewer)
		vera := s.signIn("vera")
		other := &site{db: s.db, t: t, keys: s.keys}
		// The server first: it is to stop after the site has.
		there := galetest.Start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			other.handler.ServeHTTP(w, r)
		}), galetest.Options{}).Client().Browser()
		other.start(t, []setting{often})
		there.SetCookie("__Host-session", vera.Cookie("__Host-session"))

		var sockets []*galetest.Socket
		for _, c := range []*galetest.Client{vera, there} {
			socket, m := watch(c, "closed")
			assert.Equal(t, m.Type, "subscribed")
			sockets = append(sockets, socket)
		}
		admin.Post("/admin/roles/viewer", role(viewerMay)).Status(http.StatusSeeOther)
		for _, socket := range sockets {
			var m message
			socket.JSON(&m)
			assert.Equal(t, m.Type+" "+m.Code, "unsubscribed revoked")
		}
		there.Get("/channels/closed").Status(http.StatusNotFound)
		if _, m := watch(vera, "closed"); m.Type != "error" {
			t.Errorf("may watch again: %+v", m)
		}
		admin.Post("/admin/roles/viewer/reset", nil).Status(http.StatusSeeOther)
		until(t, func() bool { return there.Get("/channels/closed").Raw.StatusCode == http.StatusOK })
	})
}

// Nobody gets more rights than an admin gave: by no role, no key and no form.
func TestNobodyPromotesThemselves(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		admin := s.signIn("ada")
		admin.Post("/admin/roles", url.Values{"name": {"auditor"}, "permissions": {"audit.read", "keys.manage", "packets.read"}}).Status(http.StatusSeeOther)
		adminKey, _ := s.key(admin, "all")
		come := map[string]*galetest.Client{"visitor": s.Stranger().Browser(), "an admin's key": s.Stranger().Bearer(adminKey)}
		var users []models.User
		for name, r := range map[string]models.Role{"olga": models.Operator, "vera": models.Viewer, "aude": "auditor"} {
			users = append(users, s.user(name, r))
			come[name] = s.signIn(name)
		}
		before := admin.Get("/admin/roles").Status(http.StatusOK).Text()
		for who, c := range come {
			for _, u := range users {
				for _, path := range []string{"/admin/users/" + u.ID, "/admin/users/" + u.ID + "/factors"} {
					refusedTo(t, who, c.Post(path, url.Values{"role": {"admin"}}))
				}
				refusedTo(t, who, c.Get("/admin/users/"+u.ID+"/why"))
			}
			for _, name := range []string{"viewer", "operator", "auditor", "admin", "new", "%2e%2e"} {
				refusedTo(t, who, c.Post("/admin/roles/"+name, role(viewerMay, "users.manage")))
				refusedTo(t, who, c.Post("/admin/roles/"+name+"/reset", nil))
				refusedTo(t, who, c.Post("/admin/roles/"+name+"/remove", nil))
			}
			refusedTo(t, who, c.Post("/admin/roles", url.Values{"name": {"own"}, "permissions": {"users.manage"}}))
			refusedTo(t, who, c.Get("/admin/roles"))
		}
		assert.Equal(t, admin.Get("/admin/roles").Text(), before)
		page := come["aude"].Get("/admin/audit").Status(http.StatusOK).Text()
		if strings.Contains(page, `href="/admin/roles"`) || strings.Contains(page, `href="/admin/users"`) {
			t.Error("an auditor is shown the way to where he may not go")
		}
		// Keys and forms do not take what is no scope, or no permission.
		for _, scope := range []string{"users.manage", "audit.read", "packets.send", "*"} {
			come["aude"].Post("/profile/keys", url.Values{"name": {"k"}, "scopes": {scope}, "life": {"never"}}).Status(http.StatusUnprocessableEntity)
		}
		for _, p := range []string{"*", "ghost", "users.manage,audit.read", "packets.read\x00"} {
			admin.Post("/admin/roles/viewer", role(viewerMay, p)).Status(http.StatusUnprocessableEntity)
			admin.Post("/admin/roles", url.Values{"name": {"x"}, "permissions": {p}}).Status(http.StatusUnprocessableEntity)
		}
		for _, name := range []string{"", "A", "a b", "-", "<b>", "a/b", strings.Repeat("a", 33), "admin", "auditor"} {
			admin.Post("/admin/roles", url.Values{"name": {name}, "permissions": {"packets.read"}}).Status(http.StatusUnprocessableEntity).Contains(`aria-invalid="true"`)
		}
		assert.Equal(t, admin.Get("/admin/roles").Text(), before)
	})
}

// refusedTo fails unless a request was, or was sent to sign in.
func refusedTo(t *testing.T, who string, r *galetest.Response) {
	t.Helper()
	switch r.Raw.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
	case http.StatusSeeOther:
		if !strings.HasPrefix(r.Header("Location"), "/sign-in") {
			t.Errorf("%s gets to %s", who, r.Header("Location"))
		}
	default:
		t.Errorf("%s: %d for %s", who, r.Raw.StatusCode, r.Raw.Request.URL)
	}
}

// Somebody can always undo it: whatever admins take from themselves and from
// each other.
func TestNobodyLocksEverybodyOut(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		bob := s.user("bob", models.Viewer)
		locked := func(r *galetest.Response) {
			t.Helper()
			r.Status(http.StatusConflict).Contains("Nobody could manage users and roles any more")
		}
		locked(admin.Post("/admin/roles/admin", role(adminMay)))
		// What was chosen is still there.
		locked(admin.Post("/admin/roles/admin", role(adminMay, "audit.read")))
		page := admin.Post("/admin/roles/admin", role(adminMay, "audit.read")).Text()
		for p, want := range map[string]bool{"audit.read": true, "users.manage": false} {
			box := fmt.Sprintf(`form="role-admin" name="permissions" value="%s"`, p)
			if got := strings.Contains(page, box+" checked"); got != want || !strings.Contains(page, box) {
				t.Errorf("%s is checked: %v", p, got)
			}
		}
		admin.Post("/admin/roles", url.Values{"name": {"boss"}, "permissions": {"users.manage"}}).Status(http.StatusSeeOther)
		locked(admin.Post("/admin/roles/admin", role(adminMay, "packets.read"))) // nobody is a boss
		s.give(admin, bob, "boss").Status(http.StatusSeeOther)
		s.change(admin, bob.ID, url.Values{"role": {"boss"}, "disabled": {"true"}}).Status(http.StatusSeeOther)
		locked(admin.Post("/admin/roles/admin", role(adminMay, "packets.read"))) // nobody who can come in
		s.give(admin, bob, "boss").Status(http.StatusSeeOther)
		admin.Post("/admin/roles/admin", role(adminMay, "packets.read")).Status(http.StatusSeeOther)
		admin.Get("/admin/roles").Status(http.StatusForbidden)

		boss := s.signIn("bob")
		boss.Get("/admin/roles").Status(http.StatusOK).Contains("taken away")
		locked(boss.Post("/admin/roles/boss", role("users.manage")))
		locked(boss.Post("/admin/roles/boss/remove", nil))
		for _, form := range []url.Values{{"role": {"viewer"}}, {"role": {"boss"}, "disabled": {"true"}}} {
			s.change(boss, bob.ID, form).Status(http.StatusConflict)
		}
		boss.Post("/profile/delete", url.Values{"name": {"bob"}, "password": {password}}).Status(http.StatusConflict)
		boss.Post("/admin/roles/admin/reset", nil).Status(http.StatusSeeOther)
		admin.Get("/admin/roles").Status(http.StatusOK)
	})
}

// Two admins look at one page: the second is told, and has lost nothing.
func TestRolesChangedMeanwhile(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		one := s.signUp("ada")
		bob, cay := s.user("bob", models.Admin), s.user("cay", models.Viewer)
		two := s.signIn("bob")
		one.Post("/admin/roles", url.Values{"name": {"moderator"}, "permissions": {"packets.read"}}).Status(http.StatusSeeOther)
		two.Post("/admin/roles", url.Values{"name": {"moderator"}, "permissions": {"packets.send"}}).Status(http.StatusUnprocessableEntity).
			Contains("Is taken already").Contains(`value="moderator"`).Contains(`name="permissions" value="packets.send" checked`)
		two.Get("/admin/users").Status(http.StatusOK).Contains("<option>moderator</option>")

		one.Post("/admin/roles/moderator", role("packets.read", "packets.read", "packets.send")).Status(http.StatusSeeOther)
		page := two.Post("/admin/roles/moderator", role("packets.read", "channels.manage")).Status(http.StatusConflict).
			Contains("Somebody else has changed this role meanwhile").Contains("Now the role may: See private channels, Send packets.").
			Contains(`form="role-moderator" name="permissions" value="channels.manage" checked`).Text()
		if !strings.Contains(page, `name="seen" value="packets.read packets.send"`) {
			t.Error("it cannot be saved again")
		}
		two.Post("/admin/roles/moderator", role("packets.read packets.send", "channels.manage")).Status(http.StatusSeeOther)

		s.give(one, cay, "moderator").Status(http.StatusSeeOther)
		s.give(one, bob, "moderator").Status(http.StatusSeeOther)
		s.signIn("cay").Post("/channels", url.Values{"name": {"cays"}, "title": {"Cay's"}}).Status(http.StatusSeeOther)
		one.Post("/admin/roles/moderator/remove", nil).Status(http.StatusConflict).Contains("2 users have this role")
		s.give(one, cay, "viewer").Status(http.StatusSeeOther)
		s.give(one, bob, "viewer").Status(http.StatusSeeOther)
		one.Post("/admin/roles/moderator/remove", nil).Status(http.StatusSeeOther)
		one.Post("/admin/roles/moderator/remove", nil).Status(http.StatusNotFound)
		one.Post("/admin/roles/moderator", role("channels.manage", "packets.read")).Status(http.StatusNotFound)
		s.give(one, cay, "moderator").Status(http.StatusUnprocessableEntity)
		for _, name := range []string{"admin", "viewer"} { // those of the code stay
			one.Post("/admin/roles/"+name+"/remove", nil).Status(http.StatusNotFound)
		}
	})
}

// Who left a session open does not leave the roles to others.
func TestRolesAskAgain(t *testing.T) {
	onSQLite(t, func(_ *testing.T, s *site) {
		admin := s.signUp("ada")
		s.clock.Advance(16 * time.Minute)
		admin.Get("/admin/roles").Status(http.StatusSeeOther).HasHeader("Location", "/confirm?next=%2Fadmin%2Froles")
		admin.With("Referer", s.URL("/admin/roles")).Post("/admin/roles/viewer", role(viewerMay)).
			Status(http.StatusSeeOther).HasHeader("Location", "/confirm?next=%2Fadmin%2Froles")
		admin.Get("/admin/users").Status(http.StatusOK)
	})
}

func TestWhy(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		admin := s.signIn("ada")
		olga, vera := s.user("olga", models.Operator), s.user("vera", models.Viewer)
		browser := s.signIn("olga")
		_, id := s.scoped(browser, "reader", "30 days", "packets.read")
		why := func(u models.User, query string) *galetest.Response {
			return admin.Get("/admin/users/" + u.ID + "/why" + query)
		}
		admin.Get("/admin/users").Contains("/admin/users/" + olga.ID + "/why")
		why(olga, "").Status(http.StatusOK).Contains("Send packets").
			Contains("granted by [&#34;operator&#34;]").
			Contains("none of the roles [&#34;operator&#34;] grants it; those that do: [&#34;admin&#34;]")
		admin.Post("/admin/roles", url.Values{"name": {"boss"}, "permissions": {"users.manage"}}).Status(http.StatusSeeOther)
		page := why(vera, "?permission=users.manage").Status(http.StatusOK).Contains("those that do: [&#34;admin&#34; &#34;boss&#34;]").Text()
		if strings.Contains(page, "<code>packets.send</code>") {
			t.Error("more is answered than was asked")
		}
		why(olga, "?permission=packets.send&key="+id).Status(http.StatusOK).
			Contains("it is not among the scopes [&#34;packets.read&#34;] of the credential")
		browser.Post("/profile/keys/"+id+"/revoke", nil).Status(http.StatusSeeOther)
		why(olga, "?key="+id).Status(http.StatusOK).Contains("This key is revoked")
		why(vera, "?key="+id).Status(http.StatusNotFound) // is not hers
		why(olga, "?permission=ghost").Status(http.StatusNotFound)
		s.change(admin, olga.ID, url.Values{"role": {"operator"}, "disabled": {"true"}}).Status(http.StatusSeeOther)
		why(olga, "").Status(http.StatusOK).Contains("the user is not active")
	})
}

// Changes of roles and of users at the same time wait for one another, with
// their records, and none for ever.
func TestRolesAndUsersAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		bob := s.user("bob", models.Viewer)
		var send []func() (*http.Response, error)
		for i := range 4 {
			for path, form := range map[string]url.Values{
				"/admin/users/" + bob.ID: {"role": {[]string{"viewer", "operator"}[i%2]}, "seen": {[]string{"operator", "viewer"}[i%2]}},
				"/admin/roles":           {"name": {fmt.Sprint("role-", i)}, "permissions": {"packets.read"}},
				"/admin/roles/viewer":    role(viewerMay, viewerMay, "packets.send"),
			} {
				c := s.signIn("ada") // a session each, or they would wait for that
				r := c.NewRequest(http.MethodPost, path, form)
				send = append(send, func() (*http.Response, error) { return c.HTTP().Do(r) })
			}
		}
		before := len(s.records(""))
		var done atomic.Int64
		var wg sync.WaitGroup
		for _, f := range send {
			wg.Go(func() {
				answer, err := f()
				if err != nil {
					t.Error(err)
					return
				}
				_ = answer.Body.Close()
				switch answer.StatusCode {
				case http.StatusSeeOther:
					done.Add(1)
				case http.StatusConflict: // others came first, again and again
				default:
					t.Errorf("%s: %d", answer.Request.URL.Path, answer.StatusCode)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, len(s.records(""))-before, int(done.Load()))
	})
}
