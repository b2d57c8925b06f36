package attack_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/galeweb/gale/galetest"
)

// authenticator returns a device in software, in a browser that shows relay where
// passkeys work: in development that is not an address but a name.
func (s *site) authenticator() *galetest.Authenticator {
	origin := "http://localhost:8080"
	if s.production() {
		origin = "https://" + productionHost
	}
	return galetest.NewAuthenticator(s.t, origin)
}

// begin asks for the challenge of a ceremony.
func (c *visitor) begin(ceremony string) (b galetest.PasskeyBegun) {
	c.s.t.Helper()
	a := c.do(http.MethodPost, "/passkeys/"+ceremony+"/begin", "application/json", "{}").is(http.StatusOK)
	if err := json.Unmarshal([]byte(a.body), &b); err != nil {
		c.s.t.Fatal(err)
	}
	c.s.secret(b.State)
	return b
}

// finish sends the response of an authenticator.
func (c *visitor) finish(ceremony string, f galetest.PasskeyFinish) answer {
	c.s.t.Helper()
	ceremony, query, _ := strings.Cut(ceremony, "?")
	return c.with("Accept", "application/json").do(http.MethodPost, "/passkeys/"+ceremony+"/finish?"+query, "application/json", body(f))
}

func body(f galetest.PasskeyFinish) string {
	raw, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(raw)
}

// passkey registers one.
func (p *person) passkey() *galetest.Authenticator {
	p.s.t.Helper()
	a := p.s.authenticator()
	p.finish("register", a.Create(p.begin("register"))).is(http.StatusOK)
	return a
}

// passkeys counts those of an account by its page.
func (p *person) passkeys() int {
	p.s.t.Helper()
	return strings.Count(p.get("/profile/security").is(http.StatusOK).body, `aria-label="Remove the passkey `)
}

// by signs in by a passkey alone and returns the browser.
func (s *site) by(a *galetest.Authenticator) (*visitor, answer) {
	s.t.Helper()
	c := s.visitor()
	return c, c.finish("sign-in", a.Get(c.begin("sign-in")))
}

// lies are what a page of an attacker, or an authenticator of one, may say.
var lies = map[string]func(a *galetest.Authenticator){
	"another origin":                  func(a *galetest.Authenticator) { a.Origin = "https://evil.example" },
	"an origin that begins alike":     func(a *galetest.Authenticator) { a.Origin += ".evil.example" },
	"an origin that ends alike":       func(a *galetest.Authenticator) { a.Origin = strings.Replace(a.Origin, "://", "://evil-", 1) },
	"a subdomain":                     func(a *galetest.Authenticator) { a.Origin = strings.Replace(a.Origin, "://", "://evil.", 1) },
	"another scheme":                  func(a *galetest.Authenticator) { a.Origin = strings.Replace(a.Origin, "http", "ftp", 1) },
	"another port":                    func(a *galetest.Authenticator) { a.Origin = strings.TrimSuffix(a.Origin, ":8080") + ":1" },
	"an origin with a user":           func(a *galetest.Authenticator) { a.Origin += "@evil.example" },
	"no origin":                       func(a *galetest.Authenticator) { a.Client["origin"] = nil },
	"the origin null":                 func(a *galetest.Authenticator) { a.Origin = "null" },
	"a frame of another site":         func(a *galetest.Authenticator) { a.Client["crossOrigin"] = true },
	"another site around":             func(a *galetest.Authenticator) { a.Client["topOrigin"] = "https://evil.example" },
	"another challenge":               func(a *galetest.Authenticator) { a.Client["challenge"] = strings.Repeat("C", 42) + "A" },
	"no challenge":                    func(a *galetest.Authenticator) { a.Client["challenge"] = "" },
	"the type of a payment":           func(a *galetest.Authenticator) { a.Client["type"] = "payment.get" },
	"another relying party":           func(a *galetest.Authenticator) { a.RPID = "evil.example" },
	"a subdomain as relying party":    func(a *galetest.Authenticator) { a.RPID = "evil." + a.RPID },
	"nobody there":                    func(a *galetest.Authenticator) { a.Flags &^= galetest.UserPresent },
	"nobody verified":                 func(a *galetest.Authenticator) { a.Flags &^= galetest.UserVerified },
	"a backup of what cannot have it": func(a *galetest.Authenticator) { a.Flags |= galetest.BackedUp },
	"bytes at the end":                func(a *galetest.Authenticator) { a.Tail = []byte("tail") },
}

