package app_test

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
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/keyring"
)

// jwt makes a token of any header and claims, without scruples.
func jwt(t *testing.T, header, claims map[string]any, sign func(input []byte) []byte) string {
	t.Helper()
	var parts []string
	for _, part := range []map[string]any{header, claims} {
		raw, err := json.Marshal(part)
		assert.NoError(t, err)
		parts = append(parts, base64.RawURLEncoding.EncodeToString(raw))
	}
	input := strings.Join(parts, ".")
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

// es256 signs as RFC 7518, section 3.4, says.
func es256(t *testing.T, key any) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
		assert.NoError(t, err)
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

// decode reads the claims of a token.
func decode(t *testing.T, access string) (claims map[string]any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(access, ".")[1])
	assert.NoError(t, err)
	assert.NoError(t, json.Unmarshal(raw, &claims))
	return claims
}

// changed returns a copy with names and values in turn; nil removes.
func changed(m map[string]any, pairs ...any) map[string]any {
	m = maps.Clone(m)
	for i := 0; i < len(pairs); i += 2 {
		if m[pairs[i].(string)] = pairs[i+1]; pairs[i+1] == nil {
			delete(m, pairs[i].(string))
		}
	}
	return m
}

// No token is accepted but those that the server has made for the API.
func TestForgedTokens(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		got := s.allow(ada, a)
		key, err := galeoidc.RingKeys(s.keys.ring).Signing(t.Context())
		assert.NoError(t, err)
		claims := decode(t, got.Access)
		header := map[string]any{"alg": "ES256", "kid": key.ID, "typ": "at+jwt"}
		good := es256(t, key.Signer)
		assert.Equal(t, s.reads(jwt(t, header, claims, good)), http.StatusOK) // so that the others fail for what they are

		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		assert.NoError(t, err)
		der, err := x509.MarshalPKIXPublicKey(key.Signer.Public())
		assert.NoError(t, err)
		asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		// A ring of somebody else, and the keys of the same ring for another purpose.
		ring, err := keyring.Open(t.Context(), keyring.Options{Source: keyring.Text(keyring.NewSet(s.clock.Now()).Text())})
		assert.NoError(t, err)
		foreign, err := galeoidc.RingKeys(ring).Signing(t.Context())
		assert.NoError(t, err)
		issuer := token.NewIssuer(token.IssuerOptions{
			Issuer: public + "/oauth", Keys: token.NewRingKeys(token.RingOptions{Ring: s.keys.ring}), Clock: s.clock.Now,
		})
		cousin, err := issuer.Issue(token.Access{Subject: claims["sub"].(string), ClientID: a.id, Audience: []string{public + "/api/v1"}, Scopes: []string{"packets.read"}})
		assert.NoError(t, err)
		now := s.clock.Now()
		none := func([]byte) []byte { return nil }
		parts := strings.Split(got.Access, ".")
		for name, forged := range map[string]string{
			"alg none":               jwt(t, changed(header, "alg", "none"), claims, none),
			"alg None":               jwt(t, changed(header, "alg", "None"), claims, none),
			"no alg":                 jwt(t, changed(header, "alg", nil), claims, good),
			"HS256 with DER":         jwt(t, changed(header, "alg", "HS256"), claims, hs256(der)),
			"HS256 with PEM":         jwt(t, changed(header, "alg", "HS256"), claims, hs256(asPEM)),
			"ES384":                  jwt(t, changed(header, "alg", "ES384"), claims, good),
			"no signature":           parts[0] + "." + parts[1] + ".",
			"zeros as signature":     jwt(t, header, claims, func([]byte) []byte { return make([]byte, 64) }),
			"another key":            jwt(t, header, claims, es256(t, other)),
			"unknown kid":            jwt(t, changed(header, "kid", "x"), claims, good),
			"no kid":                 jwt(t, changed(header, "kid", nil), claims, good),
			"a kid that is a path":   jwt(t, changed(header, "kid", "../../dev/null"), claims, hs256(nil)),
			"another ring":           jwt(t, changed(header, "kid", foreign.ID), claims, es256(t, foreign.Signer)),
			"another ring, our kid":  jwt(t, header, claims, es256(t, foreign.Signer)),
			"auth/token, same ring":  cousin.Token,
			"jku":                    jwt(t, changed(header, "jku", "https://evil.example/jwks"), claims, good),
			"jwk":                    jwt(t, changed(header, "jwk", map[string]any{"kty": "EC"}), claims, good),
			"crit":                   jwt(t, changed(header, "crit", []string{"exp"}), claims, good),
			"an ID token":            got.ID,
			"typ JWT":                jwt(t, changed(header, "typ", "JWT"), claims, good),
			"no typ":                 jwt(t, changed(header, "typ", nil), claims, good),
			"a refresh token":        got.Refresh,
			"issuer":                 jwt(t, header, changed(claims, "iss", "https://evil.example/oauth"), good),
			"issuer with a slash":    jwt(t, header, changed(claims, "iss", public+"/oauth/"), good),
			"audience":               jwt(t, header, changed(claims, "aud", []string{"https://other.example/api"}), good),
			"the app as audience":    jwt(t, header, changed(claims, "aud", a.id), good),
			"the issuer as audience": jwt(t, header, changed(claims, "aud", public+"/oauth"), good),
			"no audience":            jwt(t, header, changed(claims, "aud", nil), good),
			"expired":                jwt(t, header, changed(claims, "exp", now.Add(-time.Minute).Unix()), good),
			"no end":                 jwt(t, header, changed(claims, "exp", nil), good),
			"end as text":            jwt(t, header, changed(claims, "exp", "never"), good),
			"not yet":                jwt(t, header, changed(claims, "nbf", now.Add(time.Hour).Unix()), good),
			"of tomorrow":            jwt(t, header, changed(claims, "iat", now.Add(24*time.Hour).Unix()), good),
			"no subject":             jwt(t, header, changed(claims, "sub", nil), good),
			"nobody":                 jwt(t, header, changed(claims, "sub", "nobody"), good),
			"no app":                 jwt(t, header, changed(claims, "client_id", nil), good),
			"the user as app":        jwt(t, header, changed(claims, "client_id", claims["sub"]), good),
			"unknown family":         jwt(t, header, changed(claims, "jti", "none.1"), good),
			"jti of no form":         jwt(t, header, changed(claims, "jti", "\x00"), good),
			"unknown app itself":     jwt(t, header, changed(claims, "jti", "1", "sub", "none", "client_id", "none"), good),
			"no jti":                 jwt(t, header, changed(claims, "jti", nil), good),
			"dots":                   "..",
			"long":                   strings.Repeat("a", 9000) + ".b.c",
			"a line end":             parts[0] + "." + parts[1] + "." + parts[2] + "=",
		} {
			r := s.Stranger().Bearer(forged).Get(closedPath)
			if r.Raw.StatusCode != http.StatusUnauthorized || r.Header("Www-Authenticate") == "" {
				t.Errorf("%s: the API answers %d", name, r.Raw.StatusCode)
			}
		}

		// Where a token does not belong, and in company.
		s.Stranger().Get(closedPath + "?access_token=" + got.Access).Status(http.StatusBadRequest)
		s.Stranger().With("Authorization", "Basic "+got.Access).Get(closedPath).Status(http.StatusNotFound)
		s.Stranger().Bearer(got.Access).With("X-Api-Key", "pkt_x").Get(closedPath).Status(http.StatusUnauthorized)
		ada.Bearer("x.y.z").Get(closedPath).Status(http.StatusUnauthorized) // the session does not step in
	})
}

