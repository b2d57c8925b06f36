package attack_test

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const cookieName = "__Host-session"

// Who plants a cookie in a browser is not in the account that is opened there.
func TestPlantedSession(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		vic, eve := s.person("victim"), s.person("eve")
		eve.enroll()
		made := make([]byte, 32)
		_, _ = rand.Read(made)
		halfEve := eve.half()
		for name, planted := range map[string]string{
			"made up":                 base64.RawURLEncoding.EncodeToString(made),
			"of a thief, signed in":   eve.cookies[cookieName],
			"of a thief, half in":     halfEve.cookies[cookieName],
			"of a session that ended": func() string { c := s.person("gone"); old := c.cookies[cookieName]; c.post("/sign-out"); return old }(),
		} {
			browser, thief := s.visitor(), s.visitor()
			browser.cookies[cookieName], thief.cookies[cookieName] = planted, planted
			opened := &person{browser, vic.name, vic.email}
			opened.signIn(password).is(http.StatusSeeOther)
			if !opened.isIn() {
				t.Errorf("%s: the victim cannot sign in", name)
			}
			if opened.cookies[cookieName] == planted {
				t.Errorf("%s: the planted cookie is kept", name)
			}
			if page := thief.get("/profile"); page.status == http.StatusOK && strings.Contains(page.body, vic.email) {
				t.Errorf("%s: the thief is in", name)
			}
			if a := thief.post("/sign-in/second", "code", "000000"); strings.Contains(a.body, vic.name) {
				t.Errorf("%s: the thief is at the second factor of the victim", name)
			}
		}
		// Two cookies of a name, as a sibling domain could send them: the planted
		// one does not stand in for the other.
		both := vic.like()
		both.cookies = map[string]string{}
		a := both.with("Cookie", cookieName+"="+strings.Repeat("A", 43)+"; "+cookieName+"="+vic.cookies[cookieName]).get("/profile").is(http.StatusSeeOther, http.StatusOK)
		if a.status == http.StatusOK && !strings.Contains(a.body, vic.email) {
			t.Error("two cookies make somebody else")
		}
	})
}

// A cookie that was copied is worth nothing once its session has ended, by
// whatever ended it.
func TestReplayedSessions(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		for what, end := range map[string]func(p *person){
			"signing out":      func(p *person) { p.post("/sign-out").is(http.StatusSeeOther) },
			"signing in again": func(p *person) { p.signIn(password).is(http.StatusSeeOther) },
			"a new password": func(p *person) {
				p.post("/profile/password", "old", password, "password", newPassword).is(http.StatusSeeOther)
				if !p.isIn() {
					t.Error("who changes the password is signed out")
				}
			},
			"a new password, elsewhere": func(p *person) {
				p.elsewhere().post("/profile/password", "old", password, "password", newPassword).is(http.StatusSeeOther)
			},
			"a reset": func(p *person) {
				stranger := s.visitor()
				stranger.post("/reset", "email", p.email).is(http.StatusOK)
				stranger.post("/reset/confirm", "token", s.token(p.email, resetSubject), "password", newPassword).is(http.StatusSeeOther)
			},
			"ending the others":            func(p *person) { p.post("/profile/sessions/revoke").is(http.StatusSeeOther) },
			"ending the others, elsewhere": func(p *person) { p.elsewhere().post("/profile/sessions/revoke").is(http.StatusSeeOther) },
			"an admin":                     func(p *person) { s.setRole(p, "") },
			"deletion": func(p *person) {
				p.post("/profile/delete", "name", p.name, "password", password).is(http.StatusSeeOther)
			},
			"a new proof": func(p *person) {
				p.post("/confirm", "password", password).is(http.StatusSeeOther)
				if !p.isIn() {
					t.Error("who shows the password again is signed out")
				}
			},
		} {
			p := s.person("victim")
			thief := p.like()
			if !thief.isIn() {
				t.Fatal("the cookie is not enough")
			}
			end(p)
			if thief.isIn() {
				t.Errorf("the copy works after %s", what)
			}
			thief.post("/profile/name", "name", named("stolen")).is(http.StatusUnauthorized, http.StatusSeeOther)
			thief.get("/channels/none").is(http.StatusNotFound)
		}
	})
}

// A role that was taken counts from the next request on.
func TestRoleTaken(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		p := s.person("boss")
		s.setRole(p, "admin")
		p.get("/admin/users").is(http.StatusOK)
		s.setRole(p, "viewer")
		p.get("/admin/users").is(http.StatusForbidden)
		p.post("/admin/users/"+p.id(s.admin()), "role", "admin").is(http.StatusForbidden)
	})
}

