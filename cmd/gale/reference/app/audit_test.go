package app_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
)

// records returns those of an action, or of all, the oldest first.
func (s *site) records(action string) (found []audit.Entry) {
	s.t.Helper()
	log := audit.New(audit.Options{DB: s.db})
	var lines strings.Builder
	assert.NoError(s.t, log.Export(s.t.Context(), &lines, audit.Filter{Action: action}))
	for line := range strings.Lines(lines.String()) {
		var e audit.Entry
		assert.NoError(s.t, json.Unmarshal([]byte(line), &e))
		found = append(found, e)
	}
	return found
}

func TestRefusedPermissionsAreWrittenDown(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		vera := s.user("vera", models.Viewer)
		olga := s.user("olga", models.Operator)
		browser := s.signIn("vera")
		plain, _ := s.scoped(s.signIn("olga"), "reader", "30 days", "packets.read")
		key := s.Stranger().Bearer(plain)

		s.Stranger().Browser().Get("/admin/users").Status(http.StatusSeeOther) // nobody known
		s.signIn("ada").Get("/admin/users").Status(http.StatusOK)
		assert.Equal(t, len(s.records("permission")), 0)
		browser.Post("/admin/users/"+vera.ID, url.Values{"role": {"admin"}}).Status(http.StatusForbidden)
		key.Post(sendPath, `{"kind":"k","payload":{}}`).Status(http.StatusForbidden)
		key.Get("/profile").Status(http.StatusForbidden)
		var got []string
		for _, e := range s.records("permission.refused") {
			assert.Equal(t, e.Outcome, audit.Refused)
			assert.Equal(t, e.RequestID != "" && e.Addr.IsValid(), true)
			got = append(got, strings.Join([]string{e.Actor.ID, e.Actor.Name, e.Target, e.Detail["code"], e.Detail["permission"], e.Detail["credential"]}, "|"))
		}
		assert.Equal(t, got, []string{
			vera.ID + "|vera|POST /admin/users/{id}|forbidden|users.manage|session",
			olga.ID + "|olga/reader|POST /api/v1/channels/{channel}/packets|forbidden|packets.send|apikey",
			olga.ID + "|olga/reader|GET /profile|key_on_page||apikey",
		})

		// A flood of them does not fill the log, and one user's leaves room for others.
		for range 40 {
			browser.Get("/admin/users").Status(http.StatusForbidden)
		}
		of := func(id string) (n int) {
			for _, e := range s.records("permission.refused") {
				if e.Actor.ID == id {
					n++
				}
			}
			return n
		}
		assert.Equal(t, of(vera.ID), 20)
		key.Get("/profile").Status(http.StatusForbidden)
		assert.Equal(t, of(olga.ID), 3)
		s.clock.Advance(time.Hour)
		s.signIn("vera").Get("/admin/users").Status(http.StatusForbidden)
		assert.Equal(t, of(vera.ID), 21)
	})
}

