package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
)

func TestSignUpInAndOut(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.Stranger().Browser()
		c.Get("/").Status(http.StatusOK).Contains("Sign up")
		c.Get("/sign-up").Status(http.StatusOK).Contains(`autocomplete="new-password"`)
		c = s.signUp("ada")
		c.Get("/").Status(http.StatusOK).Contains("Sign out")
		c.Get("/profile").Status(http.StatusOK).Contains("ada@example.com").Contains("· admin ·")
		cookie := c.Cookie("__Host-session")
		c.Post("/sign-out", nil).Status(http.StatusSeeOther).HasHeader("Location", "/")
		c.SetCookie("__Host-session", cookie) // a copy of it is worth nothing
		c.Get("/profile").Status(http.StatusSeeOther).HasHeader("Location", "/sign-in?next=%2Fprofile")
		c = s.signIn("ada")
		if c.Cookie("__Host-session") == cookie {
			t.Error("the session's token did not change at sign-in")
		}
		c.Get("/profile").Status(http.StatusOK)
	})
}

// What was typed is shown again with what is wrong, save passwords.
func TestFormsShowErrors(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		visitor, admin := s.Stranger().Browser(), s.signIn("ada")
		visitor.Post("/sign-up", url.Values{"name": {"eve"}, "email": {"eve@example.com"}}).Status(http.StatusOK)
		token := s.token("eve@example.com", "Confirm your mail address")
		visitor.Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
		reset := s.token("ada@example.com", "Set a new password")
		for _, post := range []struct {
			c        *galetest.Client
			path     string
			form     url.Values
			contains []string
		}{
			{visitor, "/sign-up", url.Values{"name": {`<b>"x`}, "email": {"no"}, "password": {"tiny7&"}}, []string{`value="&lt;b&gt;&#34;x"`, "Must be 1 to 32", "Must look like name@example.com", `value="no"`}},
			{visitor, "/sign-up", url.Values{"name": {"ada"}, "email": {"x@example.com"}, "password": {password}}, []string{"Is taken already", `value="ada"`}},
			{visitor, "/sign-up/confirm", url.Values{"token": {token}, "name": {"ada"}, "email": {"eve@example.com"}, "password": {password}}, []string{"Is taken already", `value="ada"`}},
			{visitor, "/sign-up/confirm", url.Values{"token": {token}, "name": {"E"}, "email": {"eve@example.com"}, "password": {"tiny7&"}}, []string{"Must be 1 to 32", "at least 8", token}},
			{visitor, "/reset", url.Values{"email": {"no"}}, []string{"Must look like name@example.com", `value="no"`}},
			{visitor, "/reset/confirm", url.Values{"token": {reset}, "password": {"tiny7&"}}, []string{"at least 8", reset}},
			{visitor, "/sign-up", url.Values{"name": {"eve\x00"}, "email": {"\xff"}, "password": {password}}, []string{"control characters", "UTF-8"}},
			{visitor, "/sign-in", url.Values{"email": {"ada@example.com"}, "password": {"wrong"}}, []string{"Wrong mail address or password", `value="ada@example.com"`}},
			{visitor, "/sign-in", url.Values{"email": {"nobody@example.com"}, "password": {"wrong"}}, []string{"Wrong mail address or password"}},
			{admin, "/channels", url.Values{"name": {"No"}, "title": {""}}, []string{"Must be 1 to 64", "Must be 1 to 100", `value="No"`}},
			{admin, "/channels", url.Values{"name": {"open"}, "title": {"Again"}}, []string{"Is taken already", `value="Again"`}},
			{admin, "/profile/name", url.Values{"name": {"No no"}}, []string{"Must be 1 to 32", `value="No no"`}},
			{admin, "/profile/keys", wish("probe"), []string{"Is taken already"}},
			{admin, "/profile/password", url.Values{"old": {"wrong"}, "password": {"tiny7&"}}, []string{"Is not your password", "at least 8"}},
			{admin, "/profile/email", url.Values{"email": {"ADA@example.com"}, "password": {"wrong"}}, []string{"Is your address already", "Is not your password"}},
			{admin, "/profile/delete", url.Values{"name": {"bob"}, "password": {"wrong"}}, []string{"Is not your name", "Is not your password", `value="bob"`}},
		} {
			r := post.c.Post(post.path, post.form).Status(http.StatusUnprocessableEntity).HasHeader("Content-Type", "text/html; charset=utf-8")
			for _, want := range post.contains {
				r.Contains(want)
			}
			for _, secret := range []string{password, "tiny7"} {
				if strings.Contains(r.Text(), secret) {
					t.Errorf("%s shows the password", post.path)
				}
			}
		}
	})
}

