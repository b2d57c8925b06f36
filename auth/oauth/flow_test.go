package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/web"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		first := w.c.Get("/login/staff?next=/packets%3Fa=1%26b=2").Status(303).HasHeader("Cache-Control", "no-store")
		u, err := url.Parse(first.Header("Location"))
		assert.NoError(t, err)
		assert.Equal(t, u.Scheme+"://"+u.Host+u.Path, issuer+"/authorize")
		q := u.Query()
		for name, want := range map[string]string{
			"response_type": "code", "client_id": clientID, "scope": "openid email profile", "code_challenge_method": "S256",
			"redirect_uri": base + "/login/staff/callback", // and not the Host of the request
			"prompt":       "", "max_age": "",
		} {
			assert.Equal(t, q.Get(name), want)
		}
		for _, name := range []string{"state", "nonce", "code_challenge"} {
			assert.Equal(t, len(q.Get(name)), 43)
		}
		cookie := first.Header("Set-Cookie")
		assert.True(t, strings.HasPrefix(cookie, "__Host-oauth="), cookie)
		for _, attr := range []string{"; Path=/", "; Max-Age=600", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
			assert.Contains(t, cookie, attr)
		}
		for _, open := range []string{q.Get("state"), q.Get("nonce")} {
			assert.True(t, !strings.Contains(cookie, open), "the cookie shows what it must hide")
		}

		end := w.back(w.agree(first.Header("Location"))).Status(303).HasHeader("Location", "/packets?a=1&b=2").
			HasHeader("Cache-Control", "no-store").HasHeader("Referrer-Policy", "no-referrer")
		assert.Contains(t, end.Header("Set-Cookie"), "__Host-oauth=; Path=/; Max-Age=0")
		assert.Equal(t, w.result(), oauth.Result{
			Identity: oauth.Identity{
				Provider: "staff", Issuer: issuer, Subject: "subject-1", Email: "ann@example.com", EmailVerified: true, Name: "Ann",
			},
			Purpose: oauth.SignIn, Next: "/packets?a=1&b=2",
		})
	})
}

func TestEachTripHasSecretsOfItsOwn(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		seen := map[string]bool{}
		for range 3 {
			u, err := url.Parse(w.start("/login/staff"))
			assert.NoError(t, err)
			for _, name := range []string{"state", "nonce", "code_challenge"} {
				v := u.Query().Get(name)
				assert.True(t, !seen[v], name+" is used twice")
				seen[v] = true
			}
		}
		assert.Equal(t, w.count("GET id.example.com/.well-known/openid-configuration"), 1)
	})
}

func TestNextStaysHere(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		for next, want := range map[string]string{
			"https://evil.example": "/", "//evil.example": "/", `/\evil.example`: "/", "javascript:alert(1)": "/", "": "/",
			"/" + strings.Repeat("&", 1500):  "/" + strings.Repeat("&", 1500), // fits
			"/" + strings.Repeat("\"", 2000): "/",                             // does not, escaped
			"/a?b=c#d":                       "/a?b=c#d",
		} {
			to := w.start("/login/staff?next=" + url.QueryEscape(next))
			w.back(w.agree(to)).Status(303)
			assert.Equal(t, w.result().Next, want)
		}
	})
}

// Another site must not begin a trip, whatever the browser's age: with an
// account of the attacker's at the provider it would end as a link, or a
// sign-in, that the user did not ask for.
func TestOnlyPagesOfThisSiteBeginATrip(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			for _, tc := range []struct {
				site, origin, referer string
				want                  int
			}{
				{site: "same-origin", want: 303},
				{site: "none", want: 303},
				{site: "cross-site", origin: base, referer: base + "/", want: 403},
				{site: "same-site", want: 403},
				{want: 403},
				{origin: base, want: 303},
				{referer: base + "/login?x", want: 303},
				{origin: "null", referer: base + "/", want: 403},
				{origin: "http://app.example.com", want: 403},
				{referer: "https://evil.example/" + base, want: 403},
				{referer: base + ".evil.example/", want: 403},
				{referer: "https://app.example.com@evil.example/", want: 403},
			} {
				r := w.server.Client().NewRequest(method, "/login/staff", nil)
				for name, v := range map[string]string{"Sec-Fetch-Site": tc.site, "Origin": tc.origin, "Referer": tc.referer} {
					if v != "" {
						r.Header.Set(name, v)
					}
				}
				resp := w.c.Do(r).Status(tc.want)
				if tc.want == 403 {
					resp.Problem("cross_origin").HasHeader("Set-Cookie", "")
				}
			}
		}
		w.c.Delete("/login/staff").Status(405).HasHeader("Allow", "GET, POST")
	})
}

