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

const newPassword = "quiet otter sells maps"

// sql has the database changed by an attacker's luck.
func (s *site) sql(t *testing.T, statement string) {
	t.Helper()
	_, err := s.db.Exec(t.Context(), statement)
	assert.NoError(t, err)
}

// TestAttackMadeMeanwhile: a thief in a session who makes ways to stay again and
// again, while the owner secures the account. The trigger does so at the worst
// moment: after the session was looked at.
func TestAttackMadeMeanwhile(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		a := s.register(admin)
		_, id := s.key(admin, "probe")
		request := s.asked(admin, a)
		passkey := func() *galetest.Response {
			return s.finished(admin, "register", galetest.NewAuthenticator(t, public).Create(s.begun(admin, "register")))
		}
		authenticatorApp := func() *galetest.Response {
			page := admin.Post("/profile/apps", url.Values{"name": {"phone"}}).Status(http.StatusOK).Text()
			phone := &authenticator{s: s, secret: secretOf(t, grouped.FindStringSubmatch(page)[1])}
			return admin.Post(confirmAt.FindString(page), url.Values{"code": {phone.code()}})
		}
		client := "/admin/clients/" + a.id
		seen := s.match(`name="seen" value="([^"]+)"`, admin.Get(client).Text())
		bob := s.user("bob", models.Viewer)
		for event, made := range map[string]func() *galetest.Response{
			"INSERT ON oauth_clients": func() *galetest.Response { return admin.Post("/admin/clients", appForm("name", "Evil")) },
			"UPDATE OF name ON oauth_clients": func() *galetest.Response {
				return admin.Post(client, appForm("name", "Evil", "seen", seen, "kind", ""))
			},
			"UPDATE OF secret_hash ON oauth_clients": func() *galetest.Response {
				return admin.Post(client+"/rotate", url.Values{"at_once": {"true"}})
			},
			"INSERT ON mail_links":    func() *galetest.Response { return invite(admin, "evil@example.com", "admin") },
			"UPDATE OF role ON users": func() *galetest.Response { return s.give(admin, bob, "admin") },
			"INSERT ON role_permissions": func() *galetest.Response {
				return admin.Post("/admin/roles/viewer", role(viewerMay, strings.Fields(adminMay)...))
			},
			"INSERT ON api_keys":                         func() *galetest.Response { return admin.Post("/profile/keys", wish("evil")) },
			"UPDATE OF hash ON api_keys":                 func() *galetest.Response { return admin.Post("/profile/keys/"+id+"/rotate", nil) },
			"INSERT ON oauth_codes":                      func() *galetest.Response { return answer(admin, request, "allow") },
			"INSERT ON passkeys":                         passkey,
			"INSERT ON oauth_links":                      func() *galetest.Response { return s.trip(admin, linkWith, "mallory") },
			"INSERT ON recovery_codes":                   func() *galetest.Response { return admin.Post("/profile/recovery", nil) },
			"UPDATE OF confirmed ON totp_authenticators": authenticatorApp,
		} {
			s.sql(t, "CREATE TRIGGER meanwhile AFTER "+event+" BEGIN UPDATE users SET epoch = epoch + 1; END")
			if r := made(); r.Raw.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: %d", event, r.Raw.StatusCode)
			}
			s.sql(t, "DROP TRIGGER meanwhile")
		}
		keys, err := db.All[string](t.Context(), s.db, "SELECT name FROM api_keys WHERE previous IS NULL")
		assert.NoError(t, err)
		assert.Equal(t, keys, []string{"probe"})
		left, err := db.Get[int](t.Context(), s.db, `SELECT (SELECT COUNT(*) FROM oauth_codes) + (SELECT COUNT(*) FROM oauth_grants)
			+ (SELECT COUNT(*) FROM passkeys) + (SELECT COUNT(*) FROM oauth_links) + (SELECT COUNT(*) FROM recovery_codes)
			+ (SELECT COUNT(*) FROM totp_authenticators WHERE confirmed) + (SELECT COUNT(*) FROM mail_links)
			+ (SELECT COUNT(*) FROM oauth_clients WHERE name = 'Evil') + (SELECT COUNT(*) FROM users WHERE name = 'bob' AND role = 'admin')
			+ (SELECT COUNT(*) FROM role_permissions)`)
		assert.NoError(t, err)
		assert.Equal(t, left, 0)
		// What was undone is undone: in peace all of it works.
		s.key(admin, "good")
		admin.Post("/profile/keys/"+id+"/rotate", nil).Status(http.StatusOK)
		answer(admin, request, "allow").Status(http.StatusSeeOther)
		invite(admin, "cay@example.com", "viewer").Status(http.StatusSeeOther)
		s.register(admin)
		s.links(admin, "mallory")
		authenticatorApp().Status(http.StatusOK)
		passkey().Status(http.StatusOK)
		admin.Post("/profile/recovery", nil).Status(http.StatusOK)
	}, provided)
}

