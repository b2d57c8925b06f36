package attack_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/keyring"
)

const (
	appRedirect = "https://app.example/cb"
	verifier    = "a-verifier-that-is-long-enough-for-rfc-7636-000"
	challenge   = "EytlbBovH0148xydnRLqd618ayjl-St81-_Mjq2SwqI" // its SHA-256
)

// client is an app that ada has registered.
type client struct{ id, secret string }

func (s *site) client() client {
	s.t.Helper()
	return s.admin().register()
}

// register registers an app. p is an admin.
func (p *person) register() client {
	p.s.t.Helper()
	page := p.form("/admin/clients", url.Values{
		"name": {named("Dashboard")}, "kind": {"server"}, "users": {"on"}, "refresh": {"on"}, "self": {"on"}, "redirects": {appRedirect},
		"scopes": {"openid", "profile", "packets.read"},
	}).is(http.StatusCreated)
	return client{page.find(`<pre><code>([a-z0-9]{20})</code>`), p.s.secret(page.find(`<code class="secret">([\w-]{43})</code>`))}
}

// ask is the address to which the app sends a user.
func (a client) ask(change ...string) string {
	q := url.Values{
		"client_id": {a.id}, "redirect_uri": {appRedirect}, "response_type": {"code"}, "scope": {"openid offline_access packets.read"},
		"state": {"the state"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	return "/oauth/authorize?" + q.Encode()
}

// leads is where an answer leads.
func (a answer) leads() *url.URL {
	a.c.s.t.Helper()
	u, err := url.Parse(a.is(http.StatusFound, http.StatusSeeOther).header.Get("Location"))
	if err != nil {
		a.c.s.t.Fatal(err)
	}
	return u
}

// code has somebody allow the app.
func (p *person) code(a client) string {
	p.s.t.Helper()
	to := p.get(a.ask()).leads()
	if to.Path == "/consent" {
		to = p.post("/consent", "request", to.Query().Get("request"), "answer", "allow").leads()
	}
	if to.Host != "app.example" {
		p.s.t.Fatalf("the user is sent to %s", to)
	}
	return p.s.secret(to.Query().Get("code"))
}

// token asks the OAuth server, as the app.
func (c *visitor) token(a client, pairs ...string) answer {
	c.s.t.Helper()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(a.id+":"+a.secret))
	return c.with("Authorization", basic).with("Sec-Fetch-Site", "").post("/oauth/token", pairs...)
}

func (c *visitor) exchange(a client, code string) answer {
	c.s.t.Helper()
	return c.token(a, "grant_type", "authorization_code", "code", code, "redirect_uri", appRedirect, "code_verifier", verifier)
}

func (c *visitor) refresh(a client, token string) answer {
	c.s.t.Helper()
	return c.token(a, "grant_type", "refresh_token", "refresh_token", token)
}

// given are tokens that an app was given.
type given struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
}

func (a answer) given() (g given) {
	a.c.s.t.Helper()
	if err := json.Unmarshal([]byte(a.is(http.StatusOK).body), &g); err != nil {
		a.c.s.t.Fatal(err)
	}
	for _, secret := range []string{g.Access, g.Refresh, g.ID} {
		a.c.s.secret(secret)
	}
	return g
}

// reads is how the API answers who wants a private channel.
func (s *site) reads(channel, token string) int {
	s.t.Helper()
	return s.visitor().with("Authorization", "Bearer "+token).with("Accept", "application/json").get("/api/v1/channels/" + channel + "/packets").status
}

// private makes a channel that nobody sees without being asked who he is.
func (p *person) private() string {
	p.s.t.Helper()
	channel := named("closed")
	p.post("/channels", "name", channel, "title", "Closed").is(http.StatusSeeOther)
	return channel
}

