package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

func TestATokenSaysWhatItWasMadeFor(t *testing.T) {
	t.Parallel()
	for _, alg := range []token.Algorithm{token.ES256, token.EdDSA} {
		s := newSite(t, alg)
		issued, err := s.issuer.Issue(access())
		assert.NoError(t, err)
		for range 3 { // from the second time on from the cache
			c, err := s.verifier.Verify(t.Context(), issued.Token)
			assert.NoError(t, err)
			assert.Equal(t, c.Issuer, iss)
			assert.Equal(t, c.Subject, "alice")
			assert.Equal(t, c.ClientID, "app")
			assert.Equal(t, c.ID, issued.ID)
			assert.Equal(t, c.Audience, []string{aud})
			assert.Equal(t, c.Scopes, []string{"posts.read", "posts.write"})
			assert.Equal(t, c.Issued, start)
			assert.Equal(t, c.Expires, start.Add(10*time.Minute))
			assert.Equal(t, c.Expires, issued.Expires)
			assert.Equal(t, c.Authenticated, start.Add(-time.Minute))
			assert.True(t, c.HasScope("posts.write") && !c.HasScope("posts"), "scopes")
			var own struct {
				Tenant string `json:"tenant"`
			}
			assert.NoError(t, c.Decode(&own))
			assert.Equal(t, own.Tenant, "acme")
			c.Scopes[0], c.Audience[0] = "admin", "elsewhere" // must not stay in the cache
		}
		var h map[string]string
		assert.NoError(t, json.Unmarshal([]byte(headerOf(t, issued.Token)), &h))
		key, err := s.keys.SigningKey()
		assert.NoError(t, err)
		assert.Equal(t, h, map[string]string{"alg": string(alg), "kid": key.ID(), "typ": "at+jwt"})
		assert.True(t, !strings.Contains(fmt.Sprintf("%v %+v %#v", issued, issued, issued), issued.Token), "the token is printed")
	}
}

func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	for name, spoil := range map[string]func(*token.Access){
		"no subject":     func(a *token.Access) { a.Subject = "" },
		"no client":      func(a *token.Access) { a.ClientID = "" },
		"no audience":    func(a *token.Access) { a.Audience = nil },
		"empty audience": func(a *token.Access) { a.Audience = []string{aud, ""} },
		"two scopes":     func(a *token.Access) { a.Scopes = []string{"read admin"} },
		"empty scope":    func(a *token.Access) { a.Scopes = []string{""} },
		"other sub":      func(a *token.Access) { a.Extra = map[string]any{"sub": "root"} },
		"own scope":      func(a *token.Access) { a.Scopes, a.Extra = nil, map[string]any{"scope": "admin"} },
		"never ends":     func(a *token.Access) { a.Extra = map[string]any{"exp": 1 << 40} },
		"too large":      func(a *token.Access) { a.Extra = map[string]any{"x": strings.Repeat("x", 8<<10)} },
		"no JSON":        func(a *token.Access) { a.Extra = map[string]any{"x": func() {}} },
	} {
		a := access()
		spoil(&a)
		_, err := s.issuer.Issue(a)
		assert.True(t, err != nil, name)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.EdDSA)
	jwt := s.issue()
	try := func(want error) {
		t.Helper()
		for _, v := range []*token.Verifier{s.verifier, s.verify(token.VerifierOptions{CacheBytes: -1})} {
			_, err := v.Verify(t.Context(), jwt)
			if want == nil {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, want)
			}
		}
	}
	try(nil)
	s.clock.Advance(10*time.Minute + 30*time.Second - 1)
	try(nil) // within the leeway
	s.clock.Advance(1)
	try(token.ErrExpired)

	s = newSite(t, token.EdDSA)
	s.clock.Advance(30 * time.Second)
	jwt = s.issue()
	early := newSite(t, token.EdDSA) // a service whose clock is 30 s behind
	early.keys = s.keys
	_, err := early.verify(token.VerifierOptions{}).Verify(t.Context(), jwt)
	assert.NoError(t, err)
	s.clock.Advance(time.Second)
	_, err = early.verify(token.VerifierOptions{}).Verify(t.Context(), s.issue())
	assert.ErrorIs(t, err, token.ErrNotYetValid)
}