func TestDeniedIsToldKindly(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		q := w.agree(w.start("/login/staff"))
		w.back(url.Values{
			"state": q["state"], "error": {"access_denied"}, "error_description": {"<b>call 555-1234</b>"},
		}).Status(403).Problem("oauth_denied").Contains("staff did not let you in").
			HasHeader("Referrer-Policy", "no-referrer")
		w.back(q).Status(400).Problem("oauth_state") // the trip is over
		assert.Equal(t, w.result(), oauth.Result{})
	})
}

func TestOtherErrorsAreTheProvidersFault(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		w.c.ExpectLog("request failed")
		q := w.agree(w.start("/login/staff"))
		resp := w.back(url.Values{"state": q["state"], "error": {"server_error\r\nforged=1"}}).Status(502).Problem("oauth_provider")
		assert.True(t, !strings.Contains(resp.Text(), "forged"), "the provider's words are shown")
		assert.True(t, !strings.Contains(w.server.Log().Text(), "\nforged"), "a log line was forged")
	})
}

func TestLink(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		w.c.Get("/link/staff").Status(403).Problem("oauth_user")
		w.c.SetCookie("who", "u1")
		w.back(w.agree(w.start("/link/staff?next=/security"))).Status(303)
		assert.Equal(t, w.result().Purpose, oauth.Link)
		assert.Equal(t, w.result().User, "u1")

		// Signed in as somebody else meanwhile, or not at all: whose account
		// would it be?
		for _, who := range []string{"u2", ""} {
			w.c.SetCookie("who", "u1")
			q := w.agree(w.start("/link/staff"))
			w.set(func() { w.last = oauth.Result{} })
			w.c.SetCookie("who", who)
			w.back(q).Status(403).Problem("oauth_user")
			assert.Equal(t, w.result(), oauth.Result{})
		}
	})
}

func TestLinkNeedsARecentProof(t *testing.T) {
	t.Parallel()
	run(t, func(_ *fake, o *oauth.Options) { o.Recent = 4 * time.Minute }, func(t *testing.T, w *world) { // app says 5
		w.c.SetCookie("who", "u1")
		w.c.Get("/link/staff").Status(403).Problem("oauth_user").HasHeader("Set-Cookie", "")
		w.start("/login/staff")
		w.start("/again/staff") // which is how to become recent
	})
}

// A provider that remembers the user answers at once, without asking: no proof.
func TestStepUpNeedsAFreshSignIn(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		w.c.SetCookie("who", "u1")
		began := w.clock.Now()
		for _, tc := range []struct {
			authTime any
			want     int
		}{
			{nil, 502},
			{began.Add(-time.Minute).Unix(), 502},
			{began.Add(-10 * time.Second).Unix(), 303}, // the provider's clock
			{began.Add(time.Second).Unix(), 303},
		} {
			if tc.want == 502 {
				w.c.ExpectLog("has just signed in")
			}
			w.set(func() { w.claims = map[string]any{"auth_time": tc.authTime} })
			to := w.start("/again/staff")
			u, err := url.Parse(to)
			assert.NoError(t, err)
			assert.Equal(t, u.Query().Get("max_age"), "0")
			assert.Equal(t, u.Query().Get("prompt"), "login")
			w.back(w.agree(to)).Status(tc.want)
		}
		assert.Equal(t, w.result().Purpose, oauth.StepUp)
		assert.Equal(t, w.result().User, "u1")
	})
}

