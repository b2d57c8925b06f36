package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
)

// odd is what an attacker types into every field.
var odd = []string{
	`'; DROP TABLE users; --`, `" OR 1=1 --`, `\'`, `%' OR '1'='1`,
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.App.User.PasswordHash}}`, `javascript:alert(1)`,
	"a\x00b", "\xff\xfe", "a\r\nSet-Cookie: evil=1", "line\nlevel=ERROR msg=forged",
	"\u202Eevil", "аdа", "e\u0301", "\U0001F600", strings.Repeat("x", 10_000), strings.Repeat("\u0301", 1000),
}

// Every field of every form takes whatever is typed: nothing breaks, nothing is
// shown as markup, nothing becomes a header.
func TestOddInputInEveryField(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		s.config.LimitAddr = 0
		c := s.signIn("ada")
		for _, form := range []struct {
			path   string
			fields []string
		}{
			{"/sign-up", []string{"name", "email", "password"}},
			{"/sign-up/confirm", []string{"token", "name", "email", "password"}},
			{"/sign-in", []string{"email", "password", "next"}},
			{"/reset/confirm", []string{"token", "email", "password"}},
			{"/email/new", []string{"token", "answer"}},
			{"/sign-in/second", []string{"code", "next"}},
			{"/profile/name", []string{"name"}},
			{"/profile/keys", []string{"name"}},
			{"/profile/apps", []string{"name"}},
			{"/profile/passkeys/none/rename", []string{"name"}},
			{"/channels", []string{"name", "title"}},
			{"/admin/users/none", []string{"role"}},
		} {
			for _, field := range form.fields {
				for _, value := range odd {
					r := c.Post(form.path, url.Values{field: {value}})
					text := r.Text()
					switch {
					case r.Raw.StatusCode >= 500:
						t.Errorf("POST %s with %s=%.40q: %d", form.path, field, value, r.Raw.StatusCode)
					case strings.Contains(text, "<script>alert") || strings.Contains(text, "<img src=x"):
						t.Errorf("POST %s with %s=%.40q: the page has it as markup", form.path, field, value)
					case r.Raw.Header.Get("Set-Cookie") == "evil=1" || strings.Contains(r.Raw.Header.Get("Location"), "evil"):
						t.Errorf("POST %s with %s=%.40q: it became a header", form.path, field, value)
					}
				}
			}
		}
		for _, path := range []string{"/channels?after=", "/admin/users?after=", "/admin/audit?actor=", "/admin/audit?action=", "/admin/audit?before=", "/admin/audit?since=", "/channels/", "/sign-in?next=", "/reset/confirm?token="} {
			for _, value := range odd {
				if r := c.Get(path + url.QueryEscape(value)); r.Raw.StatusCode >= 500 {
					t.Errorf("GET %s%.40q: %d", path, value, r.Raw.StatusCode)
				}
			}
		}
		users, err := s.store.Users(t.Context(), "", 10)
		assert.NoError(t, err)
		assert.Equal(t, len(users), 1)
		c.Get("/profile").Status(http.StatusOK)
	})
}

// What a whole life of an account writes into the log has none of its secrets.
func TestNoSecretsInTheLog(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		key, _ := s.key(admin, "sensor")
		s.Stranger().Bearer(key).Get("/api/v1/channels").Status(http.StatusOK)
		s.Stranger().Bearer(key + "x").Get("/api/v1/channels").Status(http.StatusUnauthorized)
		app := s.enroll(admin)
		half := s.half("ada")
		code := app.code()
		second(half, code).Status(http.StatusSeeOther)
		second(s.half("ada"), app.codes[0]).Status(http.StatusSeeOther)
		s.guess(s.Stranger().Browser(), "ada@example.com", "a wrong secret")
		s.Stranger().Browser().Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
		reset := s.token("ada@example.com", resetSubject)
		const next = "quiet otter sells maps"
		s.Stranger().Browser().Post("/reset/confirm", url.Values{"token": {reset}, "email": {"ada@example.com"}, "password": {next}}).Status(http.StatusSeeOther)
		text := s.log.Text()
		for name, secret := range map[string]string{
			"password": password, "wrong password": "a wrong secret", "new password": next, "API key": key, "secret of the app": string(app.secret),
			"recovery code": app.codes[0], "token of a link": reset,
			"session": half.Cookie("__Host-session"), "first session": admin.Cookie("__Host-session"),
		} {
			if secret == "" || strings.Contains(text, secret) {
				t.Errorf("the log has the %s", name)
			}
		}
	})
}

// Two dozen forms that one browser sends at once, each of which changes the
// session, are all taken.
func TestManyFormsAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.signUp("ada")
		var wg sync.WaitGroup
		var taken atomic.Int64
		for range 24 {
			r := c.NewRequest(http.MethodPost, "/profile/name", url.Values{"name": {"ada"}})
			wg.Go(func() {
				answer, err := c.HTTP().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				if answer.Body.Close(); answer.StatusCode == http.StatusSeeOther {
					taken.Add(1)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, taken.Load(), 24)
	})
}