// A passkey is made by who is signed in, in the browser that asked for it, at
// this site, and nothing else becomes one.
func TestForgedRegistrations(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		vic, eve := s.person("victim"), s.person("eve")
		for _, lie := range lies {
			a := s.authenticator()
			lie(a)
			vic.finish("register", a.Create(vic.begin("register"))).is(http.StatusBadRequest).shows("passkey_refused")
		}
		// The victim's browser posts what eve's authenticator made for eve, and eve
		// what was begun for the victim; a stranger posts either.
		device := s.authenticator()
		of := map[*person]galetest.PasskeyFinish{eve: device.Create(eve.begin("register")), vic: device.Create(vic.begin("register"))}
		for p, other := range map[*person]*person{eve: vic, vic: eve} {
			other.finish("register", of[p]).is(http.StatusBadRequest).shows("passkey_expired")
			s.visitor().finish("register", of[p]).is(http.StatusUnauthorized)
			// A copy of the session, without the cookie of the ceremony.
			thief := p.like()
			delete(thief.cookies, passkeyCookie)
			thief.finish("register", of[p]).is(http.StatusBadRequest).shows("passkey_expired")
			// And that cookie, planted into the browser of another.
			planted := other.like()
			planted.cookies[passkeyCookie] = p.cookies[passkeyCookie]
			planted.finish("register", of[p]).is(http.StatusBadRequest).shows("passkey_expired")
		}
		s.visitor().do(http.MethodPost, "/passkeys/register/begin", "application/json", "{}").is(http.StatusUnauthorized)
		eve.enroll()
		eve.half().do(http.MethodPost, "/passkeys/register/begin", "application/json", "{}").is(http.StatusUnauthorized)
		// What answers a challenge for signing in registers nothing, and what is
		// registered is not registered again, by whoever.
		a := s.authenticator()
		signIn := vic.begin("sign-in")
		signIn.PublicKey.User.ID = base64.RawURLEncoding.EncodeToString(make([]byte, 64))
		vic.finish("register", a.Create(signIn)).is(http.StatusBadRequest).shows("passkey_expired")
		if n := vic.passkeys() + eve.passkeys(); n != 0 {
			t.Errorf("%d forged passkeys are registered", n)
		}
		good := a.Create(vic.begin("register"))
		vic.finish("register", good).is(http.StatusOK)
		vic.finish("register", good).is(http.StatusConflict).shows("passkey_exists")
		copied := *a
		eve.finish("register", copied.Create(eve.begin("register"))).is(http.StatusConflict).shows("passkey_exists")
		if vic.passkeys() != 1 || eve.passkeys() != 0 {
			t.Errorf("there are %d and %d passkeys", vic.passkeys(), eve.passkeys())
		}
		if c, a := s.by(a); a.status != http.StatusOK || !strings.Contains(c.get("/profile").body, vic.email) {
			t.Errorf("the passkey of the victim: %d", a.status)
		}
	})
}

const passkeyCookie = "__Host-passkey"

