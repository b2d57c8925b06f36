package galeoidc_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

// denied is what a resource server in the same program is told.
func (a *app) denied(t *testing.T, access string) bool {
	t.Helper()
	claims, err := a.server.Verifier(issuer).Verify(t.Context(), access)
	assert.NoError(t, err)
	denied, err := a.server.Denied(t.Context(), claims)
	assert.NoError(t, err)
	return denied
}

// TestUpdateClient: what was taken from a client it cannot get any more, by
// nothing that was begun before.
func TestUpdateClient(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client, ctx := a.register(t, nil), t.Context()
		got := ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
		waiting := code(t, c, "ada", ask(client))
		open := authorize(t, c, "bob", ask(client)).Query().Get("request")

		const moved = "https://client.example/moved"
		wish := client.Client
		wish.Name, wish.RedirectURIs, wish.Scopes = " Renamed ", []string{moved}, []string{"openid", "write"}
		wish.Public, wish.CreatedBy, wish.Introspects, wish.GrantTypes = true, "eve", true, nil
		now, err := a.store.UpdateClient(ctx, client.Client, wish)
		assert.NoError(t, err)
		_, err = a.store.UpdateClient(ctx, client.Client, client.Client) // by who has not seen that
		assert.ErrorIs(t, err, galeoidc.ErrChanged)
		stored, err := a.store.Client(ctx, client.ID)
		assert.NoError(t, err)
		assert.Equal(t, stored, now)
		want := client.Client
		want.Name, want.RedirectURIs, want.Scopes = "Renamed", wish.RedirectURIs, wish.Scopes
		assert.Equal(t, now, want)

		c.Get("/oauth/authorize?" + ask(client).Encode()).Status(http.StatusBadRequest) // the old address
		refused(t, exchange(c, client, waiting), 400, "invalid_grant")
		c.With("Cookie", "user=bob").Get("/consent?request=" + open).Status(http.StatusNotFound)
		c.With("Cookie", "user=bob").Post("/consent", url.Values{"request": {open}}).Status(http.StatusNotFound)
		c.With("Cookie", "user=bob").Post("/consent", url.Values{"request": {open}, "no": {"1"}}).Status(http.StatusNotFound)
		refreshed := ok(t, refresh(c, client, got.RefreshToken))
		assert.Equal(t, refreshed.Scope, "openid offline_access")
		moves := []string{"redirect_uri", moved, "scope", "openid write"}
		u := location(t, c.With("Cookie", "user=ada").Get("/oauth/authorize?"+ask(client, moves...).Encode()))
		u = approve(t, c, "ada", u.Query().Get("request"))
		wish = now
		wish.Scopes = []string{"openid"}
		last, err := a.store.UpdateClient(ctx, now, wish)
		assert.NoError(t, err)
		less := ok(t, exchange(c, client, u.Query().Get("code"), "redirect_uri", moved))
		assert.Equal(t, less.Scope, "openid")

		for _, bad := range []func(*galeoidc.Client){
			func(c *galeoidc.Client) { c.Name = "" },
			func(c *galeoidc.Client) { c.RedirectURIs = []string{"http://client.example/cb"} },
			func(c *galeoidc.Client) { c.RedirectURIs = nil },
			func(c *galeoidc.Client) { c.Scopes = []string{"a b"} },
		} {
			wish := last
			bad(&wish)
			_, err := a.store.UpdateClient(ctx, last, wish)
			assert.True(t, err != nil, "accepted")
		}
		for _, id := range []string{"", "none", "\x00"} {
			_, err := a.store.UpdateClient(ctx, galeoidc.Client{ID: id}, last)
			assert.ErrorIs(t, err, galeoidc.ErrNoClient)
		}
	})
}

