package app_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
)

// app is an authenticator app.
type authenticator struct {
	s      *site
	secret []byte
	codes  []string // for recovery, as shown
}

var (
	grouped   = regexp.MustCompile(`<code>([A-Z2-7 ]{39})</code>`)
	confirmAt = regexp.MustCompile(`/profile/apps/[^/"]+/confirm`)
	codeShown = regexp.MustCompile(`<code>([0-9A-Z]{5}-[0-9A-Z]{5})</code>`)
)

// secretOf reads a secret as a page shows it.
func secretOf(t *testing.T, shown string) []byte {
	t.Helper()
	secret, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(shown, " ", ""))
	assert.NoError(t, err)
	return secret
}

// enroll sets an app up for who is signed in.
func (s *site) enroll(c *galetest.Client) *authenticator {
	s.t.Helper()
	page := c.Post("/profile/apps", url.Values{"name": {"phone"}}).Status(http.StatusOK).Contains("<svg").Text()
	a := &authenticator{s: s, secret: secretOf(s.t, grouped.FindStringSubmatch(page)[1])}
	shown := c.Post(confirmAt.FindString(page), url.Values{"code": {a.code()}}).Status(http.StatusOK).Text()
	for _, m := range codeShown.FindAllStringSubmatch(shown, -1) {
		a.codes = append(a.codes, m[1])
	}
	assert.Equal(s.t, len(a.codes), 10)
	s.clock.Advance(30 * time.Second) // that code is used up
	return a
}

// code is that of the present 30 seconds, RFC 6238.
func (a *authenticator) code() string {
	mac := hmac.New(sha1.New, a.secret)
	_ = binary.Write(mac, binary.BigEndian, uint64(a.s.clock.Now().Unix()/30))
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}

// half returns a browser in which the password was right.
func (s *site) half(name string) *galetest.Client {
	s.t.Helper()
	c := s.Stranger().Browser()
	c.Post("/sign-in", url.Values{"email": {name + "@example.com"}, "password": {password}, "next": {"/profile"}}).
		Status(http.StatusSeeOther).HasHeader("Location", "/sign-in/second?next=%2Fprofile")
	return c
}

func second(c *galetest.Client, code string) *galetest.Response {
	return c.Post("/sign-in/second", url.Values{"code": {code}, "next": {"/profile"}})
}

func TestSecondFactor(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		app := s.enroll(s.signUp("ada"))
		c := s.half("ada")
		c.Get("/profile").Status(http.StatusSeeOther).HasHeader("Location", "/sign-in?next=%2Fprofile") // half is not in
		c.Get("/sign-in/second?next=https://evil.example/").Status(http.StatusOK).Contains(`name="next" value="/"`)
		for _, wrong := range []string{"", "000000", "abc", strings.Repeat("9", 500), "١٢٣٤٥٦", "\x00"} {
			if wrong != app.code() {
				second(c, wrong).Status(http.StatusUnprocessableEntity)
			}
		}
		thief := s.half("ada")
		code := app.code()
		second(c, code).Status(http.StatusSeeOther).HasHeader("Location", "/profile")
		c.Get("/profile").Status(http.StatusOK)
		second(thief, code).Status(http.StatusUnprocessableEntity).Contains("used already") // seen over a shoulder
		thief.Get("/profile").Status(http.StatusSeeOther)

		// A sign-in that was begun ends with the factors that it was begun for.
		c.Post("/profile/browsers/forget", nil).Status(http.StatusSeeOther)
		s.clock.Advance(time.Minute)
		second(thief, app.code()).Status(http.StatusSeeOther).HasHeader("Location", "/sign-in")
	})
}

// Who has an address that authenticator apps cannot show has a second factor too.
func TestAnAppForAnyAddress(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.signUp("ada")
		ada, err := s.store.UserByEmail(t.Context(), "ada@example.com")
		assert.NoError(t, err)
		for _, email := range []string{"a:b@example.com", strings.Repeat("a", 60) + "@" + strings.Repeat("b", 60) + ".example.com", "a\u202eb@example.com"} {
			_, err = s.store.UpdateUser(t.Context(), ada.ID, func(u *models.User) error { u.Email = email; return nil })
			assert.NoError(t, err)
			page := c.Post("/profile/apps", url.Values{"name": {"phone"}}).Status(http.StatusOK).Contains("<svg").Text()
			c.Post(confirmAt.FindString(page), url.Values{"code": {"000"}}).Status(http.StatusUnprocessableEntity).Contains("<svg")
		}
	})
}