// Keys are rotated while tokens are in use; those of a retired key are over.
func TestOAuthKeyRotation(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		got := s.allow(ada, a)
		before, _ := s.keys.set.Current(keyring.Tokens, time.Now())
		s.keys.change(t, func(set keyring.Set) keyring.Set {
			set, _ = set.Rotate(keyring.Tokens, s.clock.Now().Add(time.Second))
			return set
		})
		assert.Equal(t, s.reads(got.Access), http.StatusOK)
		young := s.given(s.refresh(a, got.Refresh))
		assert.Equal(t, s.reads(young.Access), http.StatusOK)
		s.keys.change(t, func(set keyring.Set) keyring.Set {
			set, err := set.Mark(before.ID, keyring.Retired)
			assert.NoError(t, err)
			return set
		})
		assert.Equal(t, s.reads(got.Access), http.StatusUnauthorized)
		assert.Equal(t, s.reads(young.Access), http.StatusOK)
		assert.Equal(t, s.reads(s.given(s.refresh(a, young.Refresh)).Access), http.StatusOK)
	})
}

// A code goes to the address that is registered, letter by letter, and no error
// to any other.
func TestOAuthRedirects(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		s.code(ada, a)
		for _, evil := range []string{
			"https://evil.example/cb", appRedirect + "/", appRedirect + "?x", appRedirect + "#x", appRedirect + "/../cb", "https://app.example.evil.example/cb",
			"https://app.example@evil.example/cb", "https://APP.example/cb", "http://app.example/cb", "//app.example/cb", "/profile", "javascript:alert(1)", "",
		} {
			for _, c := range []*galetest.Client{ada, s.Stranger().Browser()} {
				r := c.Get(a.ask("redirect_uri", evil)).Status(http.StatusBadRequest)
				assert.Equal(t, r.Header("Location"), "")
			}
			if evil != "" {
				s.refused(s.exchange(a, s.code(ada, a), "redirect_uri", evil), http.StatusBadRequest, "invalid_grant")
			}
		}
		s.refused(s.exchange(a, s.code(ada, a), "code_verifier", verifier+"x"), http.StatusBadRequest, "invalid_grant")
		assert.Equal(t, location(ada.Get(a.ask("code_challenge", "", "code_challenge_method", ""))).Query().Get("error"), "invalid_request")
		b := s.register(ada)
		s.refused(s.exchange(b, s.code(ada, a)), http.StatusBadRequest, "invalid_grant") // another app's code
		s.refused(s.exchange(oauthApp{a.id, "wrong"}, s.code(ada, a)), http.StatusUnauthorized, "invalid_client")
	})
}

