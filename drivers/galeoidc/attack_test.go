package galeoidc_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// TestRedirectURI: no variant of a registered address gets a code or an error.
func TestRedirectURI(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		_ = code(t, c, "ada", ask(client))
		for _, uri := range []string{
			redirect + "/", redirect + "/../cb", redirect + "?x=1", redirect + "#f", redirect + "#", redirect + "%2f", redirect + "2",
			"https://client.example", "https://client.example/CB", "https://CLIENT.example/cb", "https://client.example:443/cb",
			"https://user@client.example/cb", "https://client.example@evil.example/cb", "https://client.example.evil.example/cb",
			"https://evil.example/?https://client.example/cb", "https://evil.example/cb", "http://client.example/cb", "//client.example/cb",
			"https:client.example/cb", " " + redirect, redirect + " ", `https://client.example\@evil.example/cb`, "javascript:alert(1)//cb",
			"data:text/html,x", "https://client.example/cb%00", "http://127.0.0.1/cb", "",
		} {
			r := c.With("Cookie", "user=ada").Get("/oauth/authorize?" + ask(client, "redirect_uri", uri).Encode())
			refused(t, r, http.StatusBadRequest, "invalid_request")
			assert.Equal(t, r.Header("Location"), "")
		}
		refused(t, c.Get("/oauth/authorize?"+ask(client, "client_id", "nobody").Encode()), http.StatusBadRequest, "invalid_request")
	})
}

// TestLoopback: of a native application only the port is free.
func TestLoopback(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, func(c *galeoidc.Client) {
			public(c)
			c.RedirectURIs = []string{"http://127.0.0.1/cb", "com.example.app:/cb"}
		})
		for uri, good := range map[string]bool{
			"http://127.0.0.1:4711/cb": true, "http://127.0.0.1/cb": true, "com.example.app:/cb": true,
			"http://127.0.0.1:4711/cb/": false, "http://localhost:4711/cb": false, "https://127.0.0.1:4711/cb": false,
			"http://127.0.0.2:4711/cb": false, "http://127.0.0.1:4711/cb?x": false, "http://u@127.0.0.1:4711/cb": false,
			"http://127.0.0.1:4711/cb#": false, "com.example.app:/cb2": false, "http://127.0.0.1.evil.example/cb": false,
		} {
			for range 2 { // an approval of before does not count
				r := c.With("Cookie", "user=ada").Get("/oauth/authorize?" + ask(client, "redirect_uri", uri).Encode())
				if !good {
					refused(t, r, http.StatusBadRequest, "invalid_request")
					continue
				}
				u := location(t, r.Status(http.StatusFound))
				assert.Equal(t, u.Path, "/consent")
				back := approve(t, c, "ada", u.Query().Get("request"))
				assert.True(t, strings.HasPrefix(back.String(), uri+"?"), back.String())
			}
		}
	})
}