// changes are what users, roles, keys, factors and apps go through, each with the
// action that must be in the log.
func changes(s *site, admin, olga *galetest.Client, u models.User) []struct {
	action string
	do     func() int
} {
	post := func(c *galetest.Client, path string, form url.Values) func() int {
		return func() int { return c.Post(path, form).Raw.StatusCode }
	}
	_, id := s.key(olga, "probe")
	app := s.enroll(olga)
	page := olga.Get("/profile/security").Text()
	s.passkey(u.ID, "AQ")
	_, remove, _ := strings.Cut(page, `action="/profile/apps/`)
	remove, _, _ = strings.Cut(remove, `"`)
	a, off := s.register(admin), s.register(admin)
	s.allow(olga, a)
	admin.Post("/admin/clients/"+off.id+"/disable", nil).Status(http.StatusSeeOther)
	yes, no := s.asked(olga, a, "prompt", "consent"), s.asked(olga, a, "prompt", "consent")
	client := "/admin/clients/" + a.id
	seen := s.match(`name="seen" value="([^"]+)"`, admin.Get(client).Text())
	return []struct {
		action string
		do     func() int
	}{
		{"app.revoked", post(olga, "/profile/access/"+a.id+"/revoke", nil)},
		{"app.allowed", post(olga, "/consent", url.Values{"request": {yes}, "answer": {"allow"}})},
		{"app.denied", post(olga, "/consent", url.Values{"request": {no}, "answer": {"deny"}})},
		{"client.created", post(admin, "/admin/clients", appForm())},
		{"client.changed", post(admin, client, url.Values{"name": {"Renamed"}, "users": {"on"}, "refresh": {"on"}, "self": {"on"}, "redirects": {appRedirect}, "scopes": {"openid"}, "seen": {seen}})},
		{"client.rotated", post(admin, client+"/rotate", url.Values{})},
		{"client.disabled", post(admin, client+"/disable", nil)},
		{"client.enabled", post(admin, "/admin/clients/"+off.id+"/enable", nil)},
		{"client.deleted", post(admin, client+"/delete", nil)},
		{"role.added", post(admin, "/admin/roles", url.Values{"name": {"boss"}, "permissions": {"users.manage"}})},
		{"role.changed", post(admin, "/admin/roles/boss", role("users.manage", "audit.read"))},
		{"role.factor_required", post(admin, "/admin/roles/boss/factor", url.Values{"must": {"true"}})},
		{"role.factor_not_required", post(admin, "/admin/roles/boss/factor", url.Values{"must": {""}})},
		{"role.removed", post(admin, "/admin/roles/boss/remove", nil)},
		{"role.changed", post(admin, "/admin/roles/viewer", role(viewerMay))},
		{"role.reset", post(admin, "/admin/roles/viewer/reset", nil)},
		{"user.changed", post(admin, "/admin/users/"+u.ID, url.Values{"role": {"admin"}, "seen": {u.Access()}})},
		{"key.created", post(olga, "/profile/keys", wish("another"))},
		{"key.rotated", post(olga, "/profile/keys/"+id+"/rotate", nil)},
		{"key.revoked", post(olga, "/profile/keys/"+id+"/revoke", nil)},
		{"recovery.renewed", post(olga, "/profile/recovery", nil)},
		{"browsers.forgotten", post(olga, "/profile/browsers/forget", nil)},
		{"totp.removed", post(olga, "/profile/apps/"+remove, nil)},
		{"totp.added", func() int {
			shown := olga.Post("/profile/apps", url.Values{"name": {"tablet"}}).Text()
			if m := grouped.FindStringSubmatch(shown); m != nil {
				app.secret = secretOf(s.t, m[1])
			}
			return olga.Post(confirmAt.FindString(shown), url.Values{"code": {app.code()}}).Raw.StatusCode
		}},
		{"name.changed", post(olga, "/profile/name", url.Values{"name": {"olga-2"}})},
		{"password.changed", post(olga, "/profile/password", url.Values{"old": {password}, "password": {"quiet otter sells maps"}})},
		{"password.removed", post(olga, "/profile/password/remove", nil)},
		{"user.factors_reset", post(admin, "/admin/users/"+u.ID+"/factors", nil)},
		{"account.deleted", post(admin, "/profile/delete", url.Values{"name": {"ada"}, "password": {password}})},
	}
}

