package app_test

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/galetest"
)

const (
	confirmSubject = "Confirm your mail address"
	resetSubject   = "Set a new password"
)

// canSignIn reports whether the password opens the account.
func (s *site) canSignIn(email, password string) bool {
	s.t.Helper()
	r := s.Stranger().Browser().Post("/sign-in", url.Values{"email": {email}, "password": {password}})
	return r.Raw.StatusCode == http.StatusSeeOther
}

// There is no account until the link is followed, and opening it is not enough:
// mail servers open links.
func TestSignUpByMail(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		c := s.Stranger().Browser()
		c.Get("/sign-up").Status(http.StatusOK).Contains("Send me a link")
		c.Post("/sign-up", url.Values{"name": {"bob"}, "email": {"bob@example.com"}, "password": {password}}).
			Status(http.StatusOK).Contains("Look into your mail").Contains("/dev/outbox")
		token := s.token("bob@example.com", confirmSubject)
		assert.Equal(t, s.canSignIn("bob@example.com", password), false)
		scanner := s.Stranger().Browser()
		for range 3 {
			page := scanner.Get("/sign-up/confirm?token=" + token).Status(http.StatusOK)
			page.Contains("bob@example.com").HasHeader("Cache-Control", "no-store").HasHeader("Referrer-Policy", "no-referrer")
			scanner.Do(scanner.NewRequest(http.MethodHead, "/sign-up/confirm?token="+token, nil)).Status(http.StatusOK)
		}
		assert.Equal(t, s.canSignIn("bob@example.com", password), false)
		form := url.Values{"token": {token}, "name": {"bobby"}, "password": {password}}
		c.Post("/sign-up/confirm", form).Status(http.StatusSeeOther).HasHeader("Location", "/")
		c.Get("/profile").Status(http.StatusOK).Contains("bob@example.com").Contains("<h1>bobby</h1>").Contains("· viewer ·")
		c.Post("/sign-up/confirm", form).Status(http.StatusNotFound).Contains("This link does not work")
		c.Get("/sign-up/confirm?token=" + token).Status(http.StatusNotFound)
		assert.Equal(t, s.canSignIn("bob@example.com", password), true)
	})
}

// Who signs up with another's address knows no password of the account that its
// owner then makes.
func TestSignUpForAnother(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		s.Stranger().Browser().Post("/sign-up", url.Values{"name": {"eve"}, "email": {"victim@example.com"}, "password": {"password of eve"}}).Status(http.StatusOK)
		token := s.token("victim@example.com", confirmSubject)
		s.Stranger().Browser().Post("/sign-up/confirm", url.Values{"token": {token}, "name": {"victim"}, "email": {"eve@example.com"}, "password": {password}}).Status(http.StatusSeeOther)
		assert.Equal(t, s.canSignIn("victim@example.com", "password of eve"), false)
		assert.Equal(t, s.canSignIn("eve@example.com", password), false)
		assert.Equal(t, s.canSignIn("victim@example.com", password), true)
	})
}

func TestLinksExpire(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		c := s.Stranger().Browser()
		c.Post("/sign-up", url.Values{"name": {"bob"}, "email": {"bob@example.com"}}).Status(http.StatusOK)
		c.Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
		signUp, reset := s.token("bob@example.com", confirmSubject), s.token("ada@example.com", resetSubject)
		s.clock.Advance(time.Hour)
		c.Get("/sign-up/confirm?token=" + signUp).Status(http.StatusOK)
		c.Get("/reset/confirm?token=" + reset).Status(http.StatusNotFound)
		c.Post("/reset/confirm", url.Values{"token": {reset}, "password": {"quiet otter sells maps"}}).Status(http.StatusNotFound)
		s.clock.Advance(23 * time.Hour)
		c.Post("/sign-up/confirm", url.Values{"token": {signUp}, "name": {"bob"}, "password": {password}}).Status(http.StatusNotFound)
		assert.Equal(t, s.canSignIn("ada@example.com", password), true)
	})
}