// TestAuthorizeRefusals go back to the client, with its state and our name.
func TestAuthorizeRefusals(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, func(c *galeoidc.Client) { c.Scopes = append(c.Scopes, "ghost") })
		_ = code(t, c, "ada", ask(client)) // so that nothing but the fault stands between ada and a code
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." +
			base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+issuer+`","aud":"`+client.ID+`","sub":"ada"}`)) + "."
		access := ok(t, exchange(c, client, code(t, c, "ada", ask(client)))).AccessToken
		for name, test := range map[string]struct {
			change []string
			want   string
		}{
			"no PKCE":         {[]string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
			"plain":           {[]string{"code_challenge", verifier, "code_challenge_method", "plain"}, "invalid_request"},
			"default method":  {[]string{"code_challenge_method", ""}, "invalid_request"},
			"no challenge":    {[]string{"code_challenge", ""}, "invalid_request"},
			"short challenge": {[]string{"code_challenge", "abc"}, "invalid_request"},
			"implicit":        {[]string{"response_type", "token"}, "unauthorized_client"},
			"id_token":        {[]string{"response_type", "id_token"}, "unauthorized_client"},
			"hybrid":          {[]string{"response_type", "code id_token"}, "unauthorized_client"},
			"no type":         {[]string{"response_type", ""}, "invalid_request"},
			"fragment":        {[]string{"response_mode", "form_post"}, "invalid_request"},
			"more scope":      {[]string{"scope", "openid admin"}, "invalid_scope"},
			"unknown scope":   {[]string{"scope", "openid nonsense"}, "invalid_scope"},
			"of no server":    {[]string{"scope", "openid ghost"}, "invalid_scope"},
			"request object":  {[]string{"request", none}, "request_not_supported"},
			"request address": {[]string{"request_uri", "https://evil.example/r"}, "request_not_supported"},
			"unsigned hint":   {[]string{"id_token_hint", none}, "invalid_request"},
			"access as hint":  {[]string{"id_token_hint", access}, "invalid_request"},
			"mixed prompts":   {[]string{"prompt", "none login"}, "invalid_request"},
		} {
			u := authorize(t, c, "ada", ask(client, test.change...))
			answer := u.Query()
			if u.Fragment != "" { // where the standard has errors of the implicit flow
				var err error
				answer, err = url.ParseQuery(u.EscapedFragment())
				assert.NoError(t, err)
			}
			assert.True(t, answer.Get("error") == test.want, name+": "+u.String())
			assert.Equal(t, u.Host, "client.example")
			assert.Equal(t, answer.Get("code"), "")
			assert.Equal(t, answer.Get("state"), "the state")
			assert.Equal(t, answer.Get("iss"), issuer)
		}
	})
}

// TestCode: who has a code has nothing.
func TestCode(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client, other := a.register(t, nil), a.register(t, nil)
		stolen := code(t, c, "ada", ask(client))
		for _, change := range [][]string{
			{"code_verifier", ""},
			{"code_verifier", verifier + "x"},
			{"code_verifier", challenge()},
			{"redirect_uri", redirect + "/"},
			{"code", stolen + "x"},
			{"code", strings.ToUpper(stolen)},
		} {
			refused(t, exchange(c, client, stolen, change...), 400, "invalid_grant")
		}
		refused(t, exchange(c, client, stolen, "redirect_uri", ""), 400, "invalid_request")
		refused(t, exchange(c, other, stolen), 400, "invalid_grant")
		refused(t, exchange(c, registered{client.Client, "wrong"}, stolen), 401, "invalid_client")
		refused(t, exchange(c, registered{client.Client, ""}, stolen), 401, "invalid_client")

		// None of it used the code up; a second use revokes what the first got.
		got := ok(t, exchange(c, client, stolen))
		assert.True(t, active(t, c, client, got.AccessToken), "a fresh token is not active")
		refused(t, exchange(c, client, stolen), 400, "invalid_grant")
		assert.True(t, !active(t, c, client, got.AccessToken), "the token of a code that was used twice is active")
		refused(t, refresh(c, client, got.RefreshToken), 400, "invalid_grant")

		late := code(t, c, "ada", ask(client))
		a.clock.Advance(time.Minute)
		refused(t, exchange(c, client, late), 400, "invalid_grant")
	})
}

// TestCodeRace: of many at once one wins, and what it got does not last.
func TestCodeRace(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		id := authorize(t, c, "ada", ask(client)).Query().Get("request")
		won := atOnce(http.StatusSeeOther, func() *galetest.Response {
			return c.With("Cookie", "user=ada").Post("/consent", url.Values{"request": {id}})
		})
		assert.Equal(t, len(won), 1)
		shared := code(t, c, "ada", ask(client))
		won = atOnce(http.StatusOK, func() *galetest.Response { return exchange(c, client, shared) })
		assert.Equal(t, len(won), 1)
		got := ok(t, won[0])
		assert.True(t, !active(t, c, client, got.AccessToken), "the winner's token is active")

		got = ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
		won = atOnce(http.StatusOK, func() *galetest.Response { return refresh(c, client, got.RefreshToken) })
		assert.Equal(t, len(won), 1)
		refused(t, refresh(c, client, ok(t, won[0]).RefreshToken), 400, "invalid_grant")
	})
}