// Nobody answers for somebody else: not by another's request, not by a page of
// another site, not with a key or a token.
func TestOAuthConsentIsOnesOwn(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		key, _ := s.key(ada, "answering")
		s.user("eve", models.Viewer)
		eve := s.signIn("eve")
		for _, choice := range []string{"deny", "allow"} {
			id := s.asked(ada, a)
			eve.Get("/consent?request=" + id).Status(http.StatusNotFound).Contains("This request is over")
			answer(eve, id, choice).Status(http.StatusNotFound)
			answer(s.Stranger().Browser(), id, choice).Status(http.StatusUnauthorized)
			answer(s.Stranger().Bearer(key), id, choice).Status(http.StatusForbidden)
			answer(s.Stranger().Bearer(s.given(s.own(a)).Access), id, choice).Status(http.StatusForbidden)
			cross := ada.With("Sec-Fetch-Site", "cross-site").With("Origin", "https://evil.example")
			answer(cross, id, choice).Status(http.StatusForbidden)
			answer(ada.With("Sec-Fetch-Site", "same-site"), id, choice).Status(http.StatusForbidden)
			ada.Get("/consent?request=" + id + "&answer=allow").Status(http.StatusOK) // looking is not answering
			assert.Equal(t, location(answer(ada, id, choice)).Host, "app.example")
		}
		// A link to somebody's page, sent to another, is that other's to answer for nobody.
		id := s.asked(eve, a)
		answer(ada, id, "allow").Status(http.StatusNotFound)
		assert.Equal(t, location(ada.Get("/oauth/authorize/resume?request="+id)).Query().Get("error"), "login_required")

		// Pages of apps post where their apps do, and nowhere else.
		page := s.Stranger().Browser().With("Sec-Fetch-Site", "cross-site").With("Origin", "https://app.example")
		for _, path := range []string{"/oauth/token", "/oauth/revoke", "/oauth/introspect"} {
			r := page.Post(path, url.Values{"client_id": {a.id}, "token": {"x"}, "grant_type": {"refresh_token"}})
			r.Status(http.StatusUnauthorized).HasHeader("Access-Control-Allow-Origin", "*").HasHeader("Access-Control-Allow-Credentials", "")
		}
		for _, path := range []string{"/oauth/authorize", "/oauth/token/", "/oauth//token", "/admin/clients", "/profile/access/" + a.id + "/revoke", "/sign-in"} {
			r := page.Post(path, url.Values{})
			assert.True(t, r.Raw.StatusCode == http.StatusForbidden, path+" takes posts of other sites")
		}
	})
}