// Each change is stored with its record, and none without.
func TestNoChangeWithoutItsRecord(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		u := s.user("olga", models.Operator)
		s.user("cay", models.Admin) // stays
		assert.Equal(t, len(s.records("account.created")), 3)
		olga := s.signIn("olga")
		all := changes(s, admin, olga, u)

		// The log cannot be written: nothing happens.
		state := func() (all []string) {
			for _, query := range []string{
				"SELECT name || email || password_hash || role || epoch FROM users ORDER BY id",
				"SELECT name FROM api_keys WHERE revoked_at IS NULL AND previous IS NULL ORDER BY name",
				"SELECT role || permissions FROM role_permissions ORDER BY role",
				"SELECT id FROM totp_authenticators WHERE confirmed ORDER BY id",
				"SELECT name FROM user_names ORDER BY name",
				"SELECT name || scopes || secret_hash || disabled_at FROM oauth_clients ORDER BY id",
				"SELECT scopes FROM oauth_grants ORDER BY user_id, client_id",
				"SELECT id FROM oauth_requests ORDER BY id",
			} {
				rows, err := db.All[string](t.Context(), s.db, query)
				assert.NoError(t, err)
				all = append(all, strings.Join(rows, " "))
			}
			codes, err := db.All[[]byte](t.Context(), s.db, "SELECT hash FROM recovery_codes ORDER BY user_id, slot")
			assert.NoError(t, err)
			return append(all, string(bytes.Join(codes, nil)))
		}
		before := state()
		s.ExpectLog("status=500")
		_, err := s.db.Exec(t.Context(), "ALTER TABLE audit_state RENAME TO lost")
		assert.NoError(t, err)
		for _, c := range all {
			if status := c.do(); status < 400 && c.action != "role.reset" { // there is nothing to reset
				t.Errorf("%s: %d without a record", c.action, status)
			}
		}
		assert.Equal(t, state(), before)

		_, err = s.db.Exec(t.Context(), "ALTER TABLE lost RENAME TO audit_state")
		assert.NoError(t, err)
		for _, c := range all {
			seen := len(s.records(""))
			status := c.do()
			var got []string
			for _, e := range s.records("")[seen:] {
				if e.Outcome == audit.OK {
					got = append(got, e.Action)
				}
			}
			if status >= 400 || !slices.Contains(got, c.action) {
				t.Errorf("%s: %d, and the log has %v", c.action, status, got)
			}
		}
	})
}

// What was tampered with is found by itself, and shown with its place.
func TestAuditLogIsVerified(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		shows := func(what string) bool {
			return strings.Contains(admin.Get("/admin/audit").Status(http.StatusOK).Text(), what)
		}
		until(t, func() bool { return shows("whole up to record") })
		drop := "DROP TRIGGER audit_log_no_update"
		if s.db.Dialect() == db.Postgres {
			drop += " ON audit_log"
		}
		_, err := s.db.Exec(t.Context(), drop)
		assert.NoError(t, err)
		_, err = s.db.Exec(t.Context(), "UPDATE audit_log SET actor_name = 'eve' WHERE seq = 1")
		assert.NoError(t, err)
		assert.Equal(t, shows("The log is broken"), false) // nobody has looked yet
		s.log.Expect("the log is broken.*seq=1")
		s.clock.Advance(24 * time.Hour)
		admin = s.signIn("ada")
		until(t, func() bool { return shows("The log is broken at record 1") })
		assert.Equal(t, s.ready(), http.StatusOK) // it serves on

		_, err = s.db.Exec(t.Context(), "UPDATE audit_log SET actor_name = 'ada' WHERE seq = 1")
		assert.NoError(t, err)
		admin.Post("/admin/audit/verify", nil).Status(http.StatusSeeOther).HasHeader("Location", "/admin/audit")
		assert.Equal(t, shows("The log is broken"), false)
	}, often)
}