// What is nearly a cookie is no cookie.
func TestForgedCookies(t *testing.T) {
	onServers(t, func(t *testing.T, s *site) {
		p := s.person("victim")
		p.enroll()
		trusted := p.half()
		app := trusted.cookies[cookieName]
		whole := p.cookies[cookieName]
		good, _, sealed := strings.Cut(whole, ".")
		if sealed != s.sealed() {
			t.Fatalf("values in the cookie: %t", sealed)
		}
		values := whole[len(good):]
		flipped := []byte(good)
		flipped[10] ^= 1
		for _, forged := range []string{
			"", "x", "null", "0", "true", "-1", "{}", string(flipped), good[:42], good + "A", good + "=", " " + good + "x", strings.ToLower(good), strings.ToUpper(good),
			strings.Repeat("A", 43), strings.Repeat("A", 20_000), good[:21] + "%00" + good[22:], "' OR 1=1 --", "../../relay.db", `{"user":"` + p.name + `"}`,
			base64.StdEncoding.EncodeToString([]byte(good)), app[:40] + good[40:],
		} {
			if forged == good {
				continue
			}
			c := s.visitor()
			c.with("Cookie", cookieName+"="+forged+values).get("/profile").is(http.StatusSeeOther, http.StatusBadRequest, http.StatusRequestHeaderFieldsTooLarge)
		}
		// The names count as they are: without the prefix a cookie could be set by
		// a page of another port, or without TLS.
		for _, name := range []string{"session", "__Secure-session", "__host-session", "__HOST-SESSION", "__Host-Session", "Host-session"} {
			s.visitor().with("Cookie", name+"="+whole).get("/profile").is(http.StatusSeeOther)
		}
		// Those of one thing are not good for another.
		for _, name := range []string{"__Host-device", "__Host-trust"} {
			c := s.visitor()
			c.cookies[name] = whole
			if c.isIn() {
				t.Errorf("a session is taken from %s", name)
			}
			c.cookies = map[string]string{cookieName: p.cookies["__Host-device"]}
			if c.isIn() {
				t.Error("a known browser is a session")
			}
		}
		// Very many cookies.
		many := slices.Repeat([]string{"a=b"}, 3000)
		s.visitor().with("Cookie", strings.Join(many, "; ")).get("/profile").is(http.StatusSeeOther, http.StatusBadRequest, http.StatusRequestHeaderFieldsTooLarge)
		if !p.isIn() {
			t.Error("the victim is out")
		}
	})
}

// Values in a cookie are those of its session and of nobody else's; whoever makes
// them up, takes them away or brings another's has none, and so has proved nothing.
func TestForgedValues(t *testing.T) {
	onSealed(t, func(t *testing.T, s *site) {
		parts := func(c *visitor) (token, values string) {
			token, values, _ = strings.Cut(c.cookies[cookieName], ".")
			if values == "" {
				t.Fatal("the cookie has no values")
			}
			return token, values
		}
		by := func(token, values string) *visitor {
			c := s.visitor()
			c.cookies[cookieName] = token + "." + values
			return c
		}
		vic, eve := s.person("victim"), s.person("eve")
		const asksAgain = "/profile/apps/new"
		vic.get(asksAgain).is(http.StatusOK)
		token, values := parts(vic.visitor)
		_, hers := parts(eve.visitor)
		_, before := parts(vic.elsewhere().visitor)
		flipped := []byte(values)
		flipped[20] ^= 1
		for what, forged := range map[string]string{
			"none": "", "made up": strings.Repeat("A", len(values)), "flipped": string(flipped), "cut": values[:len(values)-4],
			"longer": values + "AAAA", "of another user": hers, "of another session": before, "very long": strings.Repeat("A", 20_000), "text": `{"_auth":{}}`,
		} {
			c := by(token, forged)
			if page := c.get("/profile").is(http.StatusOK, http.StatusSeeOther, http.StatusBadRequest, http.StatusRequestHeaderFieldsTooLarge); page.status == http.StatusOK && !strings.Contains(page.body, vic.email) {
				t.Errorf("%s: somebody else is in", what)
			}
			if a := c.get(asksAgain); a.status == http.StatusOK {
				t.Errorf("%s: who is it is proved", what)
			}
		}
		// Nor does what one session has proved help another that is half in.
		app := eve.enroll()
		half, other := eve.half(), eve.half()
		other.post("/sign-in/second", "code", app.next()).is(http.StatusSeeOther)
		inToken, in := parts(other.visitor)
		halfToken, waits := parts(half.visitor)
		if by(halfToken, in).isIn() {
			t.Error("the second factor of another session counts")
		}
		if by(token, waits).get("/sign-in/second").status == http.StatusOK {
			t.Error("the first step of another counts")
		}
		if a := by(inToken, waits).get(asksAgain); a.status == http.StatusOK {
			t.Error("a session without its values has proved who it is")
		}
	})
}

// A browser is trusted by one account, until it says otherwise, and nobody
// trusts a copy of what another account trusts.
func TestStolenTrust(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		p, eve := s.person("victim"), s.person("eve")
		app := p.enroll()
		half := p.half()
		half.post("/sign-in/second", "code", app.next(), "trust", "true").is(http.StatusSeeOther)
		eve.enroll()
		evil := &person{half.like(), eve.name, eve.email}
		delete(evil.cookies, cookieName)
		if to := evil.signIn(password).header.Get("Location"); !strings.HasPrefix(to, "/sign-in/second") {
			t.Errorf("the trust of another account is taken: %s", to)
		}
		copied := &person{half.like(), p.name, p.email}
		delete(copied.cookies, cookieName)
		half.post("/profile/browsers/forget").is(http.StatusSeeOther)
		if to := copied.signIn(password).header.Get("Location"); !strings.HasPrefix(to, "/sign-in/second") {
			t.Errorf("a browser that was forgotten is trusted: %s", to)
		}
	})
}