// Two who come with one code at once, of an app or for recovery: one gets in.
func TestCodesWorkOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		app := s.enroll(s.signUp("ada"))
		for _, code := range []string{app.code(), app.codes[0]} {
			var in atomic.Int64
			var wg sync.WaitGroup
			for range 2 {
				c := s.half("ada")
				r := c.NewRequest(http.MethodPost, "/sign-in/second", url.Values{"code": {code}, "next": {"/"}})
				wg.Go(func() {
					answer, err := c.HTTP().Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					if answer.Body.Close(); answer.StatusCode == http.StatusSeeOther {
						in.Add(1)
					}
				})
			}
			wg.Wait()
			assert.Equal(t, in.Load(), 1)
			s.clock.Advance(time.Hour)
		}
		second(s.half("ada"), strings.ToLower(app.codes[1])).Status(http.StatusSeeOther)
		second(s.half("ada"), app.codes[1]).Status(http.StatusUnprocessableEntity)
	})
}

// Guesses at codes end, from whichever address, and the next day too.
func TestCodeGuessing(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.enroll(s.signUp("ada"))
		refused, seen := 0, 0
		for range 12 {
			if second(s.half("ada"), "000000").Raw.StatusCode == http.StatusTooManyRequests {
				refused++
			}
			seen++
		}
		assert.Equal(t, seen-refused, 5)
	})
}

// What an attacker spends on the six digits of apps does not keep the owner's
// recovery codes out, in a browser that is as unknown.
func TestGuessesAtAppsLeaveRecovery(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		app := s.enroll(s.signUp("ada"))
		thief := s.half("ada")
		for range 5 {
			second(thief, "000000").Status(http.StatusUnprocessableEntity)
		}
		second(thief, "000000").Status(http.StatusTooManyRequests)
		second(s.half("ada"), app.codes[0]).Status(http.StatusSeeOther)
		for range 5 {
			second(thief, "AAAAA-AAAAA").Status(http.StatusUnprocessableEntity)
		}
		second(thief, "AAAAA-AAAAA").Status(http.StatusTooManyRequests)
	})
}

// The attack: who has the password uses up the guesses at codes. The owner gets in
// all the same where she has shown both before, by an app and by a recovery code.
func TestGuessesAtCodesLeaveTheOwnersBrowser(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		owner := s.signUp("ada")
		early := s.signIn("ada") // of who has had the password since before there was a second factor
		s.clock.Advance(time.Minute)
		app := s.enroll(owner)
		again := func(c *galetest.Client) {
			c.Post("/sign-out", nil).Status(http.StatusSeeOther)
			c.Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}}).
				Status(http.StatusSeeOther).HasHeader("Location", "/sign-in/second?next=%2F")
		}
		s.clock.Advance(time.Minute)
		again(owner)
		second(owner, app.code()).Status(http.StatusSeeOther)
		s.clock.Advance(time.Minute)

		thief := s.half("ada")
		for _, wrong := range []string{"000000", "AAAAA-AAAAA"} {
			for range 5 {
				second(thief, wrong).Status(http.StatusUnprocessableEntity)
			}
			second(thief, wrong).Status(http.StatusTooManyRequests)
			// A bag of browsers that are known by the password alone has no more guesses.
			early.Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}}).Status(http.StatusSeeOther)
			second(early, wrong).Status(http.StatusTooManyRequests)
		}
		again(owner)
		second(owner, app.code()).Status(http.StatusSeeOther).HasHeader("Location", "/profile")
		again(owner)
		second(owner, app.codes[0]).Status(http.StatusSeeOther).HasHeader("Location", "/profile")
	}, countedByClock)
}

// The attack: junk from strangers fills the audit log, and pushes out what counts.
func TestJunkOfPasskeysDoesNotFillTheLog(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		const body = `{"state":"junk","credential":{"id":"eA","type":"public-key","response":{"clientDataJSON":"eA","authenticatorData":"eA","signature":"eA"}}}`
		junk := func(from string) {
			for range 40 {
				s.Stranger().With("X-Forwarded-For", from).Post("/passkeys/sign-in/finish", body).Status(http.StatusUnauthorized)
			}
		}
		junk("198.51.100.7")
		assert.Equal(t, len(s.records("passkey.refused")), 20)
		junk("198.51.100.8") // another is written down
		assert.Equal(t, len(s.records("passkey.refused")), 40)
	}, behindProxy, countedByClock)
}