func TestReset(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		before := s.signUp("ada")
		c := s.Stranger().Browser()
		c.Get("/sign-in").Contains("Forgot your password?")
		c.Get("/reset").Status(http.StatusOK)
		c.Post("/reset", url.Values{"email": {" ADA@example.com"}}).Status(http.StatusOK)
		token := s.token("ada@example.com", resetSubject)
		plain, _ := s.key(before, "thief")
		program := s.Stranger().Bearer(plain)
		program.Post("/api/v1/channels", map[string]any{"name": "one", "title": "One"}).Status(http.StatusCreated)
		before.Post("/profile/email", url.Values{"email": {"new@example.com"}, "password": {password}}).Status(http.StatusSeeOther)
		other := s.token("new@example.com", "Confirm your new mail address")
		c.Get("/reset/confirm?token="+token).Status(http.StatusOK).Contains("ada@example.com").Contains(`name="keys" value="true" checked`).HasHeader("Referrer-Policy", "no-referrer")
		c.Post("/reset/confirm", url.Values{"token": {token}, "password": {"short"}, "keys": {"true"}}).Status(http.StatusUnprocessableEntity).Contains(`name="keys" value="true" checked`)
		program.Post("/api/v1/channels", map[string]any{"name": "two", "title": "Two"}).Status(http.StatusCreated)
		c.Post("/reset/confirm", url.Values{"token": {token}, "password": {"quiet otter sells maps"}, "keys": {"true"}}).Status(http.StatusSeeOther)
		program.Post("/api/v1/channels", map[string]any{"name": "three", "title": "Three"}).Status(http.StatusUnauthorized)
		c.Get("/profile").Status(http.StatusOK).Contains("The new password is set")
		before.Get("/profile").Status(http.StatusSeeOther)
		s.mail("ada@example.com", "Your password was changed")
		c.Get("/email/new?token=" + other).Status(http.StatusNotFound) // it ended with the password
		c.Post("/reset/confirm", url.Values{"token": {token}, "password": {"a third good one"}}).Status(http.StatusNotFound)
		assert.Equal(t, s.canSignIn("ada@example.com", password), false)
		assert.Equal(t, s.canSignIn("ada@example.com", "quiet otter sells maps"), true)
	})
}

// Who does not tick the box keeps the keys, for programs that must go on.
func TestResetKeepsKeys(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		plain, _ := s.key(s.signUp("ada"), "probe")
		c := s.Stranger().Browser()
		c.Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
		c.Post("/reset/confirm", url.Values{"token": {s.token("ada@example.com", resetSubject)}, "password": {"quiet otter sells maps"}}).Status(http.StatusSeeOther)
		s.Stranger().Bearer(plain).Post("/api/v1/channels", map[string]any{"name": "one", "title": "One"}).Status(http.StatusCreated)
	})
}

// Whatever opens an account to others, or closes it, is told to its owner.
func TestNoticesOfKeysAndRoles(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		plain, id := s.key(admin, "probe")
		made := s.mail("ada@example.com", "An API key was made for your account").Text
		admin.Post("/profile/keys/"+id+"/rotate", nil).Status(http.StatusOK)
		rotated := s.mail("ada@example.com", "An API key of your account has a new secret").Text
		if !strings.Contains(made, `"probe"`) || !strings.Contains(made, "packets.send") || !strings.Contains(rotated, id) || strings.Contains(made+rotated, plain[len(id)+5:]) {
			t.Errorf("the mails say %q and %q", made, rotated)
		}
		bob := s.user("bob", models.Viewer)
		change := func(role, disabled string) {
			s.change(admin, bob.ID, url.Values{"role": {role}, "disabled": {disabled}}).Status(http.StatusSeeOther)
		}
		notices := func() (n int, all string) {
			for _, m := range s.outbox.Messages() {
				if m.IsTo(bob.Email) && m.Subject == "An admin has changed your account" {
					n, all = n+1, all+m.Text
				}
			}
			return n, all
		}
		change("viewer", "false") // changes nothing
		change("operator", "false")
		change("operator", "true")
		change("viewer", "false")
		until(t, func() bool { n, _ := notices(); return n >= 3 })
		n, all := notices()
		assert.Equal(t, n, 3)
		for _, want := range []string{"has the role operator now, and had the role viewer.", "was disabled: nobody signs in to it.", "had the role operator, and is not disabled any more."} {
			if !strings.Contains(all, want) {
				t.Errorf("no mail says %q: %s", want, all)
			}
		}
	})
}