// Fields that a form does not have are refused, not stored.
func TestMassAssignment(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		s.Stranger().Browser().Post("/sign-up", url.Values{"name": {"eve"}, "email": {"eve@example.com"}, "password": {password}, "role": {"admin"}}).
			Status(http.StatusUnprocessableEntity).Contains("could not be taken")
		_, err := s.store.UserByEmail(t.Context(), "eve@example.com")
		if err == nil {
			t.Error("eve has an account")
		}
		olga := s.user("olga", models.Operator)
		c := s.signIn("olga")
		for _, field := range []string{"role", "Role", "disabled", "email", "id", "password_hash"} {
			c.Post("/profile/name", url.Values{"name": {"olga2"}, field: {"admin"}}).Status(http.StatusUnprocessableEntity)
		}
		now, err := s.store.User(t.Context(), olga.ID)
		assert.NoError(t, err)
		assert.Equal(t, now, olga)
		c.Post("/channels", url.Values{"name": {"new"}, "title": {"New"}, "owner_id": {"x"}}).Status(http.StatusUnprocessableEntity)
		c.Post("/api/v1/channels", `{"name":"new","title":"New","owner_id":"x"}`).Status(http.StatusBadRequest).Problem("malformed").Contains(`"/owner_id"`)
		c.Post("/api/v1/channels/open/packets", `{"kind":"k","payload":{},"sender":"ada"}`).Status(http.StatusBadRequest).Contains(`"/sender"`)
		c.Post("/api/v1/channels/open/packets", `{"kind":"k","payload":{},"id":7}`).Status(http.StatusBadRequest).Contains(`"/id"`)
		c.Get("/channels/new").Status(http.StatusNotFound)
	})
}

// After signing in nobody is led to another site.
func TestNextIsSafe(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		for next, want := range map[string]string{
			"/channels/open?kind=a": "/channels/open?kind=a",
			"":                      "/",
			"https://evil.example/": "/",
			"//evil.example/":       "/",
			`/\evil.example/`:       "/",
			"/\t/evil.example/":     "/",
			"javascript:alert(1)":   "/",
			"/a//b":                 "/",
		} {
			c := s.Stranger().Browser()
			page := c.Get("/sign-in?next=" + url.QueryEscape(next)).Status(http.StatusOK)
			page.Contains(`name="next" value="` + want + `"`)
			c.Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}, "next": {next}}).
				Status(http.StatusSeeOther).HasHeader("Location", want)
		}
	})
}