// passkey gives a user a passkey that nobody has.
func (s *site) passkey(user, id string) {
	s.t.Helper()
	assert.NoError(s.t, passkey.NewSQLStore(s.db).Create(s.t.Context(), passkey.Credential{
		ID: id, UserID: user, UserHandle: []byte(user), PublicKey: []byte("none"), Created: s.clock.Now(),
	}))
}

// codesLeft is how many recovery codes a user has.
func (s *site) codesLeft(user string) int64 {
	s.t.Helper()
	n, err := db.Get[int64](s.t.Context(), s.db, "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1", user)
	assert.NoError(s.t, err)
	return n
}

var removeAt = regexp.MustCompile(`/profile/(?:apps|passkeys)/[^/"]+/remove`)

// Recovery codes go with the last factor, and none of before opens an account
// that has got a new one.
func TestLastFactorEndsCodes(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		c := s.signUp("ada")
		u, err := s.store.UserByEmail(t.Context(), "ada@example.com")
		assert.NoError(t, err)
		old := s.enroll(c)
		c.Post(removeAt.FindString(c.Get("/profile/security").Text()), nil).Status(http.StatusSeeOther)
		assert.Equal(t, s.codesLeft(u.ID), 0)
		app := s.enroll(c) // shows ten codes again
		second(s.half("ada"), old.codes[0]).Status(http.StatusUnprocessableEntity)
		second(s.half("ada"), app.codes[0]).Status(http.StatusSeeOther)

		// With two factors they stay until both have gone, at once too.
		s.passkey(u.ID, "cred-1")
		s.passkey(u.ID, "cred-2")
		c.Post("/profile/passkeys/cred-1/remove", nil).Status(http.StatusSeeOther)
		assert.Equal(t, s.codesLeft(u.ID), 9)
		var wg sync.WaitGroup
		for _, path := range removeAt.FindAllString(c.Get("/profile/security").Text(), -1) {
			r := c.NewRequest(http.MethodPost, path, nil)
			wg.Go(func() {
				answer, err := c.HTTP().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				// The first to be done ends the session of the other.
				if answer.Body.Close(); answer.StatusCode != http.StatusSeeOther && answer.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s: %d", path, answer.StatusCode)
				}
			})
		}
		wg.Wait()
		if s.codesLeft(u.ID) > 0 {
			c = s.half("ada")
			second(c, app.codes[1]).Status(http.StatusSeeOther)
			c.Post(removeAt.FindString(c.Get("/profile/security").Text()), nil).Status(http.StatusSeeOther)
		}
		assert.Equal(t, s.codesLeft(u.ID), 0)
	})
}

// Codes from before a first factor are no codes for it: databases have some of
// when they outlived the last factor.
func TestFirstFactorEndsOldCodes(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.signUp("ada")
		c.Post("/profile/recovery", nil).Status(http.StatusOK)
		assert.Equal(t, len(s.enroll(c).codes), 10)
	})
}

// Whoever has the password and the cookie of a browser that is trusted cannot
// take the second factor away, nor add one.
func TestTrustedBrowserKeepsFactors(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		app := s.enroll(s.signUp("ada"))
		c := s.half("ada")
		c.Post("/sign-in/second", url.Values{"code": {app.code()}, "trust": {"true"}}).Status(http.StatusSeeOther)
		c.Post("/sign-out", nil).Status(http.StatusSeeOther)
		c.Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}}).Status(http.StatusSeeOther).HasHeader("Location", "/")
		remove := removeAt.FindString(c.Get("/profile/security").Status(http.StatusOK).Text())
		for _, path := range []string{remove, "/profile/apps", "/profile/recovery", "/passkeys/register/begin"} {
			r := c.Post(path, url.Values{"name": {"mine"}})
			if at := r.Raw.Header.Get("Location"); r.Raw.StatusCode != http.StatusForbidden && !strings.HasPrefix(at, "/confirm?next=") {
				t.Errorf("%s answers %d and leads to %q", path, r.Raw.StatusCode, at)
			}
		}
		if page := c.Get("/confirm").Status(http.StatusOK).Contains(`name="code"`).Text(); strings.Contains(page, `name="password"`) {
			t.Error("the page asks for the password, which is not enough")
		}
		c.Post("/confirm", url.Values{"password": {password}}).Status(http.StatusUnprocessableEntity)
		s.clock.Advance(time.Minute)
		c.Post("/confirm", url.Values{"code": {app.code()}, "next": {"/profile/security"}}).Status(http.StatusSeeOther).HasHeader("Location", "/profile/security")
		c.Post(remove, nil).Status(http.StatusSeeOther).HasHeader("Location", "/profile/security")
	})
}

