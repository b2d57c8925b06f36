package galeoidc_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// TestFlow is the whole of it with the libraries that clients use.
func TestFlow(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		ctx := oidc.ClientContext(t.Context(), c.HTTP())
		provider, err := oidc.NewProvider(ctx, issuer)
		assert.NoError(t, err)
		config := oauth2.Config{
			ClientID: client.ID, ClientSecret: client.secret, Endpoint: provider.Endpoint(), RedirectURL: redirect,
			Scopes: []string{"openid", "email", "offline_access", "read"},
		}
		v := oauth2.GenerateVerifier()
		u, err := url.Parse(config.AuthCodeURL("s", oauth2.S256ChallengeOption(v), oidc.Nonce("n")))
		assert.NoError(t, err)

		login := location(t, c.Get(u.RequestURI()).Status(http.StatusFound))
		assert.Equal(t, login.Path, "/login")
		next := login.Query().Get("next")
		assert.True(t, strings.HasPrefix(next, "/oauth/authorize/resume?"), next)
		signedIn := c.With("Cookie", "user=ada")
		consent := location(t, signedIn.Get(next).Status(http.StatusSeeOther))
		var page galeoidc.Request
		signedIn.Get(consent.RequestURI()).Status(http.StatusOK).JSON(&page)
		assert.Equal(t, page.ClientName, "Client")
		assert.Equal(t, page.RedirectHost, "client.example")
		assert.Equal(t, page.RedirectOrigin, "https://client.example")
		assert.Equal(t, strings.Join(page.Scopes, " "), "openid email offline_access read")
		back := approve(t, c, "ada", page.ID)
		assert.Equal(t, back.Query().Get("iss"), issuer)

		token, err := config.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(v))
		assert.NoError(t, err)
		raw, _ := token.Extra("id_token").(string)
		id, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: client.ID, Now: a.clock.Now}).Verify(ctx, raw)
		assert.NoError(t, err)
		assert.Equal(t, id.Subject, "ada")
		assert.Equal(t, id.Nonce, "n")
		assert.NoError(t, id.VerifyAccessToken(token.AccessToken))
		_, err = provider.VerifierContext(ctx, &oidc.Config{ClientID: client.ID, Now: a.clock.Now}).Verify(ctx, token.AccessToken)
		assert.True(t, err != nil, "an access token passes as an ID token")

		info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		assert.NoError(t, err)
		assert.Equal(t, info.Email, "ada@example.com")
		assert.True(t, info.EmailVerified, "the mail is not verified")
		var claims map[string]any
		assert.NoError(t, info.Claims(&claims))
		assert.Equal(t, claims["name"], nil) // profile was not granted

		expired := &oauth2.Token{RefreshToken: token.RefreshToken}
		again, err := config.TokenSource(ctx, expired).Token()
		assert.NoError(t, err)
		assert.True(t, again.RefreshToken != token.RefreshToken, "the refresh token was not rotated")
		assert.True(t, active(t, c, client, again.AccessToken), "a fresh token is not active")
		assert.True(t, active(t, c, client, again.RefreshToken), "a fresh refresh token is not active")

		post(c, "/oauth/revoke", client, url.Values{"token": {again.RefreshToken}}).Status(http.StatusOK)
		for _, dead := range []string{again.AccessToken, again.RefreshToken, token.AccessToken} {
			assert.True(t, !active(t, c, client, dead), "a revoked token is active")
		}
		c.Bearer(again.AccessToken).Get("/oauth/userinfo").Status(http.StatusUnauthorized)
	})
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, c.HTTP())
		config := clientcredentials.Config{ClientID: client.ID, ClientSecret: client.secret, TokenURL: issuer + "/token"}
		token, err := config.Token(ctx)
		assert.NoError(t, err)
		assert.Equal(t, token.Extra("scope"), any("read write"))
		assert.Equal(t, token.RefreshToken, "")
		assert.Equal(t, token.Extra("id_token"), any(nil))
		assert.True(t, active(t, c, client, token.AccessToken), "a fresh token is not active")
		c.Bearer(token.AccessToken).Get("/oauth/userinfo").Status(http.StatusForbidden)
		post(c, "/oauth/revoke", client, url.Values{"token": {token.AccessToken}}).Status(http.StatusOK)
		assert.True(t, !active(t, c, client, token.AccessToken), "a revoked token is active")

		for _, scope := range []string{"admin", "read admin", "openid", "offline_access"} {
			refused(t, post(c, "/oauth/token", client, url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}), 400, "invalid_scope")
		}
	})
}

