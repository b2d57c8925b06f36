package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

const jwksURL = "https://id.example.com/.well-known/jwks.json"

// network is an http.RoundTripper that serves every URL by one handler.
type network struct {
	mu    sync.Mutex
	h     http.Handler
	err   error
	calls atomic.Int64
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.calls.Add(1)
	n.mu.Lock()
	h, err := n.h, n.err
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

func (n *network) set(h http.Handler, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.h, n.err = h, err
}

// remote is a service elsewhere that fetches the keys of s.
func (s *site) remote(algs ...token.Algorithm) (*network, *token.Verifier) {
	n := &network{h: token.JWKS(s.keys)}
	return n, s.verify(token.VerifierOptions{JWKS: jwksURL, Client: &http.Client{Transport: n}, Algorithms: algs})
}

func TestJWKSShowsPublicKeysOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	set, _ := s.set.Rotate(keyring.Tokens, start.Add(time.Hour))
	s.use(set)
	all, err := s.keys.VerifyKeys()
	assert.NoError(t, err)
	galetest.Run(t, token.JWKS(s.keys), func(t *testing.T, c *galetest.Client) {
		r := c.Get("/").Status(http.StatusOK).
			HasHeader("Content-Type", "application/jwk-set+json").
			HasHeader("Cache-Control", "public, max-age=300")
		var got struct{ Keys []map[string]string }
		assert.NoError(t, json.Unmarshal([]byte(r.Text()), &got))
		assert.Equal(t, len(got.Keys), 2)
		for i, k := range got.Keys {
			assert.Equal(t, k["kid"], all[i].ID())
			for name := range k {
				assert.Contains(t, "kty crv x y kid alg use", name)
			}
			assert.Equal(t, k["alg"]+k["use"]+k["kty"], "ES256sigEC")
		}
		c.Post("/", nil).Status(http.StatusMethodNotAllowed).HasHeader("Allow", "GET, HEAD")
	})
}

func TestRemoteKeys(t *testing.T) {
	t.Parallel()
	for _, alg := range []token.Algorithm{token.ES256, token.EdDSA} {
		s := newSite(t, alg)
		n, v := s.remote()
		jwt := s.issue()
		for range 3 {
			accepted(t, v, jwt)
		}
		assert.Equal(t, n.calls.Load(), 1)

		// A new key is found by its unknown id, though the set is fresh.
		s.clock.Advance(time.Minute)
		set, _ := s.set.Rotate(keyring.Tokens, s.clock.Now())
		s.use(set)
		accepted(t, v, s.issue())
		accepted(t, v, jwt)
		assert.Equal(t, n.calls.Load(), 2)
	}
}

func TestUnknownKidsCauseOneFetchAMinute(t *testing.T) {
	t.Parallel()
	s, stranger := newSite(t, token.ES256), newEC(t)
	n, v := s.remote()
	accepted(t, v, s.issue())
	flood := func(want int64) {
		t.Helper()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				refused(t, v, "unknown", rawSign(t, stranger, stranger.header(), claims()), token.ErrUnknownKey)
			})
		}
		wg.Wait()
		assert.Equal(t, n.calls.Load(), want)
	}
	flood(1)
	s.clock.Advance(time.Minute)
	flood(2)
	s.clock.Advance(time.Minute - 1)
	flood(2)
	s.clock.Advance(1)
	flood(3)
}

func TestARemovedKeyIsNoticed(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	s.issuer = token.NewIssuer(token.IssuerOptions{Issuer: iss, Keys: s.keys, Lifetime: 24 * time.Hour, Clock: s.clock.Now})
	n, v := s.remote()
	jwt := s.issue()
	accepted(t, v, jwt)
	n.set(token.JWKS(newEC(t)), nil)
	s.clock.Advance(15*time.Minute - 1)
	accepted(t, v, jwt)
	s.clock.Advance(1)
	refused(t, v, "removed key", jwt, token.ErrUnknownKey)
}

