package app_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/ratelimit"
)

// behindProxy has the test choose addresses, as a proxy that is trusted.
func behindProxy(_ testing.TB, s *site) {
	s.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")}
}

// countedByClock has limits fill up by the test's clock, so that what a slow
// machine takes does not let another guess through.
func countedByClock(_ testing.TB, s *site) {
	s.limits = ratelimit.NewMemory(ratelimit.MemoryOptions{Clock: s.clock.Now})
}

// seen is all that a stranger can see of an answer, but for what differs anyway.
func seen(r *galetest.Response, address string) string {
	header := r.Raw.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Ratelimit", "Content-Security-Policy", "Content-Length"} {
		header.Del(name)
	}
	return fmt.Sprintln(r.Raw.StatusCode, header, strings.ReplaceAll(r.Text(), address, "ADDRESS"))
}

// Nobody learns from an answer who has an account.
func TestNoEnumeration(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		dora := s.user("dora", models.Viewer)
		_, err := s.store.UpdateUser(t.Context(), dora.ID, func(u *models.User) error { u.Disabled = true; return nil })
		assert.NoError(t, err)
		s.answersAlike("nobody@example.com", "ada@example.com", "dora@example.com")
		// By mail, only owners of addresses learn something, and of their own.
		s.mail("ada@example.com", "You already have an account")
		s.mail("nobody@example.com", confirmSubject)
		s.mail("ada@example.com", resetSubject)
		for _, m := range s.outbox.Messages() {
			if m.IsTo("dora@example.com") && m.Subject != confirmSubject || m.IsTo("nobody@example.com") && m.Subject != confirmSubject {
				t.Errorf("%v is mailed %q", m.To, m.Subject)
			}
		}
	})
}

// answersAlike demands that the forms for those who are not signed in answer the
// same for nobody's address, which comes first, and for others.
func (s *site) answersAlike(emails ...string) {
	s.t.Helper()
	for _, path := range []string{"/sign-up", "/reset", "/sign-in"} {
		first := ""
		for _, email := range emails {
			form := url.Values{"email": {email}}
			switch path {
			case "/sign-up":
				form.Set("name", "newcomer")
			case "/sign-in":
				form.Set("password", "not the right one")
			}
			got := seen(s.Stranger().Browser().Post(path, form), email)
			if first == "" {
				first = got
			} else if got != first {
				s.t.Errorf("%s: for %s it answers\n%s\nand for nobody\n%s", path, email, got, first)
			}
		}
	}
}

// A link leads where the configuration says, whatever the request claims.
func TestPoisonedHost(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		evil := s.Stranger().With("X-Forwarded-Host", "evil.example").With("X-Forwarded-Proto", "gopher").With("Forwarded", "host=evil.example").With("X-Original-Host", "evil.example")
		for path, form := range map[string]url.Values{
			"/reset":   {"email": {"ada@example.com"}},
			"/sign-up": {"email": {"bob@example.com"}, "name": {"bob"}},
		} {
			r := evil.NewRequest(http.MethodPost, path, form)
			r.Host = "evil.example"
			evil.Do(r).Status(http.StatusOK)
		}
		for address, subject := range map[string]string{"ada@example.com": resetSubject, "bob@example.com": confirmSubject} {
			text := s.mail(address, subject).Text
			if strings.Contains(text, "evil.example") || !strings.Contains(text, "\n"+public+"/") {
				t.Errorf("the mail is\n%s", text)
			}
		}
	}, behindProxy)
}

