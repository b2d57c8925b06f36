package galeoidc_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/web"
)

// keys can be changed while the server runs.
type keys struct {
	mu      sync.Mutex
	signing galeoidc.SigningKey
	all     []galeoidc.VerifyingKey
}

func (k *keys) set(signing galeoidc.SigningKey, published ...galeoidc.SigningKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.signing, k.all = signing, nil
	for _, p := range append(published, signing) {
		k.all = append(k.all, galeoidc.VerifyingKey{ID: p.ID, Algorithm: p.Algorithm, Key: p.Signer.Public()})
	}
}

func (k *keys) Signing(context.Context) (galeoidc.SigningKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.signing, nil
}

func (k *keys) Verifying(context.Context) ([]galeoidc.VerifyingKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.all), nil
}

// TestKeyRotation: tokens of a key count until it is retired, also across
// algorithms, and a key of the wrong kind signs nothing.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	assert.NoError(t, err)
	first := galeoidc.SigningKey{ID: "1", Algorithm: "ES256", Signer: ec}
	second := galeoidc.SigningKey{ID: "2", Algorithm: "EdDSA", Signer: ed}
	k := &keys{}
	k.set(first)
	a := newApp(t, galesqlite.Driver(), func(o *galeoidc.Options) { o.Keys = k })
	c := galetest.Start(t, a, galetest.Options{TLS: true}).Client()
	client := a.register(t, nil)
	fetch := func() string {
		return ok(t, post(c, "/oauth/token", client, url.Values{"grant_type": {"client_credentials"}})).AccessToken
	}
	old := fetch()
	k.set(second, first)
	young := fetch()
	assert.True(t, active(t, c, client, old) && active(t, c, client, young), "a token is not active after a rotation")
	k.set(second)
	assert.True(t, !active(t, c, client, old), "a token of a retired key is active")
	assert.True(t, active(t, c, client, young), "a token of the current key is not active")
	// The kid of one key with the algorithm of another.
	k.set(galeoidc.SigningKey{ID: "2", Algorithm: "ES256", Signer: ec})
	assert.True(t, !active(t, c, client, young), "a key verifies by the algorithm of the token")
	for _, wrong := range []galeoidc.SigningKey{{ID: "3", Algorithm: "EdDSA", Signer: ec}, {ID: "3", Algorithm: "HS256", Signer: ec}} {
		k.set(wrong)
		refused(t, post(c, "/oauth/token", client, url.Values{"grant_type": {"client_credentials"}}), 500, "server_error")
		assert.True(t, !strings.Contains(c.Get("/oauth/jwks").Text(), `"kid"`), "a key of the wrong kind is published")
	}
}

// TestCraftedTokens: our own key under claims of another kind is not enough.
func TestCraftedTokens(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, err)
	k := &keys{}
	k.set(galeoidc.SigningKey{ID: "1", Algorithm: "ES256", Signer: ec})
	a := newApp(t, galesqlite.Driver(), func(o *galeoidc.Options) { o.Keys = k })
	c := galetest.Start(t, a, galetest.Options{TLS: true}).Client()
	client := a.register(t, nil)
	craft := func(typ string, claims map[string]any, change ...any) string {
		claims = maps.Clone(claims)
		for i := 0; i < len(change); i += 2 {
			claims[change[i].(string)] = change[i+1]
		}
		o := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", "1")
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: ec}, o)
		assert.NoError(t, err)
		payload, err := json.Marshal(claims)
		assert.NoError(t, err)
		signed, err := signer.Sign(payload)
		assert.NoError(t, err)
		token, err := signed.CompactSerialize()
		assert.NoError(t, err)
		return token
	}
	read := func(token string) (claims map[string]any) {
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		assert.NoError(t, err)
		assert.NoError(t, json.Unmarshal(payload, &claims))
		return claims
	}
	got := ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
	access, id := read(got.AccessToken), read(got.IDToken)
	assert.True(t, active(t, c, client, craft("at+jwt", access)), "the test crafts nothing that counts")
	assert.True(t, !active(t, c, client, craft("JWT", access)), "an ID token passes as an access token")
	assert.True(t, !active(t, c, client, craft("at+jwt", access, "iss", "https://evil.example")), "another issuer's token is active")
	assert.True(t, !active(t, c, client, craft("at+jwt", access, "jti", "x\x00.y")), "a strange jti is active")

	hinted := func(token string) string {
		return authorize(t, c, "ada", ask(client, "id_token_hint", token)).Query().Get("error")
	}
	assert.Equal(t, hinted(craft("JWT", id)), "")
	assert.Equal(t, hinted(craft("at+jwt", id)), "invalid_request")
	assert.Equal(t, hinted(craft("JWT", id, "iss", "https://evil.example")), "invalid_request")
	assert.Equal(t, hinted(craft("JWT", id, "aud", "another client")), "invalid_request")
	assert.Equal(t, hinted(craft("JWT", id, "sub", "")), "invalid_request")
}