// An issuer that gives its new key the id of the old one.
func TestAnIDThatIsUsedAgain(t *testing.T) {
	t.Parallel()
	s, old, next := newSite(t, token.ES256), newEC(t), newEC(t)
	n, v := s.remote()
	serve := func(p pair) {
		body, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.private.Public(), KeyID: "1"}}})
		assert.NoError(t, err)
		n.set(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }), nil)
	}
	all := claims()
	all["exp"] = start.Add(time.Hour).Unix()
	header := map[string]any{"kid": "1", "typ": "at+jwt"}
	jwt := rawSign(t, old, header, all)
	serve(old)
	accepted(t, v, jwt)
	serve(next)
	s.clock.Advance(15 * time.Minute)
	refused(t, v, "signed by the old key", jwt, token.ErrSignature)
	accepted(t, v, rawSign(t, next, header, all))
}

func TestAnIssuerThatIsDown(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	s.issuer = token.NewIssuer(token.IssuerOptions{Issuer: iss, Keys: s.keys, Lifetime: 24 * time.Hour, Clock: s.clock.Now})
	n, v := s.remote()
	away := errors.New("no route to host")
	n.set(nil, away)
	_, err := v.Verify(t.Context(), s.issue())
	assert.ErrorIs(t, err, token.ErrUnavailable)
	assert.ErrorIs(t, err, away)
	assert.True(t, !errors.Is(err, token.ErrInvalid), "taken for a refusal")
	_, err = v.Verify(t.Context(), s.issue())
	assert.ErrorIs(t, err, token.ErrUnavailable)
	assert.Equal(t, n.calls.Load(), 1)

	n.set(token.JWKS(s.keys), nil)
	s.clock.Advance(time.Minute)
	accepted(t, v, s.issue())

	// The keys serve on, for a day.
	n.set(nil, away)
	s.clock.Advance(24*time.Hour - 1)
	accepted(t, v, s.issue())
	s.clock.Advance(time.Minute)
	_, err = v.Verify(t.Context(), s.issue())
	assert.ErrorIs(t, err, token.ErrUnavailable)
}

func TestOneFetchForMany(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	jwt := s.issue()
	synctest.Test(t, func(t *testing.T) {
		n, v := s.remote()
		gate := make(chan struct{})
		n.set(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-gate
			token.JWKS(s.keys).ServeHTTP(w, r)
		}), nil)
		var wg sync.WaitGroup
		hasty, hangUp := context.WithCancel(t.Context())
		var gaveUp atomic.Int64
		for i := range 20 {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = hasty
			}
			if i == 1 {
				synctest.Wait() // it is one of the hasty that fetches
			}
			wg.Go(func() {
				if _, err := v.Verify(ctx, jwt); ctx == hasty && errors.Is(err, context.Canceled) {
					gaveUp.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		hangUp() // who waits goes; the fetch goes on, whoever began it
		synctest.Wait()
		assert.True(t, gaveUp.Load() >= 9, "waited on")
		close(gate)
		wg.Wait()
		assert.Equal(t, n.calls.Load(), 1)
	})
}

func TestAFetchEndsAfterFiveSeconds(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	jwt := s.issue()
	synctest.Test(t, func(t *testing.T) {
		n, v := s.remote()
		n.set(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), nil)
		began := time.Now()
		_, err := v.Verify(t.Context(), jwt)
		assert.ErrorIs(t, err, token.ErrUnavailable)
		assert.Equal(t, time.Since(began), 5*time.Second)
	})
}