// Whose passkey it is signs in, with a challenge that this browser was given,
// once.
func TestForgedPasskeys(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		vic, eve := s.person("victim"), s.person("eve")
		honest, evil := vic.passkey(), eve.passkey()
		out := func(what string, c *visitor, a answer, status int, code string) {
			t.Helper()
			if a.status != status || !strings.Contains(a.body, code) || c.isIn() {
				t.Errorf("%s: %d, in: %v\n%s", what, a.status, c.isIn(), a.body)
			}
		}
		refused := func(what string, a *galetest.Authenticator, code string) {
			t.Helper()
			c, answer := s.by(a)
			out(what, c, answer, http.StatusUnauthorized, code)
		}
		for what, lie := range lies {
			forged := *honest
			forged.Client = maps.Clone(honest.Client)
			lie(&forged)
			refused(what, &forged, "passkey_refused")
		}
		forged := *evil
		forged.ID, forged.Handle = honest.ID, honest.Handle
		refused("the key of another", &forged, "passkey_refused")
		forged = *evil
		forged.Handle = honest.Handle
		refused("the handle of another", &forged, "passkey_refused")
		forged = *honest
		forged.Handle = nil
		refused("an empty handle", &forged, "passkey_refused")
		bare := s.visitor()
		without := honest.Get(bare.begin("sign-in"))
		delete(without.Response, "userHandle")
		out("no handle", bare, bare.finish("sign-in", without), http.StatusUnauthorized, "passkey_refused")
		unknown := s.authenticator()
		unknown.Handle = honest.Handle
		refused("an unknown passkey", unknown, "passkey_unknown")

		// A response that was seen on its way: by a thief without and with the cookie,
		// by a browser with a challenge of its own, and twice.
		c := s.visitor()
		seen := honest.Get(c.begin("sign-in"))
		thief := s.visitor()
		out("a challenge of another browser", thief, thief.finish("sign-in", seen), http.StatusUnauthorized, "passkey_expired")
		thief.begin("sign-in")
		out("a challenge of another browser, of two", thief, thief.finish("sign-in", seen), http.StatusUnauthorized, "passkey_expired")
		mixed := seen
		mixed.State = thief.begin("sign-in").State
		out("the state of another challenge", thief, thief.finish("sign-in", mixed), http.StatusUnauthorized, "passkey_refused")
		pair := []*visitor{c, c.like()}
		got := at(pair, func(c *visitor) (answer, error) {
			return c.try(http.MethodPost, "/passkeys/sign-in/finish", "application/json", body(seen))
		})
		if got[http.StatusOK] != 1 || got[http.StatusUnauthorized] != 1 || pair[0].isIn() == pair[1].isIn() {
			t.Errorf("two with one response get %v", got)
		}
		thief.cookies = map[string]string{passkeyCookie: c.cookies[passkeyCookie]}
		out("a replay", thief, thief.finish("sign-in", seen), http.StatusUnauthorized, "passkey_expired")

		// A challenge is for one ceremony.
		for _, ceremony := range []string{"register", "confirm"} {
			c := s.visitor()
			b := vic.begin(ceremony)
			c.cookies[passkeyCookie] = vic.cookies[passkeyCookie]
			out("the challenge to "+ceremony, c, c.finish("sign-in", honest.Get(b)), http.StatusUnauthorized, "passkey_expired")
		}

		registered := s.authenticator()
		confirm := vic.begin("confirm")
		confirm.PublicKey.User.ID = base64.RawURLEncoding.EncodeToString(honest.Handle)
		vic.finish("register", registered.Create(confirm)).is(http.StatusBadRequest).shows("passkey_expired")
		vic.finish("confirm", honest.Get(vic.begin("register"))).is(http.StatusUnauthorized).shows("passkey_expired")

		// A copy that falls behind gives itself away, and the owner is told.
		honest.Count = 5
		if _, a := s.by(honest); a.status != http.StatusOK {
			t.Errorf("a passkey that begins to count: %d %s", a.status, a.body)
		}
		for _, count := range []uint32{5, 4, 0} {
			copied := *honest
			copied.Count = count
			refused("a copy that counts on its own", &copied, "passkey_refused")
		}
		vic.get("/profile/security").is(http.StatusOK).shows("may have been copied")

		// Of an account that is disabled, and a passkey that was removed.
		path := eve.get("/profile/security").find(`(/profile/passkeys/[^/"]+/remove)`)
		vic.post(path).is(http.StatusNotFound)
		eve.post(path).is(http.StatusSeeOther)
		refused("a removed passkey", evil, "passkey_unknown")
		honest.Count = 9
		s.setRole(vic, "")
		if c, a := s.by(honest); a.status < 400 || c.isIn() {
			t.Errorf("a disabled account is in: %d %s", a.status, a.body)
		}
	})
}