// atOnce sends eight requests together and returns the answers with the
// status.
func atOnce(status int, send func() *galetest.Response) (won []*galetest.Response) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range 8 {
		wg.Go(func() {
			r := send()
			mu.Lock()
			defer mu.Unlock()
			if r.Raw.StatusCode == status {
				won = append(won, r)
			}
		})
	}
	wg.Wait()
	return won
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client, other := a.register(t, nil), a.register(t, nil)
		fresh := func() tokens { return ok(t, exchange(c, client, code(t, c, "ada", ask(client)))) }
		one := fresh()
		refused(t, refresh(c, other, one.RefreshToken), 400, "invalid_grant")
		refused(t, refresh(c, client, one.AccessToken), 400, "invalid_grant")
		refused(t, refresh(c, client, one.RefreshToken, "scope", "openid read write"), 400, "invalid_scope")
		two := ok(t, refresh(c, client, one.RefreshToken, "scope", "read"))
		assert.Equal(t, two.Scope, "read")
		three := ok(t, refresh(c, client, two.RefreshToken))
		refused(t, refresh(c, client, one.RefreshToken), 400, "invalid_grant") // the thief, or the owner after the thief
		refused(t, refresh(c, client, three.RefreshToken), 400, "invalid_grant")
		assert.True(t, !active(t, c, client, three.AccessToken), "the family lives")

		idle := fresh()
		a.clock.Advance(30 * 24 * time.Hour)
		refused(t, refresh(c, client, idle.RefreshToken), 400, "invalid_grant")

		kept := fresh()
		for range 9 {
			a.clock.Advance(20*24*time.Hour - time.Minute)
			r := refresh(c, client, kept.RefreshToken)
			if r.Raw.StatusCode == http.StatusOK {
				kept = ok(t, r)
			}
		}
		a.clock.Advance(9*time.Minute + time.Second)
		refused(t, refresh(c, client, kept.RefreshToken), 400, "invalid_grant") // 180 days

		blocked := fresh()
		a.users.block("ada")
		assert.True(t, !active(t, c, client, blocked.AccessToken), "the token of a blocked user is active")
		refused(t, refresh(c, client, blocked.RefreshToken), 400, "invalid_grant")

		// Without offline_access there is none.
		short := ok(t, exchange(c, client, code(t, c, "bob", ask(client, "scope", "openid read"))))
		assert.Equal(t, short.RefreshToken, "")
	})
}

func TestIntrospection(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client, other := a.register(t, nil), a.register(t, nil)
		resource := a.register(t, func(c *galeoidc.Client) {
			c.Introspects, c.GrantTypes, c.RedirectURIs = true, []string{galeoidc.ClientCredentials}, nil
		})
		browser := a.register(t, public)
		got := ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
		form := url.Values{"token": {got.AccessToken}}
		refused(t, c.Post("/oauth/introspect", form), 401, "invalid_client")
		refused(t, post(c, "/oauth/introspect", registered{client.Client, "wrong"}, form), 401, "invalid_client")
		refused(t, post(c, "/oauth/introspect", browser, form), 401, "invalid_client")
		refused(t, c.Post("/oauth/introspect", url.Values{"token": {got.AccessToken}, "client_id": {browser.ID}, "client_secret": {"x"}}), 401, "invalid_client")
		for _, token := range []string{got.AccessToken, got.RefreshToken} {
			assert.True(t, active(t, c, client, token), "the owner is not told")
			assert.True(t, active(t, c, resource, token), "the resource server is not told")
			assert.True(t, !active(t, c, other, token), "another client is told")
			post(c, "/oauth/revoke", other, url.Values{"token": {token}}).Status(http.StatusOK)
			assert.True(t, active(t, c, client, token), "another client has revoked a token")
		}
		parts := strings.Split(got.AccessToken, ".")
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		assert.NoError(t, err)
		var claims map[string]any
		assert.NoError(t, json.Unmarshal(payload, &claims))
		claims["scope"] = "admin"
		payload, err = json.Marshal(claims)
		assert.NoError(t, err)
		forged := base64.RawURLEncoding.EncodeToString(payload)
		unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
		for _, token := range []string{
			parts[0] + "." + forged + "." + parts[2], unsigned + "." + forged + ".", unsigned + "." + parts[1] + "." + parts[2],
			got.IDToken, got.AccessToken + "x", "..", ".", "x.y.z", strings.Repeat("a", 5000),
		} {
			assert.True(t, !active(t, c, resource, token), "a forged token is active: "+token)
			c.Bearer(token).Get("/oauth/userinfo").Status(http.StatusUnauthorized)
		}
		c.Bearer(got.AccessToken).Get("/oauth/userinfo").Status(http.StatusOK).HasHeader("Cache-Control", "no-store")
		a.clock.Advance(10 * time.Minute)
		assert.True(t, !active(t, c, resource, got.AccessToken), "an expired token is active")
		c.Bearer(got.AccessToken).Get("/oauth/userinfo").Status(http.StatusUnauthorized)
	})
}