func TestRotationAndRetirement(t *testing.T) {
	t.Parallel()
	for _, alg := range []token.Algorithm{token.ES256, token.EdDSA} {
		s := newSite(t, alg)
		first := s.issue()
		verify := func(jwt string) error {
			_, err := s.verifier.Verify(t.Context(), jwt)
			return err
		}
		assert.NoError(t, verify(first))
		old := s.set.Keys()[0].ID

		// Shown before it signs.
		set, _ := s.set.Rotate(keyring.Tokens, start.Add(10*time.Minute))
		s.use(set)
		all, err := s.keys.VerifyKeys()
		assert.NoError(t, err)
		assert.Equal(t, len(all), 2)
		assert.Equal(t, headerOf(t, s.issue()), headerOf(t, first))

		s.clock.Advance(10 * time.Minute)
		second := s.issue()
		assert.True(t, headerOf(t, second) != headerOf(t, first), "the new key does not sign")
		assert.NoError(t, verify(first))
		assert.NoError(t, verify(second))

		// Retired, it verifies nothing, whatever is in the cache.
		set, err = s.set.Mark(old, keyring.Retired)
		assert.NoError(t, err)
		s.use(set)
		assert.ErrorIs(t, verify(first), token.ErrUnknownKey)
		assert.NoError(t, verify(second))
	}
}

func TestEveryInstanceDerivesTheSameKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	for _, alg := range []token.Algorithm{token.ES256, token.EdDSA} {
		a, err := token.NewRingKeys(token.RingOptions{Ring: s.ring, Algorithm: alg}).SigningKey()
		assert.NoError(t, err)
		b, err := token.NewRingKeys(token.RingOptions{Ring: s.ring, Algorithm: alg}).SigningKey()
		assert.NoError(t, err)
		assert.Equal(t, a.ID(), b.ID())
		assert.Equal(t, len(a.ID()), 43)
		assert.Contains(t, fmt.Sprintf("%v %#v", a, a), a.ID())
	}
}

func pemOf(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	assert.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestKeysInPEM(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	assert.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(ec)
	assert.NoError(t, err)
	before, err := token.ParsePEM(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))
	assert.NoError(t, err)
	after, err := token.ParsePEM([]byte(pemOf(t, ed) + "a comment\n" + pemOf(t, ec)))
	assert.NoError(t, err)

	s := newSite(t, token.ES256)
	v := s.verify(token.VerifierOptions{Keys: after})
	for _, keys := range []*token.PEMKeys{before, after} {
		issued, err := token.NewIssuer(token.IssuerOptions{Issuer: iss, Keys: keys, Clock: s.clock.Now}).Issue(access())
		assert.NoError(t, err)
		_, err = v.Verify(t.Context(), issued.Token)
		assert.NoError(t, err)
	}
}

func TestBadPEM(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	assert.NoError(t, err)
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	assert.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(weak.Public())
	assert.NoError(t, err)
	for name, text := range map[string]string{
		"empty":   "",
		"no PEM":  "-----BEGIN",
		"P-384":   pemOf(t, p384),
		"RSA":     pemOf(t, weak),
		"public":  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"damaged": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("hunter2")})),
	} {
		_, err := token.ParsePEM([]byte(text))
		assert.True(t, err != nil && !strings.Contains(err.Error(), "hunter2"), name)
	}
	_, err = token.NewKey((*ecdsa.PrivateKey)(nil))
	assert.True(t, err != nil, "nil key")
	_, err = token.NewKey(ed25519.PrivateKey("short"))
	assert.True(t, err != nil, "short key")
}

// publicKeys is a source that cannot sign.
type publicKeys []*token.Key

func (p publicKeys) SigningKey() (*token.Key, error)   { return p[0], nil }
func (p publicKeys) VerifyKeys() ([]*token.Key, error) { return p, nil }