func TestConsent(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		_ = code(t, c, "ada", ask(client))
		grants, err := a.store.Grants(t.Context(), "ada")
		assert.NoError(t, err)
		assert.Equal(t, len(grants), 1)
		assert.Equal(t, grants[0].ClientName, "Client")

		at := func(user string, change ...string) string {
			return authorize(t, c, user, ask(client, change...)).Path
		}
		assert.Equal(t, at("ada"), "/cb")                               // approved before
		assert.Equal(t, at("ada", "scope", "openid read"), "/cb")       // less
		assert.Equal(t, at("ada", "scope", "openid write"), "/consent") // more
		assert.Equal(t, at("ada", "prompt", "consent"), "/consent")     // asked for
		assert.Equal(t, at("ada", "prompt", "login"), "/login")         // signed in too long ago
		assert.Equal(t, at("ada", "max_age", "60"), "/login")           // as well
		assert.Equal(t, at("ada", "max_age", "7200"), "/cb")            // but not this
		assert.Equal(t, at("bob"), "/consent")                          // somebody else
		none := authorize(t, c, "bob", ask(client, "prompt", "none"))
		assert.Equal(t, none.Query().Get("error"), "interaction_required")
		none = authorize(t, c, "", ask(client, "prompt", "none"))
		assert.Equal(t, none.Query().Get("error"), "login_required")
		assert.Equal(t, none.Query().Get("iss"), issuer)

		// Whoever comes back from the login page without having signed in anew
		// goes to the client, not round in circles.
		login := authorize(t, c, "ada", ask(client, "prompt", "login"))
		assert.Equal(t, login.Query().Get("fresh"), "1")
		back := location(t, c.With("Cookie", "user=ada").Get(login.Query().Get("next")).Status(http.StatusSeeOther))
		assert.Equal(t, back.Query().Get("error"), "login_required")

		id := authorize(t, c, "bob", ask(client)).Query().Get("request")
		no := location(t, c.With("Cookie", "user=bob").Post("/consent", url.Values{"request": {id}, "no": {"1"}}).Status(http.StatusSeeOther))
		assert.Equal(t, no.Query().Get("error"), "access_denied")
		assert.Equal(t, no.Query().Get("state"), "the state")
		assert.Equal(t, no.Query().Get("iss"), issuer)
		c.With("Cookie", "user=bob").Post("/consent", url.Values{"request": {id}}).Status(http.StatusNotFound)

		token := ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
		assert.NoError(t, a.store.RevokeGrant(t.Context(), "ada", client.ID))
		assert.True(t, !active(t, c, client, token.AccessToken), "a token outlives its grant")
		refused(t, refresh(c, client, token.RefreshToken), 400, "invalid_grant")
		assert.Equal(t, at("ada"), "/consent")
	})
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, _ *app) {
		for _, path := range []string{"/oauth/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/oauth"} {
			var doc map[string]any
			// The issuer does not follow the Host of a request.
			r := c.With("Host", "evil.example").With("X-Forwarded-Host", "evil.example").Get(path).Status(http.StatusOK)
			r.HasHeader("Access-Control-Allow-Origin", "*").HasHeader("Access-Control-Allow-Credentials", "").JSON(&doc)
			assert.True(t, !strings.Contains(r.Text(), "evil"), "the metadata follows Host")
			assert.Equal(t, doc["issuer"], any(issuer))
			assert.Equal(t, doc["authorization_response_iss_parameter_supported"], any(true))
			for _, off := range []string{"implicit", "password", "plain", "device", "token-exchange", "RS256"} {
				assert.True(t, !strings.Contains(r.Text(), off), "the metadata offers "+off)
			}
		}
		r := c.Get("/oauth/jwks").Status(http.StatusOK).HasHeader("Cache-Control", "public, max-age=300")
		assert.Contains(t, r.Text(), `"crv":"P-256"`)
		assert.True(t, !strings.Contains(r.Text(), `"d":`), "a private key is published")
	})
}

// TestSecretRotation: both secrets count for the time of overlap only.
func TestSecretRotation(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		a.clock.Advance(24 * time.Hour) // the store goes by it too
		client := a.register(t, nil)
		assert.Equal(t, client.Created, a.clock.Now().UTC().Truncate(time.Millisecond))
		newer, err := a.store.RotateSecret(t.Context(), client.ID, time.Hour)
		assert.NoError(t, err)
		form := func() url.Values { return url.Values{"grant_type": {"client_credentials"}} }
		ok(t, post(c, "/oauth/token", client, form()))
		ok(t, post(c, "/oauth/token", registered{client.Client, newer}, form()))
		a.clock.Advance(time.Hour + time.Minute)
		refused(t, post(c, "/oauth/token", client, form()), 401, "invalid_client")
		_, err = a.store.RotateSecret(t.Context(), client.ID, 0)
		assert.NoError(t, err)
		refused(t, post(c, "/oauth/token", registered{client.Client, newer}, form()), 401, "invalid_client")

		_, err = a.store.RotateSecret(t.Context(), a.register(t, public).ID, 0)
		assert.ErrorIs(t, err, galeoidc.ErrNoClient)
	})
}