func TestHostileKeySets(t *testing.T) {
	t.Parallel()
	s, p := newSite(t, token.ES256), newEC(t)
	n, _ := s.remote()
	jwt := rawSign(t, p, p.header(), claims())
	public := jose.JSONWebKey{Key: p.private.Public(), KeyID: p.key.ID(), Algorithm: "ES256", Use: "sig"}
	good, err := json.Marshal(public)
	assert.NoError(t, err)
	member := func(extra string) string { return strings.TrimSuffix(string(good), "}") + "," + extra + "}" }
	set := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	private, err := json.Marshal(jose.JSONWebKey{Key: p.private, KeyID: p.key.ID(), Algorithm: "ES256"})
	assert.NoError(t, err)
	try := func(status int, body string, algs ...token.Algorithm) error {
		n.set(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://evil.example/jwks")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}), nil)
		v := s.verify(token.VerifierOptions{JWKS: jwksURL, Client: &http.Client{Transport: n}, Algorithms: algs})
		_, err := v.Verify(t.Context(), jwt)
		return err
	}
	assert.NoError(t, try(200, set(string(good))))
	// What cannot serve is passed over.
	assert.NoError(t, try(200, set(`{"kty":"new"}`, `7`, `{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"z"}`, string(good))))
	assert.NoError(t, try(200, set(strings.Replace(string(good), `"alg":"ES256",`, "", 1))))

	for name, body := range map[string]string{
		"empty": "", "no keys": "{}", "empty set": set(), "list": "[]", "HTML": "<html>",
		"private half": set(string(private)), "symmetric": set(member(`"k":"AAAA"`)),
		"for encryption": set(strings.Replace(string(good), `"sig"`, `"enc"`, 1)),
		"key_ops":        set(member(`"key_ops":["encrypt"]`)),
		"other alg":      set(strings.Replace(string(good), `"ES256"`, `"RS256"`, 1)),
		"no kid":         set(strings.Replace(string(good), `"kid"`, `"kidd"`, 1)),
		"two keys":       set(member(`"x":"AA"`)),
		"too many":       set(strings.Split(strings.Repeat(string(good)+"\n", 101), "\n")[:101]...),
		"too large":      set(string(good)) + strings.Repeat(" ", 256<<10),
	} {
		err := try(200, body)
		assert.True(t, errors.Is(err, token.ErrUnavailable), name+": not refused")
	}
	for _, status := range []int{201, 301, 302, 307, 404, 500} {
		before := n.calls.Load()
		assert.ErrorIs(t, try(status, set(string(good))), token.ErrUnavailable)
		assert.Equal(t, n.calls.Load(), before+1) // no redirect was followed
	}
	assert.ErrorIs(t, try(200, set(string(good)), token.EdDSA), token.ErrAlgorithm)
}

func TestRSAOfOtherIssuers(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	assert.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	assert.NoError(t, err)
	n, v := s.remote(token.RS256, token.PS256, token.ES256)
	body, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: key.Public(), KeyID: "rs", Algorithm: "RS256"},
		{Key: key.Public(), KeyID: "any"},
		{Key: p384.Public(), KeyID: "p384"},
	}})
	assert.NoError(t, err)
	n.set(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }), nil)
	header := func(kid string) map[string]any { return map[string]any{"kid": kid, "typ": "at+jwt"} }
	accepted(t, v, sign(t, jose.RS256, key, header("rs"), claims()))
	accepted(t, v, sign(t, jose.RS256, key, header("any"), claims()))
	accepted(t, v, sign(t, jose.PS256, key, header("any"), claims()))
	refused(t, v, "PS256 with the RS256 key", sign(t, jose.PS256, key, header("rs"), claims()), token.ErrUnknownKey)
	refused(t, v, "P-384", sign(t, jose.ES384, p384, header("p384"), claims()), token.ErrAlgorithm)
}

// FuzzKeySet: no set makes the verifier panic, or accept a token.
func FuzzKeySet(f *testing.F) {
	p := newEC(f)
	good, err := json.Marshal(jose.JSONWebKey{Key: p.private.Public(), KeyID: "other"})
	assert.NoError(f, err)
	f.Add(`{"keys":[` + string(good) + `]}`)
	f.Add(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"x"},{"kty":"OKP","crv":"Ed25519","x":"AA","kid":"x"},null]}`)
	jwt := rawSign(f, p, p.header(), claims())
	f.Fuzz(func(t *testing.T, body string) {
		n := &network{h: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })}
		v := token.NewVerifier(token.VerifierOptions{
			Issuer: iss, Audience: aud, JWKS: jwksURL, Client: &http.Client{Transport: n}, CacheBytes: -1,
			Clock: func() time.Time { return start },
		})
		_, err := v.Verify(t.Context(), jwt)
		assert.True(t, errors.Is(err, token.ErrUnavailable) || errors.Is(err, token.ErrUnknownKey), "accepted")
	})
}