// TestNoticesOfApps: a thief in an admin's session makes no app, and has none do more,
// without a mail.
func TestNoticesOfApps(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		ada := s.signUp("ada")
		a := s.register(ada, "self", "", "refresh", "", "scopes", "packets.read")
		path := "/admin/clients/" + a.id
		change := func(name string, boxes ...string) {
			t.Helper()
			form := with(url.Values{
				"name": {name}, "redirects": {appRedirect}, "scopes": {"packets.read"}, "users": {"on"},
				"seen": {s.match(`name="seen" value="([^"]+)"`, ada.Get(path).Text())},
			}, boxes)
			status := ada.Post(path, form).Raw.StatusCode
			assert.True(t, status == http.StatusOK || status == http.StatusSeeOther, name+" is refused")
		}
		change("Another name")
		change("Moved", "redirects", "https://app.example/moved")
		change("Sends", "scopes", "packets.send")
		change("Alone", "scopes", "packets.send", "self", "on", "refresh", "on")
		change("Less", "redirects", "", "users", "", "scopes", "packets.send", "self", "on")
		change("Acts", "scopes", "packets.send", "self", "on")
		assert.NoError(t, s.app.Close(context.Background())) // after what was to be mailed

		const made, widened, rotated = "You have registered an app", "An app may do more", "An app has a new secret"
		about := func(name string) map[string]string {
			got := map[string]string{}
			for _, m := range s.outbox.Messages() {
				if m.IsTo("ada@example.com") && strings.Contains(m.Text, `The app "`+name+`", with the id `+a.id) {
					got[m.Subject] = m.Text
				}
			}
			return got
		}
		for name, want := range map[string]map[string]string{
			"Dashboard":    {made: "It may: packets.read"},
			"Another name": {},
			"Moved":        {widened: "Users are sent back to: https://app.example/moved"},
			"Sends":        {widened: "It may now: packets.send"},
			"Alone":        {widened: "It goes on while they are away.\nIt acts for itself with your rights.", rotated: "was given a new secret"},
			"Less":         {},
			"Acts":         {widened: "It acts for users who allow it."},
		} {
			got := about(name)
			assert.Equal(t, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			for subject, text := range want {
				assert.Contains(t, got[subject], text)
			}
		}
	})
}

func TestChangeOfAddress(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		c := s.signUp("bob")
		const toNew, toOld = "Confirm your new mail address", "Your mail address is to be changed"
		ask := func(email string) {
			t.Helper()
			c.Post("/profile/email", url.Values{"email": {email}, "password": {password}}).Status(http.StatusSeeOther)
		}
		mailbox := s.Stranger().Browser() // not signed in
		answer := func(end, token, answer string) *galetest.Response {
			return mailbox.Post("/email/"+end, url.Values{"token": {token}, "answer": {answer}})
		}
		ask("robert@example.com")
		newToken, oldToken := s.token("robert@example.com", toNew), s.token("bob@example.com", toOld)
		for range 2 { // opening it changes nothing
			mailbox.Get("/email/new?token=" + newToken).Status(http.StatusOK).Contains("robert@example.com")
			mailbox.Get("/email/old?token=" + oldToken).Status(http.StatusOK).Contains("robert@example.com")
		}
		answer("old", newToken, "allow").Status(http.StatusNotFound) // the link of the other end
		answer("new", newToken, "perhaps").Status(http.StatusUnprocessableEntity)
		answer("new", newToken, "allow").Status(http.StatusOK).Contains("once the mail to the old address is answered")
		c.Get("/profile").Contains("bob@example.com")
		answer("new", newToken, "allow").Status(http.StatusNotFound)
		answer("old", oldToken, "allow").Status(http.StatusOK).Contains("Your mail address is changed")
		c.Get("/profile").Contains("robert@example.com")
		s.mail("bob@example.com", "Your mail address was changed")
		assert.Equal(t, s.canSignIn("bob@example.com", password), false)
		assert.Equal(t, s.canSignIn("robert@example.com", password), true)

		// The owner of the old mailbox stops what a thief has begun.
		ask("eve@example.com")
		newToken, oldToken = s.token("eve@example.com", toNew), s.token("robert@example.com", toOld)
		answer("new", newToken, "allow").Status(http.StatusOK)
		answer("old", oldToken, "stop").Status(http.StatusOK).Contains("The change is stopped")
		c.Get("/profile").Contains("robert@example.com")

		// Another's address: the answer is the same, and only its owner learns.
		ask("ada@example.com")
		s.mail("ada@example.com", "This mail address has an account")
	})
}