func TestErrorsCanBeToldApart(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := oauth.New(oauth.Options{
		BaseURL: base, AEAD: aead(t), Transport: f, Clock: f.clock.Now,
		Providers: []oauth.Provider{oauth.OIDC("staff", issuer, clientID, config.NewSecret(secret))},
		Done:      func(http.ResponseWriter, *http.Request, oauth.Result) error { return nil },
	})
	err := c.Callback("staff")(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/?state=x", nil))
	assert.ErrorIs(t, err, oauth.ErrState)
	f.set(func() { f.doc = map[string]any{"issuer": "https://other.example.com"} })
	r := httptest.NewRequest(http.MethodGet, "/login/staff", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	err = c.Start("staff", oauth.SignIn)(httptest.NewRecorder(), r)
	assert.ErrorIs(t, err, oauth.ErrProvider)
}

func TestWrongWiringPanics(t *testing.T) {
	t.Parallel()
	good := func() oauth.Options {
		return oauth.Options{
			BaseURL: base, AEAD: aead(t), Done: func(http.ResponseWriter, *http.Request, oauth.Result) error { return nil },
			Providers: []oauth.Provider{oauth.OIDC("staff", issuer, clientID, config.NewSecret(secret))},
		}
	}
	for name, change := range map[string]func(*oauth.Options){
		"AEAD":          func(o *oauth.Options) { o.AEAD = nil },
		"Done":          func(o *oauth.Options) { o.Done = nil },
		"Providers":     func(o *oauth.Options) { o.Providers = nil },
		"twice":         func(o *oauth.Options) { o.Providers = append(o.Providers, o.Providers[0]) },
		"name":          func(o *oauth.Options) { o.Providers[0].Name = "../x" },
		"client":        func(o *oauth.Options) { o.Providers[0].ClientID = "" },
		"plain issuer":  func(o *oauth.Options) { o.Providers[0].Issuer = "http://id.example.com" },
		"plain base":    func(o *oauth.Options) { o.BaseURL = "http://app.example.com" },
		"relative base": func(o *oauth.Options) { o.BaseURL = "app.example.com" },
		"path":          func(o *oauth.Options) { o.CallbackPath = "/callback" },
		"negative":      func(o *oauth.Options) { o.Recent = -1 },
		"tenant": func(o *oauth.Options) {
			o.Providers[0] = oauth.Microsoft("example.com", clientID, config.NewSecret(secret))
		},
		"secret": func(o *oauth.Options) { o.Providers[0] = oauth.Google(clientID, config.Secret{}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := good()
			change(&o)
			v, _ := assert.Panics(t, func() { oauth.New(o) }).(string)
			assert.Contains(t, v, "oauth: ")
		})
	}
	o := good()
	o.Providers = append(o.Providers, oauth.GitHub(clientID, config.NewSecret(secret)))
	c := oauth.New(o)
	assert.Panics(t, func() { c.Callback("staf") })
	assert.Panics(t, func() { c.CallbackPath("staf") })
	assert.Panics(t, func() { c.Start("staff", "other") })
	assert.Panics(t, func() { c.Start("staff", oauth.Link) }) // without User
	o.User = nil
	assert.Panics(t, func() { c.Start("github", oauth.StepUp) })
	assert.Equal(t, c.CallbackPath("staff"), "/login/staff/callback")
	assert.Equal(t, c.Providers()[1].Label, "GitHub")
}

func TestBelowAPathAndWithoutTLS(t *testing.T) {
	t.Parallel()
	run(t, func(_ *fake, o *oauth.Options) {
		o.BaseURL, o.Insecure, o.CallbackPath = "http://127.0.0.1:8080/app/", true, "/back/{provider}"
	}, func(t *testing.T, w *world) {
		resp := w.c.Get("/login/staff").Status(303)
		u, err := url.Parse(resp.Header("Location"))
		assert.NoError(t, err)
		assert.Equal(t, u.Query().Get("redirect_uri"), "http://127.0.0.1:8080/app/back/staff")
		assert.True(t, strings.HasPrefix(resp.Header("Set-Cookie"), "oauth="), "a __Host- cookie over plain HTTP is dropped")
		w.c.Get("/back/staff?" + w.agree(resp.Header("Location")).Encode()).Status(303)
	})
}

func TestDoneAnswersWithErrorsToo(t *testing.T) {
	t.Parallel()
	run(t, func(_ *fake, o *oauth.Options) {
		o.Done = func(http.ResponseWriter, *http.Request, oauth.Result) error { return web.Invalid("name", "is taken") }
	}, func(_ *testing.T, w *world) { w.back(w.agree(w.start("/login/staff"))).Status(422) })
}