// TestGrantTakenBackMeanwhile: a thief in a session has an app that the user knows
// ask again and again, without a page, while the user takes everything back. The
// trigger does so at the worst moment, after the grant was looked at.
func TestGrantTakenBackMeanwhile(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		_ = code(t, c, "ada", ask(client))
		statements := []string{"CREATE TRIGGER meanwhile BEFORE DELETE ON oauth_requests BEGIN DELETE FROM oauth_grants; END"}
		if a.db.Dialect() == db.Postgres {
			statements = []string{
				"CREATE FUNCTION take_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM oauth_grants; RETURN OLD; END $$",
				"CREATE TRIGGER meanwhile BEFORE DELETE ON oauth_requests FOR EACH ROW EXECUTE FUNCTION take_back()",
			}
		}
		for _, statement := range statements {
			_, err := a.db.Exec(t.Context(), statement)
			assert.NoError(t, err)
		}
		assert.Equal(t, authorize(t, c, "ada", ask(client)).Path, "/consent")
		assert.Equal(t, authorize(t, c, "ada", ask(client, "prompt", "none")).Query().Get("error"), "interaction_required")
	})
}

// TestGrants: what is off is off.
func TestGrants(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client, browser := a.register(t, nil), a.register(t, public)
		for _, grant := range []string{
			"password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange",
			"urn:ietf:params:oauth:grant-type:jwt-bearer", "x",
		} {
			r := post(c, "/oauth/token", client, url.Values{
				"grant_type": {grant}, "username": {"ada"}, "password": {"x"}, "assertion": {"x"}, "device_code": {"x"},
				"subject_token": {"x"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
			})
			r.Status(http.StatusBadRequest)
			assert.True(t, !strings.Contains(r.Text(), "access_token\""), r.Text())
		}
		refused(t, post(c, "/oauth/token", browser, url.Values{"grant_type": {"client_credentials"}}), 400, "unauthorized_client")
		// A public client with a secret, and assertions, are nobody.
		refused(t, post(c, "/oauth/token", registered{browser.Client, "x"}, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}), 401, "invalid_client")
		refused(t, c.Post("/oauth/token", url.Values{
			"grant_type": {"client_credentials"}, "client_assertion": {"a.b.c"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		}), 401, "invalid_client")
		// Two identities in one request.
		refused(t, post(c, "/oauth/token", client, url.Values{"grant_type": {"client_credentials"}, "client_id": {browser.ID}}), 400, "invalid_request")
		for _, path := range []string{"/oauth/device_authorization", "/oauth/end_session", "/oauth/healthz", "/oauth/authorize/callback", "/token"} {
			c.Get(path).Status(http.StatusNotFound)
		}
	})
}