func part(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers marshal
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// jwt makes a token of any header and claims, without scruples.
func jwt(header, claims map[string]any, sign func([]byte) []byte) string {
	input := part(header) + "." + part(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

// es256 signs as RFC 7518, section 3.4, says.
func es256(key *ecdsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err) // of a bad source of chance
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

func hs256(secret []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

// but returns a copy in which a name has another value, or none.
func but(m map[string]any, name string, value any) map[string]any {
	m = maps.Clone(m)
	if m[name] = value; value == nil {
		delete(m, name)
	}
	return m
}

// No token is accepted but those that relay has made for its API. Some are signed
// with its own key, out of its file, so that they fail for what they say.
func TestForgedJWT(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		vic := s.operator("victim")
		channel, a := vic.private(), s.client()
		got := s.visitor().exchange(a, vic.code(a)).given()
		parts := strings.Split(got.Access, ".")
		read := func(i int) (all map[string]any) {
			raw, err := base64.RawURLEncoding.DecodeString(parts[i])
			if err == nil {
				err = json.Unmarshal(raw, &all)
			}
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		header, claims := read(0), read(1)
		ring, err := keyring.Open(t.Context(), keyring.Options{Source: keyring.File(filepath.Join(s.cmd.Dir, "relay.keys"))})
		if err != nil {
			t.Fatal(err)
		}
		key, err := galeoidc.RingKeys(ring).Signing(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		own := es256(key.Signer.(*ecdsa.PrivateKey))
		if status := s.reads(channel, jwt(header, claims, own)); status != http.StatusOK {
			t.Fatalf("relay's own signature: %d", status)
		}
		stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(key.Signer.Public())
		if err != nil {
			t.Fatal(err)
		}
		none, now := func([]byte) []byte { return nil }, time.Now()
		for what, forged := range map[string]string{
			"alg none":              jwt(but(header, "alg", "none"), claims, none),
			"alg nOnE":              jwt(but(header, "alg", "nOnE"), claims, none),
			"no alg":                jwt(but(header, "alg", nil), claims, own),
			"no signature":          parts[0] + "." + parts[1] + ".",
			"HS256 with the key":    jwt(but(header, "alg", "HS256"), claims, hs256(der)),
			"HS256 with its PEM":    jwt(but(header, "alg", "HS256"), claims, hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))),
			"HS256 with nothing":    jwt(but(header, "alg", "HS256"), claims, hs256(nil)),
			"another key":           jwt(header, claims, es256(stranger)),
			"another key, inside":   jwt(but(header, "jwk", map[string]any{"kty": "EC", "crv": "P-256"}), claims, es256(stranger)),
			"another key, by a URL": jwt(but(header, "jku", "http://"+s.addr+"/jwks"), claims, es256(stranger)),
			"an unknown key":        jwt(but(header, "kid", "unknown"), claims, own),
			"a path as key":         jwt(but(header, "kid", "../../../../dev/null"), claims, hs256(nil)),
			"zeros":                 jwt(header, claims, func([]byte) []byte { return make([]byte, 64) }),
			"other claims":          parts[0] + "." + part(but(claims, "scope", "packets.read packets.send users.manage")) + "." + parts[2],
			"another audience":      jwt(header, but(claims, "aud", "https://other.example/api"), own),
			"no audience":           jwt(header, but(claims, "aud", nil), own),
			"another issuer":        jwt(header, but(claims, "iss", "https://evil.example/oauth"), own),
			"expired":               jwt(header, but(claims, "exp", now.Add(-2*time.Minute).Unix()), own),
			"without an end":        jwt(header, but(claims, "exp", nil), own),
			"of tomorrow":           jwt(header, but(claims, "iat", now.Add(24*time.Hour).Unix()), own),
			"of another kind":       jwt(but(header, "typ", "JWT"), claims, own),
			"of nobody":             jwt(header, but(claims, "sub", "nobody"), own),
			"an ID token":           got.ID,
			"a refresh token":       got.Refresh,
			"dots":                  "..",
			"very long":             strings.Repeat("a", 9000) + ".b.c",
		} {
			if status := s.reads(channel, forged); status != http.StatusUnauthorized {
				t.Errorf("%s: the API answers %d", what, status)
			}
		}
		// A token is for the API, for what was allowed, and in its header.
		bearer := s.visitor().with("Authorization", "Bearer "+got.Access)
		bearer.get("/profile").is(http.StatusForbidden)
		bearer.with("Sec-Fetch-Site", "").do(http.MethodPost, "/api/v1/channels/"+channel+"/packets", "application/json", `{"kind":"k","payload":{}}`).is(http.StatusForbidden)
		s.visitor().get("/api/v1/channels/"+channel+"/packets?access_token="+got.Access).is(http.StatusBadRequest, http.StatusNotFound)
	})
}

// A refresh token or a code that is used twice ends the access of the thief and of
// the app; of two uses at once, one counts, and then none.
func TestStolenTokens(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		vic := s.operator("victim")
		channel, a, evil := vic.private(), s.client(), s.client()
		app := s.visitor()
		refused := func(what string, a answer) {
			t.Helper()
			if a.status != http.StatusBadRequest || !strings.Contains(a.body, "invalid_grant") {
				t.Errorf("%s: %d %s", what, a.status, a.body)
			}
		}
		first, other := app.exchange(a, vic.code(a)).given(), app.exchange(a, vic.code(a)).given()
		refused("a refresh token of another app", app.refresh(evil, first.Refresh))
		wrong := a
		wrong.secret = evil.secret
		app.refresh(wrong, first.Refresh).is(http.StatusUnauthorized)
		second := app.refresh(a, first.Refresh).given()
		if status := s.reads(channel, second.Access); status != http.StatusOK {
			t.Fatalf("a new token: %d", status)
		}
		refused("a refresh token that was used", app.refresh(a, first.Refresh))
		refused("the one that came for it", app.refresh(a, second.Refresh))
		for what, dead := range map[string]string{"first": first.Access, "second": second.Access} {
			if status := s.reads(channel, dead); status != http.StatusUnauthorized {
				t.Errorf("the %s token after a reuse: %d", what, status)
			}
		}
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {other.Refresh}, "client_id": {a.id}, "client_secret": {a.secret}}.Encode()
		got := at([]*visitor{s.visitor(), s.visitor(), s.visitor()}, func(c *visitor) (answer, error) {
			return c.with("Sec-Fetch-Site", "").try(http.MethodPost, "/oauth/token", "application/x-www-form-urlencoded", form)
		})
		if got[http.StatusOK] > 1 || got[http.StatusOK]+got[http.StatusBadRequest] != 3 {
			t.Errorf("three with one refresh token get %v", got)
		}
		refused("a refresh token that three had", app.refresh(a, other.Refresh))
		if status := s.reads(channel, other.Access); status != http.StatusUnauthorized {
			t.Errorf("the token of a family that was revoked: %d", status)
		}
		// Codes: of another app, without the verifier, to another address, twice.
		refused("a code of another app", app.exchange(evil, vic.code(a)))
		refused("without the verifier", app.token(a, "grant_type", "authorization_code", "code", vic.code(a), "redirect_uri", appRedirect, "code_verifier", strings.Repeat("x", 43)))
		refused("to another address", app.token(a, "grant_type", "authorization_code", "code", vic.code(a), "redirect_uri", appRedirect+"/x", "code_verifier", verifier))
		code := vic.code(a)
		third := app.exchange(a, code).given()
		refused("a code that was used", app.exchange(a, code))
		if status := s.reads(channel, third.Access); status != http.StatusUnauthorized {
			t.Errorf("the token of a code that came twice: %d", status)
		}
		// A new password ends what apps have.
		last := app.exchange(a, vic.code(a)).given()
		vic.post("/profile/password", "old", password, "password", newPassword).is(http.StatusSeeOther)
		if status := s.reads(channel, last.Access); status != http.StatusUnauthorized {
			t.Errorf("a token after a new password: %d", status)
		}
		refused("a refresh token after a new password", app.refresh(a, last.Refresh))
	})
}