func TestExportAndDeletion(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		s.user("bob", models.Operator)
		c, elsewhere := s.signIn("bob"), s.signIn("bob")
		plain, _ := s.key(c, "sensor")
		program := s.Stranger().Bearer(plain)
		for range 3 {
			program.Post("/api/v1/channels/open/packets", `{"kind":"k","payload":{"a":1}}`).Status(http.StatusCreated)
		}
		c.Post("/channels", url.Values{"name": {"bobs"}, "title": {"Bob's"}}).Status(http.StatusSeeOther)
		c.Post("/profile/name", url.Values{"name": {"bobby"}}).Status(http.StatusSeeOther)
		c.Post("/api/v1/channels/bobs/packets", `{"kind":"k","payload":{"b":"</script>"}}`).Status(http.StatusCreated)
		// Of others, whose names look like his.
		s.signIn("ada").Post("/profile/name", url.Values{"name": {"bob-2"}}).Status(http.StatusSeeOther)
		s.signIn("ada").Post("/api/v1/channels/open/packets", `{"kind":"k","payload":{"of":"another"}}`).Status(http.StatusCreated)

		app := s.enroll(c)
		s.Stranger().Browser().Post("/sign-in", url.Values{"email": {"bob@example.com"}, "password": {"wrong"}})
		bob, err := s.store.UserByEmail(t.Context(), "bob@example.com")
		assert.NoError(t, err)
		s.give(s.signIn("ada"), bob, "operator").Status(http.StatusSeeOther)

		r := c.Get("/profile/export").Status(http.StatusOK).HasHeader("Content-Type", "application/json").HasHeader("Cache-Control", "no-store")
		var out struct {
			Name, Email, Role string
			Keys              []struct{ Name string }
			Sessions          []struct {
				Address string `json:"address"`
			}
			Channels []struct{ Name string }
			Packets  []struct{ Channel, Sender string }
			Factors  []struct{ Kind, Name string }
			Codes    int                                                     `json:"recovery_codes"`
			Events   []struct{ Action, Outcome, By, Address, Target string } `json:"events"`
		}
		assert.NoError(t, json.Unmarshal([]byte(r.Text()), &out))
		assert.Equal(t, []string{out.Name, out.Email, out.Role}, []string{"bobby", "bob@example.com", "operator"})
		assert.Equal(t, []int{len(out.Keys), len(out.Sessions), len(out.Channels), len(out.Packets)}, []int{1, 1, 1, 4})
		assert.Equal(t, out.Packets[3].Channel, "bobs")
		assert.Equal(t, len(out.Factors), 1)
		assert.Equal(t, []any{out.Factors[0].Kind, out.Factors[0].Name, out.Codes}, []any{"totp", "phone", 10})
		var events []string
		for _, e := range out.Events {
			events = append(events, strings.Join([]string{e.Action, e.Outcome, e.By}, " "))
			assert.Equal(t, e.Address == "", e.By != "") // where others were is theirs
		}
		assert.Equal(t, events[:3], []string{"user.changed ok bob-2", "signin.password refused ", "recovery.renewed ok "})
		assert.Equal(t, events[len(events)-1], "account.created ok ")
		for _, secret := range []string{"argon2", plain, "hash", "another", base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(app.secret)} {
			if strings.Contains(r.Text(), secret) {
				t.Errorf("the export has %q", secret)
			}
		}

		c.Post("/profile/delete", url.Values{"name": {"bobby"}, "password": {"wrong"}}).Status(http.StatusUnprocessableEntity)
		c.Post("/profile/delete", url.Values{"name": {"bob"}, "password": {password}}).Status(http.StatusUnprocessableEntity)
		c.Post("/profile/delete", url.Values{"name": {"bobby"}, "password": {password}}).Status(http.StatusSeeOther)
		s.mail("bob@example.com", "Your account was deleted")
		for _, gone := range []*galetest.Client{c, elsewhere} {
			gone.Get("/profile").Status(http.StatusSeeOther)
		}
		program.Get("/api/v1/channels").Status(http.StatusUnauthorized)
		assert.Equal(t, s.canSignIn("bob@example.com", password), false)
		all := stored(s.signIn("ada"), "open")
		assert.Equal(t, len(all), 4) // the channel keeps what was sent
		assert.Equal(t, all[0].Sender, "bob/sensor")
		s.Stranger().Browser().Post("/sign-up", url.Values{"name": {"bob"}, "email": {"eve@example.com"}}).
			Status(http.StatusUnprocessableEntity).Contains("Is taken already") // nobody sends under it again
		s.signIn("ada").Post("/profile/delete", url.Values{"name": {"bob-2"}, "password": {password}}).
			Status(http.StatusConflict).Contains("The last admin must stay one.")
	})
}