func TestCrossOrigin(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		victim := s.signIn("ada")
		for name, evil := range map[string]*galetest.Client{
			"by fetch metadata": victim.With("Sec-Fetch-Site", "cross-site"),
			"from a subdomain":  victim.With("Sec-Fetch-Site", "same-site"),
			"by origin":         victim.With("Sec-Fetch-Site", "").With("Origin", "https://evil.example"),
		} {
			for _, post := range []struct {
				path string
				body any
			}{
				{"/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}}},
				{"/sign-out", nil},
				{"/profile/name", url.Values{"name": {"owned"}}},
				{"/profile/keys", wish("evil")},
				{"/channels", url.Values{"name": {"evil"}, "title": {"Evil"}}},
				{"/api/v1/channels", `{"name":"evil","title":"Evil"}`},
				{"/api/v1/channels/open/packets", `{"kind":"k","payload":{}}`},
			} {
				if r := evil.Post(post.path, post.body); r.Raw.StatusCode != http.StatusForbidden {
					t.Errorf("%s: POST %s is %d", name, post.path, r.Raw.StatusCode)
				}
			}
		}
		assert.Equal(t, victim.With("Sec-Fetch-Site", "cross-site").RefusedWebSocket("/live"), http.StatusForbidden)
		assert.Equal(t, len(stored(victim, "open")), 0)
		victim.Get("/profile").Status(http.StatusOK).Contains("ada")
	})
}

func TestProfile(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		c, elsewhere := s.signIn("ada"), s.signIn("ada")
		c.Post("/profile/name", url.Values{"name": {"countess"}}).Status(http.StatusSeeOther)
		c.Get("/profile").Contains("Others now see you as countess.").Contains("<h1>countess</h1>")
		if strings.Contains(c.Get("/profile").Text(), "Others now see you") {
			t.Error("a message is shown twice")
		}
		c.Post("/profile/password", url.Values{"old": {password}, "password": {"quiet otter sells maps"}}).Status(http.StatusSeeOther)
		c.Get("/profile/security").Status(http.StatusOK).Contains("your other sessions have ended")
		s.mail("ada@example.com", "Your password was changed")
		elsewhere.Get("/profile").Status(http.StatusSeeOther)
		s.Stranger().Browser().Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}}).Status(http.StatusUnprocessableEntity)
		s.Stranger().Browser().Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {"quiet otter sells maps"}}).Status(http.StatusSeeOther)
	})
}

func TestKeys(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		c := s.signIn("ada")
		plain, id := s.key(c, "sensor")
		r := c.Get("/profile").Status(http.StatusOK).Contains("pkt_" + id)
		if strings.Contains(r.Text(), plain) {
			t.Error("the key is shown again")
		}
		program := s.Stranger().Bearer(plain)
		program.Post("/api/v1/channels/open/packets", `{"kind":"k","payload":{}}`).Status(http.StatusCreated)
		s.Stranger().With("X-Api-Key", plain).Get("/api/v1/channels/closed/packets").Status(http.StatusOK)
		assert.Equal(t, stored(program, "open")[0].Sender, "ada/sensor")
		until(t, func() bool {
			k, _, err := s.store.Key(t.Context(), id)
			assert.NoError(t, err)
			return k.LastUsedAt != nil && k.LastUsedAt.Equal(s.clock.Now())
		})
		// Nobody ends another's key.
		s.user("olga", models.Operator)
		s.signIn("olga").Post("/profile/keys/"+id+"/revoke", nil).Status(http.StatusNotFound)
		for _, other := range []string{"%00", "%ff", "%2e%2e", strings.Repeat("x", 500)} {
			c.Post("/profile/keys/"+other+"/revoke", nil).Status(http.StatusNotFound)
		}
		c.Post("/profile/keys/"+id+"/revoke", nil).Status(http.StatusSeeOther)
		program.Post("/api/v1/channels/open/packets", `{"kind":"k","payload":{}}`).Status(http.StatusUnauthorized).Problem("revoked_key").HasHeader("Www-Authenticate", `Bearer error="invalid_token"`)
		for _, wrong := range []string{"pkt_", "pkt_x_y", plain + "x", plain[:len(plain)-1], "other_" + plain} {
			s.Stranger().Bearer(wrong).Get("/api/v1/channels").Status(http.StatusUnauthorized)
		}
		s.Stranger().Get("/api/v1/channels/closed/packets.ndjson?api_key=" + plain).Status(http.StatusNotFound) // not taken from the address
	})
}