// The second factor, and the proof before something dangerous, is one's own.
func TestPasskeyOfAnother(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		vic, eve := s.person("victim"), s.person("eve")
		honest, evil := vic.passkey(), eve.passkey()
		for what, forge := range map[string]func() *galetest.Authenticator{
			"of another":           func() *galetest.Authenticator { return evil },
			"under another's id":   func() *galetest.Authenticator { a := *evil; a.ID, a.Handle = honest.ID, honest.Handle; return &a },
			"that nobody verified": func() *galetest.Authenticator { a := *honest; a.Flags &^= galetest.UserVerified; return &a },
			"that nobody knows":    s.authenticator,
		} {
			half := vic.half()
			half.finish("confirm", forge().Get(half.begin("confirm"))).is(http.StatusUnauthorized)
			if half.isIn() {
				t.Errorf("a passkey %s is a second factor", what)
			}
		}
		// Eve's browser has the challenge, the victim's has the half session.
		half := vic.half()
		f := honest.Get(half.begin("confirm"))
		thief := eve.half()
		thief.cookies[passkeyCookie] = half.cookies[passkeyCookie]
		thief.finish("confirm", f).is(http.StatusUnauthorized)
		if thief.isIn() {
			t.Error("a response for the victim is eve's second factor")
		}
		s.visitor().finish("confirm", f).is(http.StatusUnauthorized)
		half.finish("confirm", f).is(http.StatusOK)
		if !half.isIn() {
			t.Error("the victim is not in")
		}
		// A cookie lasts beyond the browser, and trust beyond the sign-in, for who asks for it.
		remembers := func(a answer, cookie string) bool {
			return slices.ContainsFunc(a.header.Values("Set-Cookie"), func(c string) bool {
				return strings.Contains(c, cookie) && strings.Contains(c, "Max-Age=")
			})
		}
		for query, want := range map[string]bool{"": false, "?remember=true": true} {
			c := s.visitor()
			if a := c.finish("sign-in"+query, honest.Get(c.begin("sign-in"))).is(http.StatusOK); remembers(a, "session=") != want {
				t.Errorf("sign-in%s: %q", query, a.header.Values("Set-Cookie"))
			}
		}
		for query, want := range map[string]bool{"": false, "?trust=true": true} {
			c := vic.half()
			if a := c.finish("confirm"+query, honest.Get(c.begin("confirm"))).is(http.StatusOK); remembers(a, "trust=") != want {
				t.Errorf("confirm%s: %q", query, a.header.Values("Set-Cookie"))
			}
		}
		again := vic.half()
		again.cookies[passkeyCookie] = half.cookies[passkeyCookie]
		again.finish("confirm", f).is(http.StatusUnauthorized).shows("passkey_expired")
		if again.isIn() {
			t.Error("a second factor works twice")
		}
	})
}

// Fields that are none: no answer is relay's failure, and nobody is in.
func TestGarbledPasskeys(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site) {
		vic := s.person("victim")
		honest := vic.passkey()
		c := s.visitor()
		good := honest.Get(c.begin("sign-in"))
		fresh := s.authenticator()
		made := fresh.Create(vic.begin("register"))
		garbage := []string{
			"", "x", "!", "AA==", "A", strings.Repeat("A", 4000), strings.Repeat("A", 100_000), "null", "\x00", "\u202e" + markup, "' OR 1=1 --", "e30", "bnVsbA", "W10",
			"n78", "m_________8", base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\x81", 9000))), base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("[", 9000))),
		}
		from := c
		for i, bad := range garbage {
			from = from.moved() // an address has a limit
			for _, f := range []struct {
				ceremony string
				of       galetest.PasskeyFinish
				c        *visitor
			}{{"sign-in", good, from}, {"register", made, vic.visitor}} {
				fields := map[string]func(*galetest.PasskeyFinish){"state": func(f *galetest.PasskeyFinish) { f.State = bad }, "id": func(f *galetest.PasskeyFinish) { f.ID = bad }}
				if f.ceremony == "register" && i > 0 { // names are optional
					fields["name"] = func(f *galetest.PasskeyFinish) { f.Name = strings.Repeat(bad, 65) }
				}
				for member := range f.of.Response {
					fields[member] = func(f *galetest.PasskeyFinish) { f.Response[member] = bad }
				}
				for field, change := range fields {
					changed := f.of
					changed.Response = maps.Clone(f.of.Response)
					change(&changed)
					if a := f.c.finish(f.ceremony, changed); a.status < 400 {
						t.Errorf("%s with %.30q as %s: %d", f.ceremony, bad, field, a.status)
					}
				}
			}
		}
		whole := body(good)
		for i, bad := range []string{
			"", "null", "[]", "{}", `"x"`, whole[:len(whole)/2], whole + whole, strings.Replace(whole, `"public-key"`, `"password"`, 1), strings.Replace(whole, `"response":{`, `"response":[`, 1),
			strings.Replace(whole, `{"credential"`, `{"user":"ada","credential"`, 1), strings.Replace(whole, `"id":`, `"id":1,"id":`, 1), strings.Repeat(`{"credential":`, 5000), `{"state":"` + strings.Repeat("x", 1<<20) + `"}`,
		} {
			for _, ceremony := range []string{"sign-in", "confirm", "register"} {
				who := from
				if ceremony != "sign-in" {
					who = vic.visitor
				}
				if a := who.do(http.MethodPost, "/passkeys/"+ceremony+"/finish", "application/json", bad); a.status < 400 {
					t.Errorf("%s with body %d: %d", ceremony, i, a.status)
				}
			}
		}
		if from.isIn() {
			t.Error("garbage signs in")
		}
		if n := vic.passkeys(); n != 1 {
			t.Errorf("there are %d passkeys", n)
		}
		from.finish("sign-in", good).is(http.StatusOK) // it was still good
	})
}