// TestGrantTypesOfAClient: with a grant type end the tokens that came by it, and
// whatever was begun before gives none; who gets one must have the secret anew.
func TestGrantTypesOfAClient(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client, ctx := a.register(t, nil), t.Context()
		resource := a.register(t, func(c *galeoidc.Client) {
			c.Introspects, c.GrantTypes, c.RedirectURIs = true, []string{galeoidc.ClientCredentials}, nil
		})
		other := a.register(t, nil)
		own := func() *galetest.Response {
			return post(c, "/oauth/token", client, url.Values{"grant_type": {"client_credentials"}})
		}
		others := ok(t, exchange(c, other, code(t, c, "ada", ask(other))))
		short := ok(t, exchange(c, client, code(t, c, "ada", ask(client, "scope", "openid read"))))
		long := ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
		self := ok(t, own())
		set := func(grants ...string) {
			t.Helper()
			now, err := a.store.Client(ctx, client.ID)
			assert.NoError(t, err)
			wish := now
			wish.GrantTypes = grants
			after, err := a.store.UpdateClient(ctx, now, wish)
			assert.NoError(t, err)
			assert.Equal(t, after.GrantTypes, grants)
			_, err = a.store.UpdateClient(ctx, now, wish) // by who has not seen that
			assert.ErrorIs(t, err, galeoidc.ErrChanged)
		}
		works := func(want bool, all ...string) {
			t.Helper()
			for _, access := range all {
				assert.Equal(t, active(t, c, resource, access), want)
				assert.Equal(t, a.denied(t, access), !want)
			}
		}
		works(true, short.AccessToken, long.AccessToken, self.AccessToken)

		set(galeoidc.AuthorizationCode, galeoidc.ClientCredentials)
		works(true, short.AccessToken, self.AccessToken)
		works(false, long.AccessToken)
		refused(t, refresh(c, client, long.RefreshToken), 400, "unauthorized_client")
		waiting := code(t, c, "ada", ask(client, "scope", "openid read"))
		open := authorize(t, c, "bob", ask(client, "scope", "openid read")).Query().Get("request")

		set(galeoidc.ClientCredentials)
		works(true, self.AccessToken, others.AccessToken)
		works(false, short.AccessToken, long.AccessToken)
		refused(t, exchange(c, client, waiting), 400, "unauthorized_client")
		c.With("Cookie", "user=bob").Post("/consent", url.Values{"request": {open}}).Status(http.StatusNotFound)

		set(galeoidc.AuthorizationCode, galeoidc.RefreshToken)
		works(false, self.AccessToken, short.AccessToken, long.AccessToken)
		refused(t, own(), 400, "unauthorized_client")
		refused(t, exchange(c, client, waiting), 400, "invalid_grant")
		refused(t, refresh(c, client, long.RefreshToken), 400, "invalid_grant")
		c.With("Cookie", "user=bob").Post("/consent", url.Values{"request": {open}}).Status(http.StatusNotFound)
		assert.Equal(t, authorize(t, c, "ada", ask(client)).Path, "/consent") // asked again
		again := ok(t, exchange(c, client, code(t, c, "ada", ask(client))))

		set(galeoidc.AuthorizationCode, galeoidc.RefreshToken, galeoidc.ClientCredentials)
		refused(t, own(), 401, "invalid_client") // whoever had the secret could not do this before
		secret, err := a.store.RotateSecret(ctx, client.ID, time.Hour)
		assert.NoError(t, err)
		refused(t, own(), 401, "invalid_client")
		client.secret = ""
		refused(t, own(), 401, "invalid_client")
		client.secret = secret
		works(true, ok(t, own()).AccessToken, again.AccessToken)
		ok(t, refresh(c, client, again.RefreshToken))
		for _, bad := range [][]string{{"implicit"}, {galeoidc.RefreshToken}} {
			now, err := a.store.Client(ctx, client.ID)
			assert.NoError(t, err)
			wish := now
			wish.GrantTypes = bad
			_, err = a.store.UpdateClient(ctx, now, wish)
			assert.True(t, err != nil, "accepted")
		}
	})
}

// TestFirstScopesOfAClient: who has the secret of a client that may nothing does not
// act as it when it may something.
func TestFirstScopesOfAClient(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, func(c *galeoidc.Client) {
			c.Introspects, c.Scopes, c.GrantTypes, c.RedirectURIs = true, nil, []string{galeoidc.ClientCredentials}, nil
		})
		own := func() *galetest.Response {
			return post(c, "/oauth/token", client, url.Values{"grant_type": {"client_credentials"}})
		}
		set := func(scopes ...string) {
			t.Helper()
			now, err := a.store.Client(t.Context(), client.ID)
			assert.NoError(t, err)
			wish := now
			wish.Scopes = scopes
			_, err = a.store.UpdateClient(t.Context(), now, wish)
			assert.NoError(t, err)
		}
		set()
		assert.Equal(t, active(t, c, client, "none"), false) // by the secret that it has
		set("read")
		refused(t, own(), 401, "invalid_client")
		secret, err := a.store.RotateSecret(t.Context(), client.ID, 0)
		assert.NoError(t, err)
		client.secret = secret
		set("read", "write")
		assert.Equal(t, ok(t, own()).Scope, "read write")
	})
}