// TestForms: odd input in every parameter of every endpoint is refused, and
// never an error of the server's own.
func TestForms(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		odd := []string{
			"\x00", "a\x00b", "\xff\xfe", "a\r\nSet-Cookie: x=1", "' OR '1'='1", "'; DROP TABLE oauth_clients; --", "<script>alert(1)</script>",
			strings.Repeat("a", 2000), strings.Repeat("a", 10_000), "%00", "\u202e", "-1", "99999999999999999999",
		}
		names := []string{
			"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "prompt",
			"max_age", "id_token_hint", "response_mode", "ui_locales", "acr_values", "login_hint", "display", "request", "request_uri",
		}
		for _, value := range odd {
			for _, name := range names {
				r := c.With("Cookie", "user=ada").Get("/oauth/authorize?" + ask(client, name, value).Encode())
				assert.True(t, r.Raw.StatusCode < 500, name+"="+value+": "+r.Text())
				assert.Equal(t, r.Header("Set-Cookie"), "")
			}
			for grant, names := range map[string][]string{
				"authorization_code": {"code", "code_verifier", "redirect_uri", "client_id", "grant_type"},
				"refresh_token":      {"refresh_token", "scope", "client_id"},
				"client_credentials": {"scope", "client_id"},
			} {
				for _, name := range names {
					form := url.Values{"grant_type": {grant}, "code": {"x"}, "redirect_uri": {redirect}, "refresh_token": {"x"}}
					form.Set(name, value)
					r := post(c, "/oauth/token", client, form)
					assert.True(t, r.Raw.StatusCode >= 400 && r.Raw.StatusCode < 500, grant+" "+name+"="+value+": "+r.Text())
				}
			}
			for _, path := range []string{"/oauth/introspect", "/oauth/revoke"} {
				r := post(c, path, client, url.Values{"token": {value}, "token_type_hint": {value}})
				assert.True(t, r.Raw.StatusCode < 500, path+" "+value+": "+r.Text())
			}
			r := post(c, "/oauth/token", registered{galeoidc.Client{ID: url.QueryEscape(value)}, "x"}, url.Values{"grant_type": {"client_credentials"}})
			assert.True(t, r.Raw.StatusCode < 500, "client_id "+value+": "+r.Text())
		}
		refused(t, c.Get("/oauth/authorize?"+ask(client).Encode()+"&scope=admin"), 400, "invalid_request")
		refused(t, c.Get("/oauth/authorize?"+ask(client, "state", strings.Repeat("a", 2049)).Encode()), 400, "invalid_request")
		refused(t, c.Post("/oauth/token", url.Values{"x": {strings.Repeat("a", 40<<10)}}), 413, "invalid_request")
		refused(t, c.Post("/oauth/token?client_secret="+client.secret, url.Values{"grant_type": {"client_credentials"}, "client_id": {client.ID}}), 400, "invalid_request")
		refused(t, c.Post("/oauth/token", `{"grant_type":"client_credentials"}`), 415, "invalid_request")
		refused(t, c.Get("/oauth/token"), 405, "invalid_request")
		refused(t, c.Get("/oauth/userinfo?access_token=x"), 400, "invalid_request")
		still, err := a.store.Clients(t.Context(), "owner")
		assert.NoError(t, err)
		assert.Equal(t, len(still), 1)
	})
}

// TestBrowsers: any page may call what needs no cookie, and none the rest.
func TestBrowsers(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		evil := c.With("Origin", "https://evil.example")
		for _, path := range []string{"/oauth/token", "/oauth/userinfo", "/oauth/jwks"} {
			r := evil.Do(evil.NewRequest(http.MethodOptions, path, nil)).Status(http.StatusNoContent)
			r.HasHeader("Access-Control-Allow-Origin", "*").HasHeader("Access-Control-Allow-Credentials", "")
		}
		r := evil.With("Cookie", "user=ada").Get("/oauth/authorize?" + ask(client).Encode())
		r.HasHeader("Access-Control-Allow-Origin", "").HasHeader("Cache-Control", "no-store").HasHeader("Referrer-Policy", "no-referrer")
		evil.Do(evil.NewRequest(http.MethodOptions, "/oauth/authorize", nil)).Status(http.StatusMethodNotAllowed)
	})
}

