package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

var _ auth.Authenticator[string] = (*token.Authenticator[string])(nil)

func find(_ context.Context, c token.Claims) (string, error) {
	switch c.Subject {
	case "nobody":
		return "", auth.ErrNoUser
	case "broken":
		return "", errors.New("database is away")
	}
	return c.Subject + " for " + strings.Join(c.Scopes, "+"), nil
}

// api is a service that takes tokens and API keys side by side.
func api(s *site, o token.AuthenticatorOptions[string], more ...auth.Authenticator[string]) http.Handler {
	if o.Verifiers == nil {
		o.Verifiers = []*token.Verifier{s.verifier}
	}
	o.Find = find
	users := auth.New(auth.Options[string]{
		ID:             func(u string) string { return u },
		Authenticators: append([]auth.Authenticator[string]{token.NewAuthenticator(o)}, more...),
	})
	return users.Identify(users.Required(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, users.MustUser(r.Context()))
	})))
}

func TestTokensAndKeysSideBySide(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	k, err := apikey.New("relay")
	assert.NoError(t, err)
	keys := apikey.NewAuthenticator(apikey.Options[string]{Prefix: "relay", Find: func(_ context.Context, id string) (apikey.Record, string, error) {
		if id != k.ID {
			return apikey.Record{}, "", apikey.ErrNotFound
		}
		return apikey.Record{Hash: k.Hash}, "robot", nil
	}})
	jwt := s.issue()
	galetest.Run(t, api(s, token.AuthenticatorOptions[string]{}, keys), func(t *testing.T, c *galetest.Client) {
		c.Bearer(jwt).Get("/").Status(http.StatusOK).Contains("alice for posts.read+posts.write")
		c.With("Authorization", "bearer  "+jwt).Get("/").Status(http.StatusOK)
		c.Bearer(k.Plain).Get("/").Status(http.StatusOK).Contains("robot")
		c.With("X-Api-Key", k.Plain).Get("/").Status(http.StatusOK).Contains("robot")
		c.Get("/").Status(http.StatusUnauthorized).Problem("unauthenticated")
		// In a URL it would end in logs and in Referer.
		c.Get("/?access_token=" + jwt).Status(http.StatusUnauthorized).Problem("unauthenticated")
		c.With("Cookie", "access_token="+jwt).Get("/").Status(http.StatusUnauthorized)
		c.With("Authorization", "Basic "+jwt).Get("/").Status(http.StatusUnauthorized)
		c.Bearer(jwt).With("X-Api-Key", k.Plain).Get("/").Status(http.StatusUnauthorized)
	})
}

// Whatever is wrong with a token, its bearer is told the same.
func TestEveryRefusalIsTheSame(t *testing.T) {
	t.Parallel()
	s, p := newSite(t, token.ES256), newEC(t)
	jwt := s.issue()
	parts := strings.Split(jwt, ".")
	spoilt := func(name string, value any) string {
		all := claims()
		all[name] = value
		return rawSign(t, p, p.header(), all)
	}
	h := api(s, token.AuthenticatorOptions[string]{
		Verifiers: []*token.Verifier{s.verify(token.VerifierOptions{Keys: p})},
		Denied: func(_ context.Context, c token.Claims) (bool, error) {
			if c.ID == "broken" {
				return false, errors.New("cache is away")
			}
			return c.ID == "stolen", nil
		},
	})
	galetest.Run(t, h, func(t *testing.T, c *galetest.Client) {
		c.ExpectLog("away")
		c.Bearer(spoilt("sub", "bob")).Get("/").Status(http.StatusOK)
		var first string
		for name, bad := range map[string]string{
			"unknown key": jwt,
			"none":        b64(`{"alg":"none"}`) + "." + parts[1] + ".",
			"signature":   rawSign(t, pair{newEC(t).private, p.key}, p.header(), claims()),
			"expired":     spoilt("exp", start.Add(-time.Hour).Unix()),
			"audience":    spoilt("aud", "other"),
			"issuer":      spoilt("iss", "other"),
			"no user":     spoilt("sub", "nobody"),
			"denied":      spoilt("jti", "stolen"),
			"oversize":    jwt + strings.Repeat("A", 8<<10),
			"dots":        "..",
		} {
			r := c.Bearer(bad).Get("/").Status(http.StatusUnauthorized).
				HasHeader("WWW-Authenticate", `Bearer error="invalid_token"`).Problem("invalid_token")
			var body map[string]any
			assert.NoError(t, json.Unmarshal([]byte(r.Text()), &body))
			delete(body, "request_id")
			text, err := json.Marshal(body)
			assert.NoError(t, err)
			if first == "" {
				first = string(text)
			}
			assert.Equal(t, name+string(text), name+first)
		}
		c.Bearer(spoilt("sub", "broken")).Get("/").Status(http.StatusInternalServerError)
		c.Bearer(spoilt("jti", "broken")).Get("/").Status(http.StatusInternalServerError)
	})
}

func TestSeveralIssuers(t *testing.T) {
	t.Parallel()
	s, p := newSite(t, token.ES256), newEC(t)
	n, remote := s.remote()
	n.set(nil, errors.New("no route to host"))
	h := api(s, token.AuthenticatorOptions[string]{Verifiers: []*token.Verifier{s.verify(token.VerifierOptions{Keys: p}), s.verifier}})
	mine, other := s.issue(), rawSign(t, p, p.header(), claims())
	galetest.Run(t, h, func(t *testing.T, c *galetest.Client) {
		c.Bearer(mine).Get("/").Status(http.StatusOK)
		c.Bearer(other).Get("/").Status(http.StatusOK)
		c.Bearer(rawSign(t, newEC(t), map[string]any{"typ": "at+jwt", "kid": "x"}, claims())).Get("/").Status(http.StatusUnauthorized)
	})
	h = api(s, token.AuthenticatorOptions[string]{Verifiers: []*token.Verifier{s.verify(token.VerifierOptions{Keys: p}), remote}})
	galetest.Run(t, h, func(t *testing.T, c *galetest.Client) {
		c.ExpectLog("not available")
		c.Bearer(other).Get("/").Status(http.StatusOK)
		c.Bearer(mine).Get("/").Status(http.StatusServiceUnavailable).HasHeader("Retry-After", "60")
	})
}

func TestTwoCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, token.ES256)
	a := token.NewAuthenticator(token.AuthenticatorOptions[string]{Verifiers: []*token.Verifier{s.verifier}, Find: find})
	jwt, other := s.issue(), s.issue()
	for _, lines := range [][]string{{"Bearer " + jwt, "Bearer " + other}, {"Basic eDp5", "Bearer " + jwt}, {"Bearer relay_x", "Bearer " + jwt}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		assert.NoError(t, err)
		r.Header["Authorization"] = lines
		_, ok, err := a.Authenticate(t.Context(), r)
		assert.True(t, !ok, "two credentials were accepted")
		assert.ErrorIs(t, err, token.ErrMalformed)
	}
}
