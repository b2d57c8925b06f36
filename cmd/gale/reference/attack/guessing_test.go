package attack_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// guess tries a password and returns the status.
func (c *visitor) guess(email, password string) int {
	c.s.t.Helper()
	return c.post("/sign-in", "email", email, "password", password).status
}

// An account takes five guesses, from one address that claims to be many, and
// from many that are. Its owner still gets in, and others do.
func TestBruteForce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		for name, attacker := range map[string]func(i int) *visitor{
			"liar": func() func(i int) *visitor {
				c := s.visitor()
				return func(i int) *visitor {
					claimed := fmt.Sprintf("198.51.%d.%d", i/200, i%200)
					c := c
					for _, h := range []string{"X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip", "X-Client-Ip"} {
						c = c.with(h, claimed)
					}
					return c.with("Forwarded", "for="+claimed)
				}
			}(),
			"many": func(int) *visitor { return s.visitor() },
		} {
			vic, other := s.person("victim"), s.person("other")
			vic.post("/sign-out").is(http.StatusSeeOther)
			counts := map[int]int{}
			for i := range 60 {
				counts[attacker(i).guess(vic.email, fmt.Sprint("guess number ", i))]++
			}
			if looked := counts[http.StatusUnprocessableEntity]; looked < 5 || looked > 8 || looked+counts[http.StatusTooManyRequests] != 60 {
				t.Errorf("%s: of 60 guesses the answers are %v", name, counts)
			}
			// Also the right one is not looked at, however it is spelt. The limit lets a
			// guess through every 12 s, which may be just now, once.
			in := 0
			for _, email := range []string{vic.email, strings.ToUpper(vic.email), " " + vic.email, vic.email + "  "} {
				for i := 0; s.visitor().guess(vic.email, "another guess") != http.StatusTooManyRequests; i++ {
					if i == 20 {
						t.Fatalf("%s: there is no end of guesses", name)
					}
				}
				if s.visitor().guess(email, password) == http.StatusSeeOther {
					in++
				}
			}
			if in > 1 {
				t.Errorf("%s: the right password is looked at %d times", name, in)
			}
			a := vic.signIn(password).is(http.StatusSeeOther) // where she was before
			if !vic.isIn() {
				t.Errorf("%s: the owner is at %v", name, a.header["Location"])
			}
			other.elsewhere()
			// A known browser is that of one account: it has no guesses of its own here.
			planted := s.visitor()
			planted.cookies["__Host-device"] = other.cookies["__Host-device"]
			looked := 0
			for i := range 5 {
				if planted.guess(vic.email, fmt.Sprint("guess number ", i)) != http.StatusTooManyRequests {
					looked++
				}
			}
			if looked > 2 {
				t.Errorf("%s: the known browser of another has %d guesses", name, looked)
			}
		}
	})
}

// Passwords of other sites, one for each of many accounts.
func TestCredentialStuffing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		eve, begin := s.visitor(), time.Now()
		var got []int
		for i := range 40 {
			got = append(got, eve.guess(fmt.Sprintf("user%d@%s.example", i, strings.ToLower(rand.Text())), "leaked elsewhere"))
		}
		first := slices.Index(got, http.StatusTooManyRequests)
		most := 21 + int(time.Since(begin)/(3*time.Second)) // the limit lets one through every 3 s
		if first < 20 || first > most {
			t.Errorf("one address is refused after %d guesses: %v", first, got)
		}
		s.person("other").elsewhere() // from another address
	})
}

// Codes of apps and for recovery: five guesses, from whichever address, and a
// right one beyond is not looked at.
func TestGuessingCodes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		vic := s.person("victim")
		app := vic.enroll()
		counts := map[int]int{}
		for i := range 16 { // of apps and of recovery, in turn
			code := fmt.Sprintf("%06d", i)
			if i%2 == 1 {
				code = fmt.Sprintf("G7K2M-%05d", i)
			}
			counts[vic.half().post("/sign-in/second", "code", code).status]++
		}
		if counts[http.StatusUnprocessableEntity] != 2*5 || counts[http.StatusTooManyRequests] != 6 {
			t.Errorf("the answers are %v", counts)
		}
		vic.half().post("/sign-in/second", "code", app.next()).is(http.StatusTooManyRequests)
		vic.half().post("/sign-in/second", "code", app.codes[0]).is(http.StatusTooManyRequests)
		// Half a sign-in opens nothing.
		half := vic.half()
		for _, path := range []string{"/profile", "/profile/security", "/profile/account", "/profile/export", "/confirm", "/profile/apps/new"} {
			if a := half.get(path).is(http.StatusSeeOther); !strings.HasPrefix(a.header.Get("Location"), "/sign-in") {
				t.Errorf("%s leads to %v", path, a.header["Location"])
			}
		}
		half.post("/confirm", "password", password).is(http.StatusUnauthorized, http.StatusSeeOther)
		half.post("/profile/recovery").is(http.StatusUnauthorized)
	})
}

