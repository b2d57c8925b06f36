package galeoidc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/url"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// TestVerifier: the application takes its own server's tokens, and stops at once.
func TestVerifier(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		verifier := a.server.Verifier(issuer)
		client := a.register(t, nil)
		accepted := func(access string) bool {
			t.Helper()
			claims, err := verifier.Verify(t.Context(), access)
			if err != nil {
				assert.ErrorIs(t, err, token.ErrInvalid)
				return false
			}
			denied, err := a.server.Denied(t.Context(), claims)
			assert.NoError(t, err)
			return !denied
		}
		own := func() string {
			return ok(t, post(c, "/oauth/token", client, url.Values{"grant_type": {"client_credentials"}})).AccessToken
		}
		got := ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
		claims, err := verifier.Verify(t.Context(), got.AccessToken)
		assert.NoError(t, err)
		assert.Equal(t, claims.Subject, "ada")
		assert.Equal(t, claims.ClientID, client.ID)
		assert.True(t, claims.HasScope("read") && !claims.HasScope("write"), "the scopes are others")
		_, err = verifier.Verify(t.Context(), got.IDToken)
		assert.ErrorIs(t, err, token.ErrType)

		// A refresh token that comes again ends all that came of its code.
		again := ok(t, refresh(c, client, got.RefreshToken))
		assert.True(t, accepted(got.AccessToken) && accepted(again.AccessToken), "a good token is refused")
		refused(t, refresh(c, client, got.RefreshToken), 400, "invalid_grant")
		assert.True(t, !accepted(got.AccessToken) && !accepted(again.AccessToken), "tokens outlive the reuse")

		mine := own()
		assert.True(t, accepted(mine), "the client's own token is refused")
		post(c, "/oauth/revoke", client, url.Values{"token": {mine}})
		assert.True(t, !accepted(mine), "a revoked token is accepted")
		a.clock.Advance(10*time.Minute + 25*time.Second)
		assert.NoError(t, a.store.DeleteExpired(t.Context(), a.clock.Now()))
		assert.True(t, !accepted(mine), "a revoked token is accepted again at its end")
		mine = own()
		a.clock.Advance(10*time.Minute + 25*time.Second)
		assert.True(t, accepted(mine), "a clock may not differ")
		post(c, "/oauth/revoke", client, url.Values{"token": {mine}})
		assert.True(t, !accepted(mine), "a token cannot be revoked though it is accepted")
		mine = own()
		a.clock.Advance(10*time.Minute + 31*time.Second)
		assert.True(t, !accepted(mine), "an expired token is accepted")
		mine, got = own(), ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
		assert.NoError(t, a.store.DeleteClient(t.Context(), client.ID))
		assert.True(t, !accepted(mine) && !accepted(got.AccessToken), "tokens outlive their client")
		assert.Panics(t, func() { a.server.Verifier("https://other.example") })
	})
}

// TestVerifierFollowsKeys: keys come and go without a new verifier.
func TestVerifierFollowsKeys(t *testing.T) {
	t.Parallel()
	signing := func(id string) galeoidc.SigningKey {
		ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		assert.NoError(t, err)
		return galeoidc.SigningKey{ID: id, Algorithm: "ES256", Signer: ec}
	}
	k, first, second := &keys{}, signing("1"), signing("2")
	k.set(first)
	a := newApp(t, galesqlite.Driver(), func(o *galeoidc.Options) { o.Keys = k })
	c := galetest.Start(t, a, galetest.Options{TLS: true}).Client()
	client, verifier := a.register(t, nil), a.server.Verifier(issuer)
	fetch := func() string {
		return ok(t, post(c, "/oauth/token", client, url.Values{"grant_type": {"client_credentials"}})).AccessToken
	}
	verify := func(access string) error {
		_, err := verifier.Verify(context.Background(), access)
		return err
	}
	old := fetch()
	assert.NoError(t, verify(old))
	k.set(second, first)
	young := fetch()
	assert.NoError(t, verify(old))
	assert.NoError(t, verify(young))
	k.set(second)
	assert.ErrorIs(t, verify(old), token.ErrUnknownKey) // though it was remembered
	assert.NoError(t, verify(young))
	k.set(signing("2")) // another key under the id
	assert.ErrorIs(t, verify(young), token.ErrSignature)
	k.set(galeoidc.SigningKey{ID: "3", Algorithm: "EdDSA", Signer: first.Signer})
	assert.True(t, verify(young) != nil, "a key of the wrong kind verifies")
}

// TestTokensSweep: what is over goes also where nobody asks for access any more.
func TestTokensSweep(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		own := func() string {
			return ok(t, post(c, "/oauth/token", client, url.Values{"grant_type": {"client_credentials"}})).AccessToken
		}
		mine := own()
		post(c, "/oauth/revoke", client, url.Values{"token": {mine}})
		claims, err := a.server.Verifier(issuer).Verify(t.Context(), mine)
		assert.NoError(t, err)
		revoked := func() bool {
			is, err := a.store.Revoked(t.Context(), claims.ID)
			assert.NoError(t, err)
			return is
		}
		assert.True(t, revoked(), "the revocation is not stored")
		a.clock.Advance(11 * time.Minute)
		own()
		assert.True(t, !revoked(), "the revocation is kept for ever")
	})
}