func TestSessions(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		here, there := s.signIn("ada"), s.signIn("ada")
		s.clock.Advance(time.Second)
		there.Get("/profile")
		sessions, err := db.All[string](t.Context(), s.db, "SELECT id FROM sessions")
		assert.NoError(t, err)
		assert.Equal(t, len(sessions), 3)
		olga := s.signUp("olga")
		for _, id := range sessions {
			olga.Post("/profile/sessions/"+id+"/revoke", nil).Status(http.StatusNotFound)
		}
		for _, id := range []string{"%00", "%ff", "x"} {
			here.Post("/profile/sessions/"+id+"/revoke", nil).Status(http.StatusNotFound)
		}
		page := here.Get("/profile/security").Text()
		for _, id := range sessions {
			if strings.Contains(page, "/profile/sessions/"+id+"/revoke") { // all but this one
				here.Post("/profile/sessions/"+id+"/revoke", nil).Status(http.StatusSeeOther)
			}
		}
		here.Get("/profile").Status(http.StatusOK)
		there.Get("/profile").Status(http.StatusSeeOther)
		there = s.signIn("ada")
		here.Post("/profile/sessions/revoke", nil).Status(http.StatusSeeOther).HasHeader("Location", "/profile/security")
		there.Get("/profile").Status(http.StatusSeeOther)
		here.Get("/profile/security").Status(http.StatusOK).Contains("this one").Contains("Your other sessions have ended.")
		s.clock.Advance(s.config.SessionIdle + time.Second)
		here.Get("/profile").Status(http.StatusSeeOther)
	})
}

func TestAdmin(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		program := s.furnish()
		ada := s.signIn("ada")
		olga := s.user("olga", models.Viewer)
		c := s.signIn("olga")
		change := func(id, role, disabled string, status int) *galetest.Response {
			form := url.Values{"role": {role}}
			if disabled != "" {
				form.Set("disabled", disabled)
			}
			return s.change(ada, id, form).Status(status)
		}
		ada.Get("/admin/users").Status(http.StatusOK).Contains("olga@example.com")
		change(olga.ID, "operator", "", http.StatusSeeOther)
		ada.Get("/admin/users").Contains("Saved olga.")
		plain, _ := s.key(c, "probe") // the role holds at once
		hers := s.Stranger().Bearer(plain)
		change(olga.ID, "owner", "", http.StatusUnprocessableEntity).Contains("<strong>olga</strong>: That role does not exist, or not any more.")
		s.change(ada, olga.ID, url.Values{"role": {"owner"}, "after": {"zoe"}}).Status(http.StatusUnprocessableEntity).
			Contains("<strong>olga</strong>: That role") // though she is not in that part of the list
		for _, id := range []string{"none", "%00", "%ff"} {
			change(id, "viewer", "", http.StatusNotFound)
		}
		change(olga.ID, "operator", "true", http.StatusSeeOther)
		c.Get("/profile").Status(http.StatusSeeOther)
		hers.Get("/api/v1/channels").Status(http.StatusUnauthorized)
		s.Stranger().Browser().Post("/sign-in", url.Values{"email": {"olga@example.com"}, "password": {password}}).
			Status(http.StatusUnprocessableEntity).Contains("account is disabled")
		change(olga.ID, "viewer", "", http.StatusSeeOther)
		hers.Post("/api/v1/channels/open/packets", `{"kind":"k","payload":{}}`).Status(http.StatusForbidden)
		program.Post("/api/v1/channels/open/packets", `{"kind":"k","payload":{}}`).Status(http.StatusCreated)

		me, err := s.store.UserByEmail(t.Context(), "ada@example.com")
		assert.NoError(t, err)
		change(me.ID, "viewer", "", http.StatusConflict).Contains("The last admin must stay one.")
		change(me.ID, "admin", "true", http.StatusConflict)
	})
}