// TestRingKeys: the same ring has the same keys, another has others.
func TestRingKeys(t *testing.T) {
	t.Parallel()
	open := func(set keyring.Set) galeoidc.SigningKeys {
		ring, err := keyring.Open(t.Context(), keyring.Options{Source: keyring.Text(set.Text())})
		assert.NoError(t, err)
		return galeoidc.RingKeys(ring)
	}
	set := keyring.NewSet(time.Now())
	one, err := open(set).Signing(t.Context())
	assert.NoError(t, err)
	same, err := open(set).Signing(t.Context())
	assert.NoError(t, err)
	other, err := open(keyring.NewSet(time.Now())).Signing(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, one.ID, same.ID)
	assert.True(t, one.ID != other.ID, "two rings have one key")
	all, err := open(set).Verifying(t.Context())
	assert.NoError(t, err)
	public, good := one.Signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	assert.True(t, good && len(all) == 1 && all[0].ID == one.ID && public.Equal(all[0].Key), "the key is not published")
	assert.Panics(t, func() { galeoidc.RingKeys(nil) })
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	a := newApp(t, galesqlite.Driver(), nil)
	build := func(issuer string) error {
		_, err := galeoidc.New(galeoidc.Options{
			Issuer: issuer, Keys: galeoidc.RingKeys(a.ring), Store: a.store, Users: a.users,
			LoginURL: func(string, bool) string { return "" }, ConsentURL: func(string) string { return "" },
		})
		return err
	}
	for _, good := range []string{"https://a.example", "https://a.example/oauth", "http://127.0.0.1:8080/oauth", "http://localhost", "http://a.localhost:8080", "http://[::1]:80"} {
		assert.NoError(t, build(good))
	}
	for _, bad := range []string{
		"", "a.example", "http://a.example", "http://localhost.evil.example", "https://a.example/", "https://a.example/?x", "https://a.example?",
		"https://a.example#", "https://u@a.example", "ftp://a.example", "https://", "//a.example",
	} {
		assert.True(t, build(bad) != nil, bad+" was accepted")
	}
	assert.Panics(t, func() { _, _ = galeoidc.New(galeoidc.Options{Issuer: "https://a.example"}) })
	assert.Panics(t, func() { galeoidc.NewStore(nil) })
}

// TestRegistration: what a stranger may register is checked.
func TestRegistration(t *testing.T) {
	t.Parallel()
	a := newApp(t, galesqlite.Driver(), nil)
	for name, change := range map[string]func(*galeoidc.Client){
		"no name":        func(c *galeoidc.Client) { c.Name = " " },
		"long name":      func(c *galeoidc.Client) { c.Name = strings.Repeat("é", 101) },
		"turned name":    func(c *galeoidc.Client) { c.Name = "Bank\u202e" },
		"NUL":            func(c *galeoidc.Client) { c.Name = "a\x00" },
		"no address":     func(c *galeoidc.Client) { c.RedirectURIs = nil },
		"http":           func(c *galeoidc.Client) { c.RedirectURIs = []string{"http://a.example/"} },
		"not a host":     func(c *galeoidc.Client) { c.RedirectURIs = []string{"http://localhost.evil.example/"} },
		"fragment":       func(c *galeoidc.Client) { c.RedirectURIs = []string{"https://a.example/#"} },
		"user":           func(c *galeoidc.Client) { c.RedirectURIs = []string{"https://u@a.example/"} },
		"a policy":       func(c *galeoidc.Client) { c.RedirectURIs = []string{"https://a.example;script-src/"} },
		"wildcard":       func(c *galeoidc.Client) { c.RedirectURIs = []string{"https://*.a.example/"} },
		"two in one":     func(c *galeoidc.Client) { c.RedirectURIs = []string{"https://a.example/ https://b.example/"} },
		"script":         func(c *galeoidc.Client) { c.RedirectURIs = []string{"javascript:alert(1)"} },
		"scheme":         func(c *galeoidc.Client) { c.RedirectURIs = []string{"com.example.app:/cb"} }, // not public
		"simple scheme":  func(c *galeoidc.Client) { public(c); c.RedirectURIs = []string{"myapp:/cb"} },
		"many":           func(c *galeoidc.Client) { c.RedirectURIs = slices.Repeat([]string{redirect}, 21) },
		"password":       func(c *galeoidc.Client) { c.GrantTypes = []string{"password"} },
		"no secret":      func(c *galeoidc.Client) { c.Public = true },
		"asks in public": func(c *galeoidc.Client) { public(c); c.Introspects = true },
		"refresh alone":  func(c *galeoidc.Client) { c.GrantTypes = []string{galeoidc.RefreshToken} },
		"two scopes":     func(c *galeoidc.Client) { c.Scopes = []string{"read write"} },
		"quote":          func(c *galeoidc.Client) { c.Scopes = []string{`re"ad`} },
	} {
		c := galeoidc.Client{
			Name: "Client", RedirectURIs: []string{redirect}, Scopes: []string{"read"},
			GrantTypes: []string{galeoidc.AuthorizationCode, galeoidc.ClientCredentials},
		}
		change(&c)
		_, _, err := a.store.CreateClient(t.Context(), c)
		var refusal *web.Error
		assert.True(t, errors.As(err, &refusal) && refusal.Status == http.StatusUnprocessableEntity, name+" was accepted")
	}
	made, secret, err := a.store.CreateClient(t.Context(), galeoidc.Client{Name: " Café ", RedirectURIs: []string{redirect}, Scopes: []string{"read"}, CreatedBy: "ada"})
	assert.NoError(t, err)
	assert.True(t, len(secret) >= 43, "the secret is short")
	read, err := a.store.Client(t.Context(), made.ID)
	assert.NoError(t, err)
	assert.Equal(t, read.Name, "Café")
	assert.True(t, read.Created.Equal(made.Created), "the time differs")
	mine, err := a.store.Clients(t.Context(), "bob")
	assert.NoError(t, err)
	assert.Equal(t, len(mine), 0)
}