func changePassword(c *galetest.Client) *galetest.Response {
	return c.Post("/profile/password", url.Values{"old": {password}, "password": {newPassword}}).Status(http.StatusSeeOther)
}

// TestAttackSignInDuringAChange: a session that begins, by the old password, just
// after all others were ended. It is put back as it was.
func TestAttackSignInDuringAChange(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		owner, secret := s.signUp("ada"), password
		during := func(name string, change func()) {
			thief := s.Stranger().Browser()
			thief.Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {secret}}).Status(http.StatusSeeOther)
			thief.Get("/profile").Status(http.StatusOK)
			s.clock.Advance(time.Minute)
			s.sql(t, "CREATE TABLE before AS SELECT * FROM sessions")
			change()
			s.sql(t, "INSERT INTO sessions SELECT * FROM before WHERE hash NOT IN (SELECT hash FROM sessions)")
			s.sql(t, "DROP TABLE before")
			if code := thief.Get("/profile").Raw.StatusCode; code != http.StatusSeeOther {
				t.Errorf("%s: the thief gets %d", name, code)
			}
			owner.Get("/profile").Status(http.StatusOK)
		}
		during("change", func() { changePassword(owner) })
		secret = newPassword
		during("reset", func() {
			s.Stranger().Browser().Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
			token := s.token("ada@example.com", resetSubject)
			owner = s.Stranger().Browser()
			owner.Post("/reset/confirm", url.Values{"token": {token}, "password": {password}}).Status(http.StatusSeeOther)
		})
	})
}

// TestAttackRenewalDuringAChange: whoever has a copy of the owner's cookie has its
// token replaced in the very moment in which the owner changes the password.
func TestAttackRenewalDuringAChange(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		owner := s.signUp("ada")
		s.sql(t, `CREATE TRIGGER theft AFTER UPDATE OF password_hash ON users BEGIN
			UPDATE sessions SET hash = lower(hex(randomblob(32)));
		END`)
		changePassword(owner).HasHeader("Location", "/sign-in")
		left, err := db.All[string](t.Context(), s.db, "SELECT id FROM sessions WHERE user_id <> ''")
		assert.NoError(t, err)
		assert.Equal(t, left, nil)
		owner.Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {newPassword}}).Status(http.StatusSeeOther).HasHeader("Location", "/")
		owner.Get("/").Contains("The new password is set; your other sessions have ended.")
	})
}

// What a session has open ends with it although nobody was told: its row has been
// swept after it idled out.
func TestStreamsOfSessionsThatAreInNoList(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		owner := s.signIn("ada")
		s.clock.Advance(time.Second)
		idle := s.signIn("ada")
		mine, m := watch(owner, "closed")
		assert.Equal(t, m.Type, "subscribed")
		socket, m := watch(idle, "closed")
		assert.Equal(t, m.Type, "subscribed")
		s.sql(t, "DELETE FROM sessions WHERE created_at = (SELECT MAX(created_at) FROM sessions)")
		owner.Post("/profile/sessions/revoke", nil).Status(http.StatusSeeOther)
		socket.JSON(&m)
		assert.Equal(t, m.Code, "revoked")
		socket.SendJSON(map[string]string{"type": "subscribe", "topic": "packets/closed"})
		socket.JSON(&m)
		assert.Equal(t, m.Type, "error")
		mine.JSON(&m) // comes again with the new cookie
		assert.Equal(t, m.Type, "reconnect")
	})
}