// TestDisableClient: nothing of a client works while it is disabled, and what
// has not expired works again afterwards.
func TestDisableClient(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client, ctx := a.register(t, nil), t.Context()
		resource := a.register(t, func(c *galeoidc.Client) {
			c.Introspects, c.GrantTypes, c.RedirectURIs = true, []string{galeoidc.ClientCredentials}, nil
		})
		browser := a.register(t, public)
		got := ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
		self := ok(t, post(c, "/oauth/token", client, url.Values{"grant_type": {"client_credentials"}}))
		waiting := code(t, c, "ada", ask(client))
		open := authorize(t, c, "bob", ask(client)).Query().Get("request")
		asBob := c.With("Cookie", "user=bob")
		works := func(want bool) {
			t.Helper()
			for _, token := range []string{got.AccessToken, got.RefreshToken, self.AccessToken} {
				assert.Equal(t, active(t, c, resource, token), want)
			}
			for _, token := range []string{got.AccessToken, self.AccessToken} {
				assert.Equal(t, a.denied(t, token), !want)
			}
			assert.Equal(t, c.Bearer(got.AccessToken).Get("/oauth/userinfo").Raw.StatusCode == http.StatusOK, want)
		}
		works(true)

		assert.NoError(t, a.store.DisableClient(ctx, client.ID))
		assert.NoError(t, a.store.DisableClient(ctx, client.ID))
		assert.NoError(t, a.store.DisableClient(ctx, browser.ID))
		stored, err := a.store.Client(ctx, client.ID)
		assert.NoError(t, err)
		assert.True(t, time.Since(stored.Disabled) < time.Minute, "disabled when?")
		works(false)
		refused(t, exchange(c, client, waiting), 401, "invalid_client")
		refused(t, refresh(c, client, got.RefreshToken), 401, "invalid_client")
		refused(t, exchange(c, browser, "x"), 401, "invalid_client")
		r := post(c, "/oauth/token", client, url.Values{"grant_type": {"client_credentials"}})
		refused(t, r, 401, "invalid_client")
		r.Contains("The client is disabled.")
		guess := post(c, "/oauth/token", registered{client.Client, "wrong"}, url.Values{"grant_type": {"client_credentials"}}).Status(401).Text()
		assert.True(t, !strings.Contains(guess, "disabled"), guess)
		refused(t, post(c, "/oauth/introspect", client, url.Values{"token": {got.AccessToken}}), 401, "invalid_client")
		refused(t, post(c, "/oauth/revoke", client, url.Values{"token": {got.AccessToken}}), 401, "invalid_client")
		refused(t, c.With("Cookie", "user=ada").Get("/oauth/authorize?"+ask(client).Encode()), 403, "unauthorized_client")
		refused(t, asBob.Get("/oauth/authorize/resume?request="+open), 403, "unauthorized_client")
		asBob.Get("/consent?request=" + open).Status(http.StatusForbidden)
		asBob.Post("/consent", url.Values{"request": {open}}).Status(http.StatusForbidden)
		_, err = a.server.Request(ctx, open)
		assert.ErrorIs(t, err, galeoidc.ErrDisabled)

		assert.NoError(t, a.store.EnableClient(ctx, client.ID))
		assert.NoError(t, a.store.EnableClient(ctx, client.ID))
		works(true)
		ok(t, exchange(c, client, waiting))
		ok(t, refresh(c, client, got.RefreshToken))
		approve(t, c, "bob", open)
		for _, id := range []string{"", "none", "\x00"} {
			assert.ErrorIs(t, a.store.DisableClient(ctx, id), galeoidc.ErrNoClient)
			assert.ErrorIs(t, a.store.EnableClient(ctx, id), galeoidc.ErrNoClient)
		}
	})
}