// An app gets no more than it is registered for, was allowed, or its user has.
func TestOAuthScopes(t *testing.T) {
	onEach(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		a := s.register(ada)
		for _, scope := range []string{"channels.manage", "packets.read channels.manage", "users.manage", "keys.manage", "audit.read", "*", "packets.read\tusers.manage"} {
			u := location(ada.Get(a.ask("scope", scope)))
			assert.True(t, u.Query().Get("code") == "" && u.Path != "/consent", scope+" may be asked for")
		}
		got := s.allow(ada, a, "scope", "openid offline_access packets.read")
		for _, scope := range []string{"packets.send", "packets.read packets.send", "users.manage"} {
			s.refused(s.refresh(a, got.Refresh, "scope", scope), http.StatusBadRequest, "invalid_scope")
		}
		less := s.given(s.refresh(a, got.Refresh, "scope", "openid"))
		assert.Equal(t, s.reads(less.Access), http.StatusNotFound)
		// More than before is asked for again, and said.
		id := s.asked(ada, a, "scope", "openid packets.send")
		ada.Get("/consent?request=" + id).Contains("send packets in your name")

		// A viewer cannot give what a viewer has not.
		s.user("vera", models.Viewer)
		c := s.Stranger().Bearer(s.allow(s.signIn("vera"), a, "scope", "packets.read packets.send").Access)
		c.Get(closedPath).Status(http.StatusOK)
		c.Do(onePacket(c, "open")).Status(http.StatusForbidden)
	})
}

// An access token opens what a key with its scopes opens, on every route.
func TestAccessOfTokens(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		ada := s.signIn("ada")
		all := appForm()
		all["scopes"] = []string{"packets.read", "packets.send", "channels.manage"}
		page := ada.Post("/admin/clients", all).Status(http.StatusCreated).Text()
		a := oauthApp{clientID.FindStringSubmatch(page)[1], clientSecret.FindStringSubmatch(page)[1]}
		for _, bearer := range []string{
			s.allow(ada, a, "scope", "packets.read packets.send channels.manage").Access,
			s.given(s.own(a)).Access,
		} {
			c := s.Stranger().Bearer(bearer)
			for _, row := range access {
				method, _, ok := strings.Cut(row.pattern, " ")
				if !ok {
					method = http.MethodGet
				}
				const byKey = 4
				if strings.HasSuffix(row.path, "/userinfo") {
					continue // has its own tests
				}
				if got := c.Do(c.NewRequest(method, row.path, row.body)).Raw.StatusCode; got != row.want[byKey] {
					t.Errorf("%s %s: %d, and %d by key", method, row.path, got, row.want[byKey])
				}
			}
		}
	}, withProvider)
}

// Nobody fills the database with requests, or keeps it busy with guesses.
func TestOAuthFloods(t *testing.T) {
	onSQLite(t, func(t *testing.T, s *site) {
		s.furnish()
		a := s.register(s.signIn("ada"))
		visitor := func(addr string) *galetest.Client { return s.Stranger().With("X-Forwarded-For", addr) }
		status := func(c *galetest.Client, n int, send func(c *galetest.Client) *galetest.Response) (last int) {
			for range n {
				last = send(c).Raw.StatusCode
			}
			return last
		}
		asks := func(c *galetest.Client) *galetest.Response { return c.Get(a.ask()) }
		assert.Equal(t, status(visitor("198.51.100.1"), 60, asks), http.StatusFound)
		assert.Equal(t, status(visitor("198.51.100.1"), 1, asks), http.StatusTooManyRequests)
		assert.Equal(t, status(visitor("198.51.100.2"), 1, asks), http.StatusFound)
		guesses := func(c *galetest.Client) *galetest.Response {
			r := c.NewRequest(http.MethodPost, "/oauth/token", url.Values{"grant_type": {"client_credentials"}})
			r.SetBasicAuth(a.id, "a guess")
			return c.Do(r)
		}
		assert.Equal(t, status(visitor("198.51.100.1"), 300, guesses), http.StatusUnauthorized)
		assert.Equal(t, status(visitor("198.51.100.1"), 1, guesses), http.StatusTooManyRequests)
		assert.Equal(t, status(visitor("198.51.100.2"), 1, guesses), http.StatusUnauthorized)
	}, behindProxy, countedByClock)
}