// A code that was seen over a shoulder has been used; of two who come with one at
// once, one gets in.
func TestReplayedCodes(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		for what, codeOf := range map[string]func(app *app) string{
			"app":      func(app *app) string { return app.next() },
			"recovery": func(app *app) string { return app.codes[0] },
			"recovery, spelt otherwise": func(app *app) string {
				return strings.ToLower(strings.ReplaceAll(app.codes[1], "-", " "))
			},
		} {
			vic := s.person("victim")
			code := codeOf(vic.enroll())
			var pair []*visitor
			for range 2 {
				pair = append(pair, vic.half().visitor)
			}
			form := url.Values{"code": {code}}.Encode()
			got := at(pair, func(c *visitor) (answer, error) {
				return c.try(http.MethodPost, "/sign-in/second", "application/x-www-form-urlencoded", form)
			})
			if got[http.StatusSeeOther] != 1 || got[http.StatusUnprocessableEntity] != 1 {
				t.Errorf("%s: two at once get %v", what, got)
			}
			if pair[0].isIn() == pair[1].isIn() {
				t.Errorf("%s: both or none are in", what)
			}
			again := vic.half()
			again.post("/sign-in/second", "code", code).is(http.StatusUnprocessableEntity, http.StatusTooManyRequests)
			if again.isIn() {
				t.Errorf("%s: it works again", what)
			}
		}
	})
}

// Links are used once, also by many at once, and are not guessed.
func TestGuessingLinks(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		vic := s.person("victim")
		name := named("new")
		s.visitor().post("/sign-up", "name", name, "email", name+"@example.com").is(http.StatusOK)
		s.visitor().post("/reset", "email", vic.email).is(http.StatusOK)
		tokens := map[string]string{"/sign-up/confirm": s.token(name+"@example.com", confirmSubject), "/reset/confirm": s.token(vic.email, resetSubject)}
		for path, token := range tokens {
			swapped := []byte(token)
			swapped[5] ^= 1
			for _, bad := range []string{"", "x", strings.Repeat("A", 43), string(swapped), strings.ToLower(token) + "x", token + "A", token[:42], token + "%00", "\x00", "\xff", strings.Repeat("A", 5000), "' OR 1=1 --", "*", "%", "null"} {
				a := s.visitor().get(path+"?token="+url.QueryEscape(bad)).is(http.StatusNotFound, http.StatusBadRequest)
				if strings.Contains(a.body, "@example.com") {
					t.Errorf("%s with %q says whose it is", path, bad)
				}
				s.visitor().post(path, "token", bad, "name", named("x"), "password", newPassword).is(http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusBadRequest)
			}
			for other := range tokens { // a link is good for one thing
				if other != path {
					s.visitor().get(other + "?token=" + token).is(http.StatusNotFound)
				}
			}
			// Looking does not use it up: programs look into mail.
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				s.visitor().do(method, path+"?token="+token, "", "").is(http.StatusOK)
			}
		}
		for path, pairs := range map[string]url.Values{
			"/sign-up/confirm": {"token": {tokens["/sign-up/confirm"]}, "name": {name}, "password": {password}},
			"/reset/confirm":   {"token": {tokens["/reset/confirm"]}, "password": {newPassword}},
		} {
			var many []*visitor
			for range 6 {
				many = append(many, s.visitor())
			}
			got := at(many, func(c *visitor) (answer, error) {
				return c.try(http.MethodPost, path, "application/x-www-form-urlencoded", pairs.Encode())
			})
			if got[http.StatusSeeOther] != 1 || got[http.StatusSeeOther]+got[http.StatusNotFound]+got[http.StatusUnprocessableEntity] != 6 {
				t.Errorf("%s: six at once get %v", path, got)
			}
		}
	})
}

// Nobody's mailbox is filled, and nobody floods the mail server, from one address.
func TestMailBomb(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		vic := s.person("victim") // one mail
		for range 12 {
			s.visitor().post("/reset", "email", vic.email).is(http.StatusOK)
			s.visitor().post("/sign-up", "name", named("x"), "email", vic.email).is(http.StatusOK)
		}
		s.settled()
		n := 0
		for _, l := range s.letters() {
			if l.to == vic.email {
				n++
			}
		}
		if n != 10 { // five by each of two forms
			t.Errorf("%d mails came", n)
		}
		eve, counts := s.visitor(), map[int]int{}
		for i := range 40 {
			counts[eve.with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i)).post("/reset", "email", fmt.Sprintf("victim%d@example.com", i)).status]++
		}
		if counts[http.StatusOK] != 30 || counts[http.StatusTooManyRequests] != 10 {
			t.Errorf("one address is answered %v", counts)
		}
	})
}