// TestRefused: the application is told who has not authenticated, where and why,
// and never what was sent.
func TestRefused(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	told := map[*galeoidc.Store][]galeoidc.Refusal{}
	change := func(o *galeoidc.Options) {
		o.Refused = func(_ context.Context, r galeoidc.Refusal) {
			mu.Lock()
			defer mu.Unlock()
			told[o.Store] = append(told[o.Store], r)
		}
	}
	run(t, change, func(t *testing.T, c *galetest.Client, a *app) {
		client, browser, off := a.register(t, nil), a.register(t, public), a.register(t, nil)
		assert.NoError(t, a.store.DisableClient(t.Context(), off.ID))
		own := func() url.Values { return url.Values{"grant_type": {"client_credentials"}} }
		token := func() url.Values { return url.Values{"token": {"x"}} }
		wrong := registered{client.Client, "wrong"}
		post(c, "/oauth/token", wrong, own()).Status(401)
		post(c, "/oauth/token", registered{client.Client, ""}, own()).Status(401)
		post(c, "/oauth/token", registered{galeoidc.Client{ID: "a secret, perhaps"}, "wrong"}, own()).Status(401)
		post(c, "/oauth/introspect", wrong, token()).Status(401)
		post(c, "/oauth/revoke", registered{browser.Client, "wrong"}, token()).Status(401)
		post(c, "/oauth/revoke", off, token()).Status(401)
		assertion := url.Values{
			"grant_type": {"client_credentials"}, "client_id": {client.ID}, "client_assertion": {"x.y.z"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		}
		c.Post("/oauth/token", assertion).Status(401)
		c.Post("/oauth/token", own()).Status(400)        // names nobody
		c.Post("/oauth/introspect", token()).Status(401) // nor this
		ok(t, post(c, "/oauth/token", client, own()))    // is right
		exchange(c, client, "a wrong code").Status(400)  // is somebody
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, told[a.store], []galeoidc.Refusal{
			{ClientID: client.ID, ClientName: "Client", Endpoint: "/token", Reason: galeoidc.RefusedSecret},
			{ClientID: client.ID, ClientName: "Client", Endpoint: "/token", Reason: galeoidc.RefusedSecret},
			{Endpoint: "/token", Reason: galeoidc.RefusedUnknown},
			{ClientID: client.ID, ClientName: "Client", Endpoint: "/introspect", Reason: galeoidc.RefusedSecret},
			{ClientID: browser.ID, ClientName: "Client", Endpoint: "/revoke", Reason: galeoidc.RefusedSecret},
			{ClientID: off.ID, ClientName: "Client", Endpoint: "/revoke", Reason: galeoidc.RefusedDisabled},
			{ClientID: client.ID, ClientName: "Client", Endpoint: "/token", Reason: galeoidc.RefusedMethod},
		})
	})
}

// TestErrorPage: a person sees a page, and a program what OAuth says.
func TestErrorPage(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		browser := c.With("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
		for want, path := range map[string]string{
			"The client is not known.":    "/oauth/authorize?" + ask(client, "client_id", "none").Encode(),
			"not registered":              "/oauth/authorize?" + ask(client, "redirect_uri", "https://evil.example/").Encode(),
			"redirect_uri":                "/oauth/authorize?" + ask(client, "redirect_uri", "").Encode(),
			"sent more than once":         "/oauth/authorize?" + ask(client).Encode() + "&state=2",
			"This request is over.":       "/oauth/authorize/resume?request=none",
			"characters that are not all": "/oauth/authorize?" + ask(client, "state", "a\nb").Encode(),
		} {
			r := browser.Get(path).Contains("<h1>").Contains(want).HasHeader("Content-Type", "text/html; charset=utf-8")
			r.HasHeader("Location", "").HasHeader("Cache-Control", "no-store").HasHeader("Referrer-Policy", "no-referrer")
			j := c.Get(path).Status(r.Raw.StatusCode).Contains(want)
			refused(t, j, r.Raw.StatusCode, "invalid_request")
		}
		authorize(t, browser, "ada", ask(client)) // is sent on
		assert.Equal(t, browser.Post("/oauth/token", url.Values{}).Status(http.StatusBadRequest).Header("Content-Type"), "application/json")
	})
}

// pages is a renderer of an application.
type pages struct{}

func (pages) RenderError(w http.ResponseWriter, _ *http.Request, e *web.Error) {
	http.Error(w, "ours: "+e.Code+": "+e.Message, e.Status)
}

func TestOwnErrorPage(t *testing.T) {
	t.Parallel()
	run(t, func(o *galeoidc.Options) { o.ErrorPage = pages{} }, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		assert.NoError(t, a.store.DisableClient(t.Context(), client.ID))
		c.With("Accept", "text/html").Get("/oauth/authorize?" + ask(client).Encode()).Status(http.StatusForbidden).
			Contains("ours: unauthorized_client: The client is disabled.")
	})
}

// TestAnswersAreStoredWithTheirRecord: what a user answers, and the record of it,
// are stored together or not at all. The other changes are in internal/alsotest.
func TestAnswersAreStoredWithTheirRecord(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		session := galeoidc.Session{UserID: "ada", AuthTime: a.users.since}
		asked := func() string { return authorize(t, c, "ada", ask(client)).Query().Get("request") }
		first, second := asked(), asked()
		galetest.Also(t, a.db, func(ctx context.Context) error {
			_, err := a.server.Deny(ctx, first)
			return err
		})
		galetest.Also(t, a.db, func(ctx context.Context) error {
			_, err := a.server.Approve(ctx, second, session)
			return err
		})
	})
}