// A browser that was left open, or a cookie that was stolen, does not take all
// that relay has of somebody.
func TestExportAsksAgain(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.signUp("ada")
		c.Get("/profile/export").Status(http.StatusOK)
		s.clock.Advance(40 * time.Minute)
		c.Get("/profile/export").Status(http.StatusSeeOther).HasHeader("Location", "/confirm?next=%2Fprofile%2Fexport")
		c.Post("/confirm", url.Values{"password": {password}, "next": {"/profile/export"}}).Status(http.StatusSeeOther).HasHeader("Location", "/profile/export")
		c.Get("/profile/export").Status(http.StatusOK).Contains("ada@example.com")
	})
}

func TestRememberMe(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		for remember, want := range map[string]bool{"true": true, "": false} {
			form := url.Values{"email": {"ada@example.com"}, "password": {password}}
			if remember != "" {
				form.Set("remember", remember)
			}
			r := s.Stranger().Browser().Post("/sign-in", form).Status(http.StatusSeeOther)
			for _, c := range r.Raw.Cookies() {
				if c.Name == "__Host-session" && (c.MaxAge > 0) != want {
					t.Errorf("remember %q: the cookie lasts %d s", remember, c.MaxAge)
				}
			}
		}
	})
}

func TestOutbox(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		s.outboxAt("localhost").Status(http.StatusOK).Contains("No mail yet")
		s.signUp("bob")
		for _, host := range []string{"localhost:8080", "LocalHost", "relay.localhost", "127.0.0.1:8080", "[::1]:8080"} {
			s.outboxAt(host).Status(http.StatusOK).Contains(`<a href="http://127.0.0.1:8080/sign-up/confirm?token=`)
		}
		// A page of others whose name leads here now, and whatever comes by a
		// proxy or a tunnel.
		for _, host := range []string{"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.7:8080", "0.0.0.0", "[::]", "[fe80::1]:8080"} {
			s.refusesOutbox(s.outboxAt(host))
		}
		for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"} {
			s.refusesOutbox(s.outboxAt("localhost", name, "192.0.2.7"))
		}
		for _, wrong := range []string{"?key=", "?key=x", "?key=" + strings.Repeat("A", 26)} {
			s.refusesOutbox(s.Stranger().Browser().Get("/dev/outbox" + wrong))
		}
		s.Stranger().Browser().Get(s.outboxInLog()).Status(http.StatusOK).Contains("/sign-up/confirm?token=").HasHeader("Referrer-Policy", "no-referrer")
	}, local)
}