// What a user is asked is answered by that user, and leads to the address that
// the admin has registered.
func TestConsentOfAnother(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		vic, eve, a := s.person("victim"), s.person("eve"), s.client()
		request := vic.get(a.ask()).leads().Query().Get("request")
		for _, c := range []*visitor{eve.visitor, s.visitor()} {
			if got := c.get("/consent?request=" + request); got.status == http.StatusOK && strings.Contains(got.body, "Allow Dashboard") {
				t.Error("another sees what the victim is asked")
			}
			got := c.post("/consent", "request", request, "answer", "allow").is(http.StatusNotFound, http.StatusUnauthorized, http.StatusSeeOther)
			if strings.Contains(got.header.Get("Location"), "app.example") {
				t.Error("another answers for the victim")
			}
		}
		for _, to := range []string{
			"https://evil.example/cb", appRedirect + "/", appRedirect + "?x=y", appRedirect + "#x", "https://app.example.evil.example/cb", "https://app.example@evil.example/cb", "http://app.example/cb", "https://APP.example/cb",
			"https://app.example/cb/../x", "https://app.example:444/cb", "//app.example/cb", "javascript:alert(1)", "",
		} {
			got := vic.get(a.ask("redirect_uri", to))
			if got.header.Get("Location") != "" || got.status != http.StatusBadRequest {
				t.Errorf("to %q: %d %v", to, got.status, got.header["Location"])
			}
		}
		for name, value := range map[string]string{"code_challenge": "", "code_challenge_method": "plain", "response_type": "token", "scope": "openid users.manage"} {
			if to := vic.get(a.ask(name, value)).leads(); to.Path == "/consent" || to.Query().Get("error") == "" || to.Query().Get("code") != "" {
				t.Errorf("%s=%q leads to %s", name, value, to)
			}
		}
		eve.post("/profile/access/" + a.id + "/revoke").is(http.StatusNotFound)
		vic.post("/consent", "request", request, "answer", "allow").is(http.StatusSeeOther)
		eve.post("/profile/access/" + a.id + "/revoke").is(http.StatusNotFound)
		vic.get("/profile/access").is(http.StatusOK).shows("Dashboard")
	})
}