// A link is good for one thing.
func TestLinksAreNotExchanged(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		ada := s.signUp("ada")
		c := s.Stranger().Browser()
		c.Post("/sign-up", url.Values{"name": {"bob"}, "email": {"bob@example.com"}}).Status(http.StatusOK)
		c.Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
		ada.Post("/profile/email", url.Values{"email": {"new@example.com"}, "password": {password}}).Status(http.StatusSeeOther)
		tokens := map[string]string{
			"/sign-up/confirm": s.token("bob@example.com", confirmSubject),
			"/reset/confirm":   s.token("ada@example.com", resetSubject),
			"/email/new":       s.token("new@example.com", "Confirm your new mail address"),
			"/email/old":       s.token("ada@example.com", "Your mail address is to be changed"),
		}
		forms := map[string]url.Values{
			"/sign-up/confirm": {"name": {"bob"}, "password": {"quiet otter sells maps"}},
			"/reset/confirm":   {"password": {"quiet otter sells maps"}},
			"/email/new":       {"answer": {"allow"}},
			"/email/old":       {"answer": {"allow"}},
		}
		for of, token := range tokens {
			for path, form := range forms {
				if path == of {
					continue
				}
				form.Set("token", token)
				c.Post(path, form).Status(http.StatusNotFound)
				c.Get(path + "?token=" + token).Status(http.StatusNotFound)
			}
		}
		for _, bad := range []string{"", "x", strings.Repeat("A", 43), "\x00", "\xff", strings.Repeat("A", 5000), "' OR 1=1 --"} {
			c.Get("/reset/confirm?token=" + url.QueryEscape(bad)).Status(http.StatusNotFound)
		}
		for path, token := range tokens { // all of them still work
			c.Get(path + "?token=" + token).Status(http.StatusOK)
		}
		// What the database has opens nothing.
		rows, err := s.store.Link(t.Context(), models.ResetLink, []byte(tokens["/reset/confirm"]), s.clock.Now())
		if err == nil {
			t.Errorf("the token itself is stored: %v", rows)
		}
	})
}

// Of many who use a link at once, one does.
func TestLinksAreUsedOnceAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		c := s.Stranger().Browser()
		c.Post("/sign-up", url.Values{"name": {"bob"}, "email": {"bob@example.com"}}).Status(http.StatusOK)
		c.Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
		for path, form := range map[string]url.Values{
			"/sign-up/confirm": {"name": {"bob"}, "password": {password}, "token": {s.token("bob@example.com", confirmSubject)}},
			"/reset/confirm":   {"password": {"quiet otter sells maps"}, "token": {s.token("ada@example.com", resetSubject)}},
		} {
			var (
				wg   sync.WaitGroup
				used atomic.Int32
			)
			for range 8 {
				r := c.NewRequest(http.MethodPost, path, form)
				wg.Go(func() {
					answer, err := c.HTTP().Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					switch answer.Body.Close(); answer.StatusCode {
					case http.StatusSeeOther:
						used.Add(1)
					case http.StatusNotFound, http.StatusUnprocessableEntity: // by then the name is taken
					default:
						t.Errorf("%s: %s", path, answer.Status)
					}
				})
			}
			wg.Wait()
			assert.Equal(t, used.Load(), 1)
		}
	})
}

// guess tries a password and returns the status.
func (s *site) guess(c *galetest.Client, email, password string) int {
	return c.Post("/sign-in", url.Values{"email": {email}, "password": {password}}).Raw.StatusCode
}

// From one address an account takes five guesses; claiming other addresses does
// not help, and others still get in.
func TestBruteForceFromOneAddress(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		s.signUp("bob")
		known := s.signIn("ada")
		known.Post("/sign-out", nil).Status(http.StatusSeeOther)
		var got []int
		for i := range 8 {
			liar := s.Stranger().With("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i)).With("X-Real-Ip", fmt.Sprintf("198.51.100.%d", i)).
				With("Forwarded", fmt.Sprintf("for=198.51.100.%d", i)).With("Cf-Connecting-Ip", fmt.Sprintf("198.51.100.%d", i))
			got = append(got, s.guess(liar, "ada@example.com", fmt.Sprint("guess number ", i)))
		}
		assert.Equal(t, got, []int{422, 422, 422, 422, 422, 429, 429, 429})
		// Also the right one is not looked at, and nobody learns that it was it.
		r := s.Stranger().Post("/sign-in", url.Values{"email": {"ADA@example.com "}, "password": {password}}).Status(http.StatusTooManyRequests)
		r.Contains("Too many attempts")
		assert.Equal(t, r.Header("Retry-After") != "", true)
		// The owner gets in where she was before, and by a link.
		assert.Equal(t, s.guess(known, "ada@example.com", password), http.StatusSeeOther)
		s.Stranger().Browser().Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
		s.token("ada@example.com", resetSubject)
		assert.Equal(t, s.canSignIn("bob@example.com", password), true)
	})
}

// A thousand addresses get no further than one.
func TestBruteForceFromManyAddresses(t *testing.T) {
	n := 1000 // 10,000 of them attack the built program: attack/production_test.go
	if testing.Short() {
		n = 200
	}
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		known := s.signIn("ada")
		counts := map[int]int{}
		attacker := s.Stranger()
		for i := range n {
			r := attacker.NewRequest(http.MethodPost, "/sign-in", url.Values{"email": {"ada@example.com"}, "password": {fmt.Sprint("guess number ", i)}})
			r.Header.Set("X-Forwarded-For", netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)}).String())
			counts[attacker.Do(r).Raw.StatusCode]++
		}
		if tried := counts[http.StatusUnprocessableEntity]; tried < 5 || tried > 12 || counts[http.StatusTooManyRequests] != n-tried {
			t.Errorf("of %d guesses the answers are %v", n, counts)
		}
		assert.Equal(t, s.guess(known, "ada@example.com", password), http.StatusSeeOther)
	}, behindProxy, countedByClock)
}