// nginx by default gives what is behind it the name of that, and nothing that tells
// of itself but the version of HTTP.
func TestOutboxBehindNginx(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		for minor, want := range []int{http.StatusForbidden, http.StatusOK} {
			r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/dev/outbox", nil)
			r.Proto, r.ProtoMinor = fmt.Sprint("HTTP/1.", minor), minor
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			assert.Equal(t, w.Code, want)
		}
	}, local)
}

// Where people reach relay elsewhere, by a proxy that tells nothing of itself or a
// tunnel, being asked for by this machine's name proves nothing.
func TestOutboxElsewhere(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.Stranger().Browser().Post("/sign-up", url.Values{"name": {"eve"}, "email": {"eve@example.com"}, "password": {password}}).Status(http.StatusUnprocessableEntity)
		s.signUp("ada")
		s.signUp("bob")
		for _, host := range []string{"localhost", "127.0.0.1:8080"} {
			s.refusesOutbox(s.outboxAt(host))
		}
		s.Stranger().Browser().Get(s.outboxInLog()).Status(http.StatusOK).Contains("/sign-up/confirm?token=")
	})
}

// Where other machines may reach relay, as in a container, neither the mails nor
// the very first account are for who asks first.
func TestOutboxOfAll(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{":8080", "0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080", "relay.example.com:8080", "unix:/run/relay.sock"} {
		t.Run(addr, func(t *testing.T) {
			onSQLite(t, func(t *testing.T, s *site) {
				c := s.Stranger().Browser()
				c.Post("/sign-up", url.Values{"name": {"eve"}, "email": {"eve@example.com"}, "password": {password}}).Status(http.StatusUnprocessableEntity)
				form := url.Values{"name": {"ada"}, "email": {"ada@example.com"}, "password": {password}, "setup": {s.setup()}}
				c.Post("/sign-up", form).Status(http.StatusSeeOther)
				s.signUp("bob")
				for _, host := range []string{"localhost", "127.0.0.1:8080", "192.0.2.1:8080"} {
					s.refusesOutbox(s.outboxAt(host))
				}
				c.Get(s.outboxInLog()).Status(http.StatusOK).Contains("/sign-up/confirm?token=")
			}, func(_ testing.TB, s *site) { s.config.Addr = addr })
		})
	}
}

// outboxAt opens the page of mails by a host, with header fields.
func (s *site) outboxAt(host string, fields ...string) *galetest.Response {
	c := s.Stranger().Browser()
	for i := 0; i < len(fields); i += 2 {
		c = c.With(fields[i], fields[i+1])
	}
	r := c.NewRequest(http.MethodGet, "/dev/outbox", nil)
	r.Host = host
	return c.Do(r)
}

func (s *site) refusesOutbox(r *galetest.Response) {
	s.t.Helper()
	if page := r.Status(http.StatusForbidden).Contains("localhost").Text(); strings.Contains(page, "?token=") || strings.Contains(page, "?key=") || strings.Contains(page, "bob") {
		s.t.Errorf("the page has the mails: %s", page)
	}
}

// outboxInLog is the page of mails as the log has it.
func (s *site) outboxInLog() string { return s.match(`(/dev/outbox\?key=\w+)`, s.log.Text()) }

func TestNoOutboxInProduction(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		c := s.Stranger().Browser()
		c.Get("/dev/outbox").Status(http.StatusNotFound)
		page := c.Post("/sign-up", url.Values{"name": {"bob"}, "email": {"bob@example.com"}}).Status(http.StatusOK).Text()
		assert.Equal(t, strings.Contains(page, "outbox"), false)
	}, func(_ testing.TB, s *site) { s.config.Env = "production" })
}