// TestApproveIsBound: a request is answered once, in time, and by whom the
// client wants.
func TestApproveIsBound(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		id := authorize(t, c, "ada", ask(client)).Query().Get("request")
		c.Post("/consent", url.Values{"request": {id}}).Status(http.StatusForbidden) // nobody
		_, err := a.server.Approve(t.Context(), id, galeoidc.Session{AuthTime: a.clock.Now()})
		assert.ErrorIs(t, err, galeoidc.ErrLoginRequired)
		// Whoever is lured to another's page cannot answer it, even in time.
		c.With("Cookie", "user=bob").Post("/consent", url.Values{"request": {id}}).Status(http.StatusForbidden)
		bob := location(t, c.With("Cookie", "user=bob").Get("/oauth/authorize/resume?request="+id).Status(http.StatusSeeOther))
		assert.Equal(t, bob.Query().Get("error"), "login_required")
		page, err := a.server.Request(t.Context(), id)
		assert.NoError(t, err)
		assert.Equal(t, page.UserID, "ada")
		_ = approve(t, c, "ada", id)
		c.With("Cookie", "user=ada").Post("/consent", url.Values{"request": {id}}).Status(http.StatusNotFound)

		hint := ok(t, exchange(c, client, code(t, c, "ada", ask(client)))).IDToken
		login := authorize(t, c, "bob", ask(client, "id_token_hint", hint))
		assert.Equal(t, login.Path, "/login")
		var next *url.URL
		next, err = url.Parse(login.Query().Get("next"))
		assert.NoError(t, err)
		c.With("Cookie", "user=bob").Post("/consent", url.Values{"request": {next.Query().Get("request")}}).Status(http.StatusForbidden)

		for _, odd := range []string{"", "\x00", "\xff", "' OR '1'='1", strings.Repeat("a", 5000)} {
			c.With("Cookie", "user=bob").Post("/consent", url.Values{"request": {odd}}).Status(http.StatusNotFound)
		}
		old := authorize(t, c, "bob", ask(client)).Query().Get("request")
		a.clock.Advance(30 * time.Minute)
		c.With("Cookie", "user=bob").Get("/consent?request=" + old).Status(http.StatusNotFound)
	})
}

// TestThrottle: guesses at a secret are bounded by what the application gives.
func TestThrottle(t *testing.T) {
	t.Parallel()
	throttle := auth.NewThrottle(auth.ThrottleOptions{Name: "oauth"})
	change := func(o *galeoidc.Options) {
		o.Throttle = func(r *http.Request, id string, verify func(context.Context) (bool, error)) (bool, error) {
			return throttle.Check(r.Context(), auth.Attempt{Account: id}, verify)
		}
	}
	run(t, change, func(t *testing.T, c *galetest.Client, a *app) {
		client := a.register(t, nil)
		form := func() url.Values { return url.Values{"grant_type": {"client_credentials"}} }
		ok(t, post(c, "/oauth/token", client, form()))
		for range 5 {
			refused(t, post(c, "/oauth/token", registered{client.Client, "wrong"}, form()), 401, "invalid_client")
		}
		r := post(c, "/oauth/token", client, form())
		refused(t, r, 429, "invalid_client")
		assert.True(t, r.Header("Retry-After") != "", "no Retry-After")
	})
}

// TestClientOfABlockedUser: who was thrown out does not stay by a client that
// they have registered, and that acts for itself; what it does for others goes on.
func TestClientOfABlockedUser(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, c *galetest.Client, a *app) {
		own := url.Values{"grant_type": {"client_credentials"}}
		resource := a.register(t, func(c *galeoidc.Client) { c.Introspects, c.CreatedBy = true, "" })
		client := a.register(t, nil)
		mine, of := ok(t, post(c, "/oauth/token", client, own)), ok(t, exchange(c, client, code(t, c, "ada", ask(client))))
		assert.True(t, active(t, c, resource, mine.AccessToken), "a good token is refused")
		assert.True(t, !a.denied(t, mine.AccessToken), "a good token is denied")
		a.users.block("owner")
		refused(t, post(c, "/oauth/token", client, own), 400, "unauthorized_client")
		assert.True(t, !active(t, c, resource, mine.AccessToken) && !active(t, c, client, mine.AccessToken), "introspection knows of nothing")
		assert.True(t, a.denied(t, mine.AccessToken), "the application takes it")
		assert.True(t, active(t, c, resource, of.AccessToken) && !a.denied(t, of.AccessToken), "the access of another user ended")
		ok(t, refresh(c, client, of.RefreshToken))
		ok(t, post(c, "/oauth/token", resource, own)) // which nobody is named for
	})
}