func TestAKeyThatOnlyVerifies(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, err)
	private, err := token.NewKey(ec)
	assert.NoError(t, err)
	public, err := token.NewVerifyKey(private.ID(), token.ES256, ec.Public())
	assert.NoError(t, err)
	s := newSite(t, token.ES256)
	v := s.verify(token.VerifierOptions{Keys: publicKeys{public}})
	issuer := func(keys token.KeySource) *token.Issuer {
		return token.NewIssuer(token.IssuerOptions{Issuer: iss, Keys: keys, Clock: s.clock.Now})
	}
	issued, err := issuer(publicKeys{private}).Issue(access())
	assert.NoError(t, err)
	_, err = v.Verify(t.Context(), issued.Token)
	assert.NoError(t, err)
	_, err = issuer(publicKeys{public}).Issue(access())
	assert.True(t, err != nil, "a public key signs")

	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	assert.NoError(t, err)
	for name, of := range map[string]func() (*token.Key, error){
		"no id":           func() (*token.Key, error) { return token.NewVerifyKey("", token.ES256, ec.Public()) },
		"another kind":    func() (*token.Key, error) { return token.NewVerifyKey("1", token.EdDSA, ec.Public()) },
		"a private key":   func() (*token.Key, error) { return token.NewVerifyKey("1", token.ES256, ec) },
		"none":            func() (*token.Key, error) { return token.NewVerifyKey("1", "none", ec.Public()) },
		"a shared secret": func() (*token.Key, error) { return token.NewVerifyKey("1", "HS256", []byte("secret")) },
		"RSA as ES256":    func() (*token.Key, error) { return token.NewVerifyKey("1", token.ES256, weak.Public()) },
	} {
		_, err := of()
		assert.True(t, err != nil, name)
	}
}

func TestWiring(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	good := func() token.VerifierOptions {
		return token.VerifierOptions{Issuer: iss, Audience: aud, Keys: s.keys}
	}
	for name, f := range map[string]func(){
		"no issuer":       func() { o := good(); o.Issuer = ""; token.NewVerifier(o) },
		"no audience":     func() { o := good(); o.Audience = ""; token.NewVerifier(o) },
		"no keys":         func() { o := good(); o.Keys = nil; token.NewVerifier(o) },
		"keys and URL":    func() { o := good(); o.JWKS = "https://x.example"; token.NewVerifier(o) },
		"none":            func() { o := good(); o.Algorithms = []token.Algorithm{"none"}; token.NewVerifier(o) },
		"HS256":           func() { o := good(); o.Algorithms = []token.Algorithm{"HS256"}; token.NewVerifier(o) },
		"leeway":          func() { o := good(); o.Leeway = time.Hour; token.NewVerifier(o) },
		"plain http":      func() { o := good(); o.Keys, o.JWKS = nil, "http://id.example.com/jwks"; token.NewVerifier(o) },
		"file":            func() { o := good(); o.Keys, o.JWKS = nil, "file:///etc/keys"; token.NewVerifier(o) },
		"password in URL": func() { o := good(); o.Keys, o.JWKS = nil, "https://u:p@id.example.com/"; token.NewVerifier(o) },
		"issuer's name":   func() { token.NewIssuer(token.IssuerOptions{Keys: s.keys}) },
		"issuer's keys":   func() { token.NewIssuer(token.IssuerOptions{Issuer: iss}) },
		"issuer's time":   func() { token.NewIssuer(token.IssuerOptions{Issuer: iss, Keys: s.keys, Lifetime: 48 * time.Hour}) },
		"no ring":         func() { token.NewRingKeys(token.RingOptions{}) },
		"ring with RS256": func() { token.NewRingKeys(token.RingOptions{Ring: s.ring, Algorithm: token.RS256}) },
		"no JWKS":         func() { token.JWKS(nil) },
		"no verifier":     func() { token.NewAuthenticator(token.AuthenticatorOptions[string]{Find: find}) },
		"no Find": func() {
			token.NewAuthenticator(token.AuthenticatorOptions[string]{Verifiers: []*token.Verifier{s.verifier}})
		},
		"no store":         func() { token.NewRefresh(token.RefreshOptions{}) },
		"negative":         func() { token.NewRefresh(token.RefreshOptions{Store: token.NewMemoryStore(), Idle: -1}) },
		"an hour of grace": func() { token.NewRefresh(token.RefreshOptions{Store: token.NewMemoryStore(), Grace: time.Hour}) },
		"no database":      func() { token.NewSQLStore(nil) },
	} {
		message, _ := assert.Panics(t, f).(string)
		assert.True(t, strings.HasPrefix(message, "token: "), name+": "+message)
	}
}