// Passwords of other sites, one for each of many accounts, from one address.
func TestCredentialStuffing(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		var got []int
		for i := range 30 {
			got = append(got, s.guess(s.Stranger(), fmt.Sprintf("user%d@example.com", i), "leaked elsewhere"))
		}
		assert.Equal(t, slices.Index(got, http.StatusTooManyRequests), 20)
		assert.Equal(t, slices.Contains(got[20:], http.StatusUnprocessableEntity), false)
		// An IPv6 network is one address.
		got = nil
		for i := range 30 {
			c := s.Stranger().With("X-Forwarded-For", fmt.Sprintf("2001:db8:1:1::%x", i+1))
			got = append(got, s.guess(c, fmt.Sprintf("person%d@example.com", i), "leaked elsewhere"))
		}
		assert.Equal(t, slices.Index(got, http.StatusTooManyRequests), 20)
	}, behindProxy, countedByClock)
}

// A stolen session does not let its thief guess the password, with which he
// could keep the account.
func TestGuessesBySession(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		thief := s.signIn("ada")
		thief.SetCookie("__Host-device", "")
		throttled := false
		for i := range 8 {
			guess := fmt.Sprint("guess number ", i)
			for path, form := range map[string]url.Values{
				"/profile/password": {"old": {guess}, "password": {"password of a thief"}},
				"/profile/email":    {"email": {"thief@example.com"}, "password": {guess}},
				"/profile/delete":   {"name": {"ada"}, "password": {guess}},
			} {
				switch status := thief.Post(path, form).Raw.StatusCode; status {
				case http.StatusTooManyRequests:
					throttled = true
				case http.StatusUnprocessableEntity:
					if throttled {
						t.Errorf("%s: guess %d is looked at", path, i)
					}
				default:
					t.Errorf("%s: %d", path, status)
				}
			}
		}
		assert.Equal(t, throttled, true)
		assert.Equal(t, s.canSignIn("ada@example.com", password), true) // elsewhere nothing has changed
	})
}

// Nobody's mailbox is filled by a stranger, and its owner has links that work.
func TestMailBomb(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		for range 12 {
			s.Stranger().Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
		}
		s.Stranger().Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
		until(t, func() bool { return len(s.outbox.Messages()) == 5 })
		s.signUp("bob") // behind all of these in the queue
		n := 0
		for _, m := range s.outbox.Messages() {
			if m.IsTo("ada@example.com") {
				n++
			}
		}
		assert.Equal(t, n, 5)
	})
	t.Run("by one address", func(t *testing.T) {
		onSQLite(t, func(t *testing.T, s *site) {
			s.signUp("ada")
			var got []int
			for i := range 40 {
				got = append(got, s.Stranger().Post("/reset", url.Values{"email": {fmt.Sprintf("victim%d@example.com", i)}}).Raw.StatusCode)
			}
			assert.Equal(t, slices.Index(got, http.StatusTooManyRequests), 29) // one was the sign-up
		})
	})
}

// The attack: letters that are no help are sent to an address until its owner is
// sent no other.
func TestOtherMailDoesNotBlockResets(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.signUp("ada")
		bob := s.signUp("bob")
		for range 6 {
			bob.Post("/profile/email", url.Values{"email": {"ada@example.com"}, "password": {password}}).Status(http.StatusSeeOther)
		}
		count := func(subject string) (n int) {
			for _, m := range s.outbox.Messages() {
				if m.IsTo("ada@example.com") && m.Subject == subject {
					n++
				}
			}
			return n
		}
		const taken = "This mail address has an account"
		until(t, func() bool { return count(taken) == 5 })
		s.Stranger().Browser().Post("/reset", url.Values{"email": {"ada@example.com"}}).Status(http.StatusOK)
		token := s.token("ada@example.com", resetSubject)
		s.Stranger().Browser().Get("/reset/confirm?token=" + token).Status(http.StatusOK)
		assert.Equal(t, count(taken), 5) // and no more of those
	})
}