// A session begins, is renewed and ends with its record, or not at all.
func TestSessionsAndTheirRecords(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		c, other := s.signIn("ada"), s.signIn("ada")
		other.Post("/sign-out", nil).Status(http.StatusSeeOther)
		other.Post("/sign-out", nil).Status(http.StatusSeeOther) // nobody's
		c.Post("/confirm", url.Values{"password": {password}, "next": {"/"}}).Status(http.StatusSeeOther)
		got := map[string]int{}
		for _, e := range s.records("") {
			got[e.Action]++
		}
		assert.Equal(t, got, map[string]int{"account.created": 1, "signin.password": 3, "signout": 1, "confirm.password": 1})

		rows := func() []string {
			all, err := db.All[string](t.Context(), s.db, "SELECT hash FROM sessions WHERE user_id <> '' ORDER BY hash")
			assert.NoError(t, err)
			return all
		}
		s.clock.Advance(16 * time.Minute)
		before, end := rows(), ""
		for _, m := range regexp.MustCompile(`/profile/sessions/([A-Z0-9]{26})/revoke`).FindAllStringSubmatch(c.Get("/profile/security").Text(), 1) {
			end = m[0]
		}
		_, err := s.db.Exec(t.Context(), "ALTER TABLE audit_state RENAME TO gone")
		assert.NoError(t, err)
		s.ExpectLog("level=ERROR")
		for path, form := range map[string]url.Values{
			"/sign-in": {"email": {"ada@example.com"}, "password": {password}}, "/sign-out": nil, "/confirm": {"password": {password}}, end: nil,
		} {
			in := c
			if path == "/sign-in" {
				in = s.Stranger().Browser()
			}
			if status := in.Post(path, form).Raw.StatusCode; status < 500 {
				t.Errorf("%s without a record: %d", path, status)
			}
		}
		assert.Equal(t, rows(), before)
		c.Get("/profile/apps/new").Status(http.StatusSeeOther).HasHeader("Location", "/confirm?next=%2Fprofile%2Fapps%2Fnew")
	})
}

// What was done to users, or tried, is found by who they are, and they see it.
func TestEventsAboutUsers(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		bob := s.user("bob", models.Operator)
		s.user("cay", models.Viewer)
		c := s.signIn("bob")
		for _, email := range []string{"bob@example.com", "nobody@example.com"} {
			s.Stranger().Browser().Post("/sign-in", url.Values{"email": {email}, "password": {"wrong"}}).Status(http.StatusUnprocessableEntity)
		}
		s.give(admin, bob, "viewer").Status(http.StatusSeeOther)
		var refused []audit.Entry
		for _, e := range s.records("signin.password") {
			if e.Outcome == audit.Refused {
				refused = append(refused, e)
			}
		}
		assert.Equal(t, []string{refused[0].Target, refused[1].Target}, []string{bob.ID, ""})
		assert.Equal(t, []audit.Actor{refused[0].Actor, refused[1].Actor}, []audit.Actor{{}, {}}) // what was typed is nowhere

		const failed, changed = `<td>signin.password</td><td data-label="Outcome">refused`, `<td>user.changed <span class="muted long">by ada</span>`
		c.Get("/profile/security").Status(http.StatusOK).Contains(failed).Contains(changed)
		if page := s.signIn("cay").Get("/profile/security").Text(); strings.Contains(page, failed) || strings.Contains(page, changed) {
			t.Errorf("cay sees what was done to bob: %s", page)
		}

		rows := func(query string) int {
			return strings.Count(admin.Get("/admin/audit.ndjson?"+query).Status(http.StatusOK).Text(), "\n")
		}
		for _, who := range []string{bob.ID, "bob", "bob%40example.com", "BOB%40example.com"} {
			assert.Equal(t, []int{rows("actor=" + who), rows("target=" + who), rows("actor=ada&target=" + who)}, []int{3, 3, 1})
		}
		assert.Equal(t, rows("actor=nobody")+rows("target=nobody%40example.com")+rows("actor=%00"), 0)
		admin.Get("/admin/audit?target=bob&outcome=refused").Status(http.StatusOK).Contains(`title="` + bob.ID + `">bob</td>`).Contains(`value="bob"`)
		id := refused[0].RequestID
		assert.Equal(t, rows("request="+id), 1)
		admin.Get("/admin/audit?request=" + id).Status(http.StatusOK).Contains(`href="/admin/audit?request=` + id + `"`)

		// A name of before is still whose it was.
		c.Post("/profile/name", url.Values{"name": {"bobby"}}).Status(http.StatusSeeOther)
		assert.Equal(t, rows("actor=bob"), 4)
	})
}