// TestEnd: what has ended leaves no rows, and a client takes all with it.
func TestEnd(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		got := ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
		assert.NoError(t, a.store.RevokeUser(t.Context(), "bob"))
		assert.True(t, active(t, c, client, got.AccessToken), "another user's tokens were revoked")
		waiting := code(t, c, "ada", ask(client))
		assert.NoError(t, a.store.RevokeUser(t.Context(), "ada"))
		assert.True(t, !active(t, c, client, got.AccessToken), "a token outlives RevokeUser")
		refused(t, exchange(c, client, waiting), 400, "invalid_grant")

		got = ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
		assert.NoError(t, a.store.DeleteExpired(t.Context(), a.clock.Now()))
		assert.True(t, active(t, c, client, got.RefreshToken), "a living token was removed")
		resource := a.register(t, func(c *galeoidc.Client) { c.Introspects = true })
		assert.NoError(t, a.store.DeleteClient(t.Context(), client.ID))
		assert.ErrorIs(t, a.store.DeleteClient(t.Context(), client.ID), galeoidc.ErrNoClient)
		assert.True(t, !active(t, c, resource, got.AccessToken), "a token outlives its client")
		assert.True(t, !active(t, c, resource, got.RefreshToken), "a refresh token outlives its client")
		refused(t, refresh(c, client, got.RefreshToken), 401, "invalid_client")
		grants, err := a.store.Grants(t.Context(), "ada")
		assert.NoError(t, err)
		assert.Equal(t, len(grants), 0)
	})
}

// TestDeleteExpired: each table is swept, when its time has come.
func TestDeleteExpired(t *testing.T) {
	t.Parallel()
	d := galetest.DB(t, galetest.DBOptions{Driver: galesqlite.Driver()})
	for _, statement := range []string{
		galeoidc.Schema,
		`INSERT INTO oauth_requests VALUES ('id', 'c', 'u', '', '', '', '', '', 0, 0, 1000)`,
		`INSERT INTO oauth_codes VALUES ('h', 'f', 'c', 'u', '', '', '', '', 0, 1000, 0)`,
		`INSERT INTO oauth_families VALUES ('f', 'c', 'u', '', 0, 1000, 0)`,
		`INSERT INTO oauth_refresh VALUES ('h', 'f', 1000, 0)`,
		`INSERT INTO oauth_revoked VALUES ('j', 1000)`,
	} {
		_, err := d.Exec(t.Context(), statement)
		assert.NoError(t, err)
	}
	count := func() string {
		var left []string
		for _, table := range []string{"requests", "codes", "families", "refresh", "revoked"} {
			rows, err := d.Query(t.Context(), "SELECT 1 FROM oauth_"+table)
			assert.NoError(t, err)
			if rows.Next() {
				left = append(left, table)
			}
			rows.Close()
		}
		return strings.Join(left, " ")
	}
	s := galeoidc.NewStore(d)
	assert.NoError(t, s.DeleteExpired(t.Context(), time.UnixMilli(999)))
	assert.Equal(t, count(), "requests codes families refresh revoked")
	assert.NoError(t, s.DeleteExpired(t.Context(), time.UnixMilli(1000)))
	assert.Equal(t, count(), "codes families revoked") // a second use must be seen
	assert.NoError(t, s.DeleteExpired(t.Context(), time.UnixMilli(1000).Add(30*time.Second-time.Millisecond)))
	assert.Equal(t, count(), "codes families revoked") // verifiers accept the token until then
	assert.NoError(t, s.DeleteExpired(t.Context(), time.UnixMilli(1000).Add(30*time.Second)))
	assert.Equal(t, count(), "codes families")
	_, err := d.Exec(t.Context(), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10001)
		INSERT INTO oauth_refresh SELECT 'h' || i, 'f', 1000, 0 FROM n`)
	assert.NoError(t, err)
	assert.NoError(t, s.DeleteExpired(t.Context(), time.UnixMilli(1000)))
	assert.Equal(t, count(), "codes families") // however much it was
	assert.NoError(t, s.DeleteExpired(t.Context(), time.UnixMilli(1000).Add(24*time.Hour)))
	assert.Equal(t, count(), "")
}