// The attack: one account takes all the good names, which nobody else ever gets.
func TestNamesAreNotSquatted(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		eve := s.signUp("eve")
		rename := func(name string) int {
			return eve.Post("/profile/name", url.Values{"name": {name}}).Raw.StatusCode
		}
		rename("Not a name") // costs nothing, and what stays as it is does not either
		for range 5 {
			assert.Equal(t, rename("eve"), http.StatusSeeOther)
		}
		var got []int
		for i := range 6 {
			got = append(got, rename(fmt.Sprint("name", i)))
		}
		assert.Equal(t, got, []int{303, 303, 303, 422, 422, 422})
		eve.Post("/profile/name", url.Values{"name": {"name5"}}).Status(http.StatusUnprocessableEntity).Contains("30 days")
		assert.Equal(t, rename("eve"), http.StatusUnprocessableEntity) // a name of before is a change too
		s.signUp("name5")                                              // is free
		for month := range 6 {
			s.clock.Advance(31 * 24 * time.Hour)
			eve = s.signIn("eve")
			for i := range 3 {
				rename(fmt.Sprint("month", month, "-", i))
			}
		}
		n, err := db.Get[int64](t.Context(), s.db, "SELECT COUNT(*) FROM user_names WHERE name <> 'name5'")
		assert.NoError(t, err)
		assert.Equal(t, n, 10)
		s.clock.Advance(31 * 24 * time.Hour)
		eve = s.signIn("eve")
		eve.Post("/profile/name", url.Values{"name": {"another"}}).Status(http.StatusUnprocessableEntity).Contains("at most 10")
		assert.Equal(t, rename("eve"), http.StatusSeeOther) // her own
	}, countedByClock)
}

func TestFloods(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		c := s.furnish() // some requests of the address
		last := 0
		for range 40 {
			last = c.Get("/api/v1/channels").Raw.StatusCode
		}
		assert.Equal(t, last, http.StatusTooManyRequests)
		policies := c.Get("/api/v1/channels").Problem("rate_limited").Raw.Header["Ratelimit-Policy"]
		assert.Equal(t, policies, []string{`"address";q=120;w=60`, `"key";q=20;w=60`})
		s.Stranger().Browser().Get("/api").Status(http.StatusOK) // the address has more
		for range 200 {
			last = s.Stranger().Browser().Get("/api").Raw.StatusCode
		}
		assert.Equal(t, last, http.StatusTooManyRequests)
		s.Stranger().Browser().With("Accept", "text/html").Get("/sign-in").Status(http.StatusTooManyRequests).Contains("<h1>")
		s.Stranger().With("X-Forwarded-For", "198.51.100.7").Get("/api").Status(http.StatusTooManyRequests)
		s.Stranger().Get("/static/none.css").Status(http.StatusNotFound) // is not counted
	}, func(_ testing.TB, s *site) { s.config.LimitAddr, s.config.LimitKey = 120, 20 })
}

// The attack: the same key in other words, with another secret, and an app with
// one token after the other. Each has the limit of one.
func TestTheLimitOfAKey(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		limited := func(of string, authorization func(i int) string) {
			var passed int
			for i := range 15 {
				switch status := s.Stranger().With("Authorization", authorization(i)).Get(closedPath).Raw.StatusCode; status {
				case http.StatusOK:
					passed++
				case http.StatusTooManyRequests:
				default:
					t.Errorf("%s: %d", of, status)
				}
			}
			assert.Equal(t, passed, 5)
		}
		plain, id := s.key(ada, "meter")
		limited("a key", func(i int) string { return []string{"Bearer ", "bearer "}[i%2] + strings.Repeat(" ", i/2) + plain })
		s.Stranger().With("X-Api-Key", plain).Get(closedPath).Status(http.StatusTooManyRequests)
		renewed := keyOnPage.FindString(ada.Post("/profile/keys/"+id+"/rotate", nil).Text())
		s.Stranger().Bearer(renewed).Get(closedPath).Status(http.StatusTooManyRequests)
		other, _ := s.key(ada, "another")
		s.Stranger().Bearer(other).Get(closedPath).Status(http.StatusOK)

		app := s.register(ada)
		limited("an app", func(int) string { return "Bearer " + s.given(s.own(app)).Access })
		s.Stranger().Bearer(s.given(s.own(s.register(ada))).Access).Get(closedPath).Status(http.StatusOK)
	}, countedByClock, func(_ testing.TB, s *site) { s.config.LimitKey = 5 })
}