func TestTrustedBrowser(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		app := s.enroll(s.signUp("ada"))
		c := s.half("ada")
		c.Post("/sign-in/second", url.Values{"code": {app.code()}, "trust": {"true"}}).Status(http.StatusSeeOther)
		again := func() string {
			c.Post("/sign-out", nil).Status(http.StatusSeeOther)
			r := c.Post("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {password}}).Status(http.StatusSeeOther)
			return r.Raw.Header.Get("Location")
		}
		assert.Equal(t, again(), "/")
		c.Post("/profile/browsers/forget", nil).Status(http.StatusSeeOther)
		assert.Equal(t, again(), "/sign-in/second?next=%2F")
	})
}

// A session that is left alone cannot change factors or make keys.
func TestStepUp(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.signUp("ada")
		s.clock.Advance(16 * time.Minute)
		for _, path := range []string{"/profile/apps", "/profile/keys", "/profile/recovery", "/profile/browsers/forget"} {
			r := c.Post(path, url.Values{"name": {"x"}}).Status(http.StatusSeeOther)
			if !strings.HasPrefix(r.Raw.Header.Get("Location"), "/confirm?next=") {
				t.Errorf("%s leads to %s", path, r.Raw.Header.Get("Location"))
			}
		}
		c.Get("/profile/apps/new").Status(http.StatusSeeOther).HasHeader("Location", "/confirm?next=%2Fprofile%2Fapps%2Fnew")
		c.Post("/confirm", url.Values{"password": {"wrong"}, "next": {"/profile/apps/new"}}).Status(http.StatusUnprocessableEntity).Contains("Is not your password")
		c.Post("/confirm", url.Values{"password": {password}, "next": {"//evil.example"}}).Status(http.StatusSeeOther).HasHeader("Location", "/")
		c.Get("/profile/apps/new").Status(http.StatusOK)
	})
}

// Who has lost everything is helped by an admin, and told by mail.
func TestAdminResetsFactors(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		olga := s.signUp("olga")
		s.enroll(olga)
		u, err := s.store.UserByEmail(t.Context(), "olga@example.com")
		assert.NoError(t, err)
		olga.Post("/admin/users/"+u.ID+"/factors", nil).Status(http.StatusForbidden)
		s.half("olga")
		admin.Post("/admin/users/"+u.ID+"/factors", nil).Status(http.StatusSeeOther)
		olga.Get("/profile").Status(http.StatusSeeOther) // sessions have ended
		s.signIn("olga").Get("/profile/security").Status(http.StatusOK).Contains("Your password alone signs you in")
		until(t, func() bool {
			for _, m := range s.outbox.Messages() {
				if m.To[0] == u.Email && strings.Contains(m.Text, "An admin took all second factors away") {
					return true
				}
			}
			return false
		})
	})
}

func TestAuditLog(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		admin := s.signUp("ada")
		olga := s.signUp("olga")
		s.guess(s.Stranger().Browser(), "olga@example.com", "not her password")
		olga.Get("/profile/security").Status(http.StatusOK).Contains("account.created")
		olga.Get("/admin/audit").Status(http.StatusForbidden)
		page := admin.Get("/admin/audit?action=signin&outcome=refused").Status(http.StatusOK).Contains("signin.password").Text()
		if strings.Contains(page, "account.created") {
			t.Error("the filter lets others through")
		}
		admin.Get("/admin/audit?since=yesterday").Status(http.StatusUnprocessableEntity)
		lines := admin.Get("/admin/audit.ndjson").Status(http.StatusOK).HasHeader("Content-Type", "application/x-ndjson").Text()
		if strings.Contains(lines, password) || strings.Contains(lines, "not her password") {
			t.Error("the log has a password")
		}
		head, err := audit.Check(strings.NewReader(lines), nil)
		assert.NoError(t, err)
		assert.Equal(t, head.Seq, int64(strings.Count(lines, "\n")))
		_, err = audit.Check(bytes.NewReader([]byte(strings.Replace(lines, `"outcome":"refused"`, `"outcome":"ok"`, 1))), nil)
		if err == nil {
			t.Error("a changed line is not noticed")
		}
		_, err = s.db.Exec(t.Context(), "DELETE FROM audit_log WHERE seq = 1")
		if err == nil {
			t.Error("a record can be removed")
		}
	})
}