// What an admin sends from a page that is old does not undo what another did
// meanwhile: eve, who was disabled, would come back as the admin she was.
func TestAnOldPageUndoesNothing(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		eve := s.user("eve", models.Admin)
		seenOf := func(page string) string {
			return s.match(`action="/admin/users/`+eve.ID+`"[^>]*>\s*<input[^>]*>\s*<input type="hidden" name="seen" value="([^"]*)"`, page)
		}
		old := seenOf(admin.Get("/admin/users").Status(http.StatusOK).Text())
		assert.Equal(t, old, "admin")
		s.change(admin, eve.ID, url.Values{"role": {"viewer"}, "disabled": {"true"}}).Status(http.StatusSeeOther)
		for _, form := range []url.Values{{"role": {"admin"}, "seen": {old}}, {"role": {"operator"}, "seen": {old}}, {"role": {"viewer"}}} {
			page := admin.Post("/admin/users/"+eve.ID, form).Status(http.StatusConflict).Contains("<strong>eve</strong>: Somebody else has changed this account").Text()
			assert.Equal(t, seenOf(page), "viewer disabled")
		}
		now, err := s.store.User(t.Context(), eve.ID)
		assert.NoError(t, err)
		assert.Equal(t, now.Access(), "viewer disabled")
		assert.Equal(t, len(s.records("user.changed")), 1)
		// Nothing is lost where both want the same.
		admin.Post("/admin/users/"+eve.ID, url.Values{"role": {"viewer"}, "disabled": {"true"}, "seen": {old}}).Status(http.StatusSeeOther)
	})
}

func TestTwoSignUpAtOnceOneIsAdmin(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		var (
			wg    sync.WaitGroup
			first atomic.Int32
			late  = make(chan string, 4)
		)
		for _, name := range []string{"ada", "bob", "cay", "dan"} {
			c := s.Stranger().Browser()
			r := c.NewRequest(http.MethodPost, "/sign-up", url.Values{"name": {name}, "email": {name + "@example.com"}, "password": {password}})
			wg.Go(func() {
				answer, err := c.HTTP().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				if answer.Body.Close(); answer.StatusCode == http.StatusSeeOther {
					first.Add(1)
				} else if answer.StatusCode == http.StatusOK {
					late <- name
				} else {
					t.Errorf("%s: %s", name, answer.Status)
				}
			})
		}
		wg.Wait()
		close(late)
		assert.Equal(t, first.Load(), 1)
		for name := range late {
			s.confirm(s.Stranger().Browser(), name)
		}
		users, err := s.store.Users(t.Context(), "", 10)
		assert.NoError(t, err)
		admins := 0
		for _, u := range users {
			if u.Role == models.Admin {
				admins++
			}
		}
		assert.Equal(t, []int{len(users), admins}, []int{4, 1})
	}, local)
}

func TestSignUpClosed(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		s.Stranger().Browser().Post("/sign-up", url.Values{"name": {"eve"}, "email": {"eve@example.com"}, "password": {password}}).
			Status(http.StatusUnprocessableEntity).Contains("Accounts are made by invitation here")
	}, func(_ testing.TB, s *site) { s.config.SignUp = false })
}

func TestUsersByPages(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		for i := range 60 {
			name := string(rune('b'+i/26)) + string(rune('a'+i%26))
			l := models.Link{Hash: []byte(name), Purpose: models.SignUpLink, Email: name + "@example.com", CreatedAt: s.clock.Now(), ExpiresAt: s.clock.Now().Add(time.Hour)}
			assert.NoError(t, s.store.AddLinks(t.Context(), l))
			_, err := s.store.CreateUser(t.Context(), models.User{ID: name, Name: name, Role: models.Viewer, CreatedAt: s.clock.Now()}, l.Hash)
			assert.NoError(t, err)
		}
		admin := s.signIn("ada")
		admin.Get("/admin/users").Status(http.StatusOK).Contains("/admin/users?after=cw")
		admin.Get("/admin/users?after=cw").Status(http.StatusOK).Contains("cx@example.com").Contains("dh@example.com")
	})
}
