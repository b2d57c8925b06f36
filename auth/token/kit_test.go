package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

const (
	iss = "https://id.example.com"
	aud = "https://api.example.com"
)

var start = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// vault is a source whose keys the test replaces.
type vault struct {
	mu   sync.Mutex
	text string
}

func (v *vault) Load(context.Context) ([]byte, string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return []byte(v.text), "", nil
}

// site is an issuer with its keys and one service that verifies.
type site struct {
	t        testing.TB
	clock    *galetest.Clock
	vault    *vault
	set      keyring.Set
	ring     *keyring.Ring
	keys     *token.RingKeys
	issuer   *token.Issuer
	verifier *token.Verifier
}

func newSite(t testing.TB, alg token.Algorithm) *site {
	t.Helper()
	s := &site{t: t, clock: galetest.NewClock(t, start), vault: &vault{}, set: keyring.NewSet(start.Add(-time.Hour), keyring.Tokens)}
	s.vault.text = s.set.Text().Reveal()
	ring, err := keyring.Open(t.Context(), keyring.Options{
		Source: s.vault, Clock: s.clock.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	assert.NoError(t, err)
	s.ring = ring
	s.keys = token.NewRingKeys(token.RingOptions{Ring: ring, Algorithm: alg})
	s.issuer = token.NewIssuer(token.IssuerOptions{Issuer: iss, Keys: s.keys, Clock: s.clock.Now})
	s.verifier = s.verify(token.VerifierOptions{})
	return s
}

// verify returns a verifier with the site's issuer where o says no other.
func (s *site) verify(o token.VerifierOptions) *token.Verifier {
	if o.Issuer == "" {
		o.Issuer = iss
	}
	if o.Audience == "" {
		o.Audience = aud
	}
	if o.Keys == nil && o.JWKS == "" {
		o.Keys = s.keys
	}
	o.Clock = s.clock.Now
	return token.NewVerifier(o)
}

func (s *site) use(set keyring.Set) {
	s.t.Helper()
	s.set = set
	s.vault.mu.Lock()
	s.vault.text = set.Text().Reveal()
	s.vault.mu.Unlock()
	assert.NoError(s.t, s.ring.Reload(s.t.Context()))
}

func access() token.Access {
	return token.Access{
		Subject: "alice", ClientID: "app", Audience: []string{aud}, Scopes: []string{"posts.read", "posts.write"},
		Authenticated: start.Add(-time.Minute), Extra: map[string]any{"tenant": "acme"},
	}
}

func (s *site) issue() string {
	s.t.Helper()
	out, err := s.issuer.Issue(access())
	assert.NoError(s.t, err)
	return out.Token
}

// claims are those of a token that is accepted, to be spoilt.
func claims() map[string]any {
	return map[string]any{
		"iss": iss, "sub": "alice", "aud": aud, "client_id": "app", "jti": "1",
		"iat": start.Unix(), "exp": start.Add(time.Minute).Unix(),
	}
}

// sign is a signer without scruples: it makes what Issuer would not.
func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, header map[string]any, payload any) string {
	t.Helper()
	o := &jose.SignerOptions{}
	for name, value := range header {
		o.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	assert.NoError(t, err)
	raw, ok := payload.(string)
	if !ok {
		b, err := json.Marshal(payload)
		assert.NoError(t, err)
		raw = string(b)
	}
	jws, err := signer.Sign([]byte(raw))
	assert.NoError(t, err)
	out, err := jws.CompactSerialize()
	assert.NoError(t, err)
	return out
}

// signRaw signs by ES256 without a library, which might refuse to.
func signRaw(t testing.TB, key *ecdsa.PrivateKey, header map[string]any, payload any) string {
	t.Helper()
	all := map[string]any{"alg": "ES256"}
	maps.Copy(all, header)
	head, err := json.Marshal(all)
	assert.NoError(t, err)
	body, isText := payload.(string)
	if !isText {
		raw, err := json.Marshal(payload)
		assert.NoError(t, err)
		body = string(raw)
	}
	signed := b64(string(head)) + "." + b64(body)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	assert.NoError(t, err)
	return signed + "." + b64(string(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)))
}

// pair is a private key whose tokens a verifier accepts.
type pair struct {
	private crypto.Signer
	key     *token.Key
}

func (p pair) SigningKey() (*token.Key, error)   { return p.key, nil }
func (p pair) VerifyKeys() ([]*token.Key, error) { return []*token.Key{p.key}, nil }

func newPair(t testing.TB, private crypto.Signer) pair {
	t.Helper()
	k, err := token.NewKey(private)
	assert.NoError(t, err)
	return pair{private, k}
}

func (p pair) header() map[string]any { return map[string]any{"kid": p.key.ID(), "typ": "at+jwt"} }

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func headerOf(t testing.TB, jwt string) string {
	t.Helper()
	first, _, _ := strings.Cut(jwt, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	assert.NoError(t, err)
	return string(raw)
}
