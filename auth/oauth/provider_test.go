package oauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/internal/assert"
)

const discoveryOf = "id.example.com/.well-known/openid-configuration"

// starter is a Client without a server, for tests in a bubble of fake time.
func starter(t *testing.T, f *fake, timeout time.Duration) func() error {
	c := oauth.New(oauth.Options{
		BaseURL: base, AEAD: aead(t), Transport: f, Timeout: timeout,
		Providers: []oauth.Provider{oauth.OIDC("staff", issuer, clientID, config.NewSecret(secret))},
		Done:      func(http.ResponseWriter, *http.Request, oauth.Result) error { return nil },
	})
	return func() error {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/login/staff", nil)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		return c.Start("staff", oauth.SignIn)(httptest.NewRecorder(), r)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestProviderThatIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		begin := starter(t, f, 0)
		f.set(func() { f.routes[discoveryOf] = status(500) })
		assert.ErrorIs(t, begin(), oauth.ErrProvider)
		assert.Equal(t, f.count("GET "+discoveryOf), 3)
		assert.ErrorIs(t, begin(), oauth.ErrProvider) // at once, without asking
		assert.Equal(t, f.count("GET "+discoveryOf), 3)

		time.Sleep(6 * time.Second)
		f.set(func() { delete(f.routes, discoveryOf) })
		assert.NoError(t, begin())
		assert.NoError(t, begin())
		assert.Equal(t, f.count("GET "+discoveryOf), 4)

		// A day later it is asked again, and being down is no harm.
		time.Sleep(25 * time.Hour)
		f.set(func() { f.routes[discoveryOf] = status(500) })
		assert.NoError(t, begin())
		assert.NoError(t, begin())
		assert.Equal(t, f.count("GET "+discoveryOf), 7)
		time.Sleep(6 * time.Second)
		f.set(func() { delete(f.routes, discoveryOf) })
		assert.NoError(t, begin())
		assert.Equal(t, f.count("GET "+discoveryOf), 8)
	})
}

func TestProviderThatHiccups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.routes[discoveryOf] = func(w http.ResponseWriter, _ *http.Request) {
			f.set(func() { delete(f.routes, discoveryOf) })
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		assert.NoError(t, starter(t, f, 0)())
	})
}

func TestProviderThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.routes[discoveryOf] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		begin := starter(t, f, 3*time.Second)
		began := time.Now()
		errs := make(chan error)
		for range 5 {
			go func() { errs <- begin() }()
		}
		for range 5 {
			assert.ErrorIs(t, <-errs, oauth.ErrProvider)
		}
		assert.Equal(t, time.Since(began), 3*time.Second)
		assert.Equal(t, f.count("GET "+discoveryOf), 1)
	})
}

func TestDocumentsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]map[string]any{
		"issuer":        {"issuer": "https://evil.example"},
		"plain auth":    {"authorization_endpoint": "http://id.example.com/authorize"},
		"plain token":   {"token_endpoint": "http://id.example.com/token"},
		"plain keys":    {"jwks_uri": "http://id.example.com/keys"},
		"plain user":    {"userinfo_endpoint": "http://id.example.com/userinfo"},
		"no keys":       {"jwks_uri": ""},
		"a script":      {"authorization_endpoint": "javascript:alert(1)"},
		"another shape": {"jwks_uri": 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t)
				f.doc = doc
				assert.ErrorIs(t, starter(t, f, 0)(), oauth.ErrProvider)
			})
		})
	}
}

func TestAnswersOfAnySize(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		for _, path := range []string{"/keys", "/token"} {
			q := w.agree(w.start("/login/staff"))
			w.set(func() {
				w.routes["id.example.com"+path] = func(rw http.ResponseWriter, _ *http.Request) {
					rw.Header().Set("Content-Type", "application/json")
					_, _ = rw.Write([]byte(`{"keys":[` + strings.Repeat(" ", 2<<20) + `],"access_token":"x","token_type":"Bearer"}`))
				}
			})
			code := "oauth_refused"
			if path == "/token" {
				code = "oauth_provider"
			}
			w.refused(q, 502, code)
			w.set(func() { delete(w.routes, "id.example.com"+path) })
		}
		assert.Contains(t, w.server.Log().Text(), "too long")
	})
}

// A redirect would carry the code, the verifier and the secret elsewhere.
func TestRedirectsOfProvidersAreNotFollowed(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		w.set(func() {
			w.routes["id.example.com/token"] = func(rw http.ResponseWriter, r *http.Request) {
				http.Redirect(rw, r, "https://evil.example/token", http.StatusTemporaryRedirect)
			}
		})
		w.refused(w.agree(w.start("/login/staff")), 502, "oauth_provider")
		assert.Equal(t, w.count("POST evil.example/token"), 0)
		assert.Equal(t, w.count("POST id.example.com/token"), 1)
	})
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		w.back(w.agree(w.start("/login/staff"))).Status(303)
		w.back(w.agree(w.start("/login/staff"))).Status(303)
		assert.Equal(t, w.count("GET id.example.com/keys"), 1)
		w.set(func() { w.key, w.kid = newFake(t).key, "k2" })
		w.back(w.agree(w.start("/login/staff"))).Status(303)
		assert.Equal(t, w.count("GET id.example.com/keys"), 2)
	})
}

// posted has the token endpoint take the secret in the body, and no other way.
func posted(f *fake) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, _, basic := r.BasicAuth(); basic || r.FormValue("client_id") != clientID || r.FormValue("client_secret") != secret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.SetBasicAuth(clientID, url.QueryEscape(secret))
		f.token(w, r)
	}
}

func TestSecretInTheBodyWhereThatIsAnnounced(t *testing.T) {
	t.Parallel()
	run(t, func(f *fake, _ *oauth.Options) {
		f.doc = map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_post"}}
		f.routes["id.example.com/token"] = posted(f)
	}, func(_ *testing.T, w *world) { w.back(w.agree(w.start("/login/staff"))).Status(303) })
}

func TestPublicClient(t *testing.T) {
	t.Parallel()
	run(t, func(f *fake, o *oauth.Options) {
		o.Providers[0].Secret = config.Secret{}
		f.routes["id.example.com/token"] = func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, r.FormValue("client_id"), clientID)
			_, has := r.Form["client_secret"]
			assert.True(t, !has && r.Header.Get("Authorization") == "", "a secret was sent")
			r.SetBasicAuth(clientID, url.QueryEscape(secret))
			f.token(w, r)
		}
	}, func(_ *testing.T, w *world) { w.back(w.agree(w.start("/login/staff"))).Status(303) })
}

// The shapes are those of https://developers.google.com/identity/openid-connect/openid-connect
func TestGoogle(t *testing.T) {
	t.Parallel()
	run(t, func(f *fake, o *oauth.Options) {
		o.Providers = []oauth.Provider{oauth.Google(clientID, config.NewSecret(secret))}
		f.doc = map[string]any{
			"authorization_endpoint":                "https://accounts.google.com/o/oauth2/v2/auth",
			"token_endpoint":                        "https://oauth2.googleapis.com/token",
			"jwks_uri":                              "https://www.googleapis.com/keys",
			"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		}
		f.claims = map[string]any{
			"iss": "https://accounts.google.com", "sub": "10769150350006150715113082367", "azp": clientID, "hd": "example.com",
		}
	}, func(t *testing.T, w *world) {
		for _, iss := range []string{"https://accounts.google.com", "accounts.google.com"} {
			w.set(func() { w.claims["iss"] = iss })
			to := w.start("/login/google")
			assert.True(t, strings.HasPrefix(to, "https://accounts.google.com/o/oauth2/v2/auth?"), to)
			w.c.Get("/login/google/callback?" + w.agree(to).Encode()).Status(303)
			assert.Equal(t, w.result().Identity, oauth.Identity{
				Provider: "google", Issuer: "https://accounts.google.com", Subject: "10769150350006150715113082367",
				Email: "ann@example.com", EmailVerified: true, Name: "Ann", Tenant: "example.com",
			})
		}
		w.c.SetCookie("who", "u1")
		u, err := url.Parse(w.start("/link/google"))
		assert.NoError(t, err)
		assert.Equal(t, u.Query().Get("prompt"), "select_account")
	})
}

// The shapes are those of https://docs.github.com/en/apps/oauth-apps and …/rest/users.
func TestGitHub(t *testing.T) {
	t.Parallel()
	user := map[string]any{"login": "octocat", "id": 583231, "name": "The Octocat", "email": "public@example.com"}
	mails := []map[string]any{
		{"email": "old@example.com", "primary": false, "verified": true, "visibility": nil},
		{"email": "ann@example.com", "primary": true, "verified": true, "visibility": "private"},
	}
	run(t, func(f *fake, o *oauth.Options) {
		o.Providers = []oauth.Provider{oauth.GitHub(clientID, config.NewSecret(secret))}
		f.routes["github.com/login/oauth/access_token"] = func(w http.ResponseWriter, r *http.Request) {
			id, code := r.FormValue("client_id"), r.FormValue("code")
			f.mu.Lock()
			asked, ok := f.codes[code]
			delete(f.codes, code)
			f.mu.Unlock()
			w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
			if !ok || id != clientID || r.FormValue("client_secret") != secret ||
				challenge(r.FormValue("code_verifier")) != asked.Get("code_challenge") {
				_, _ = w.Write([]byte("error=bad_verification_code&error_description=The+code+passed+is+incorrect+or+expired.")) // with 200
				return
			}
			_, _ = w.Write([]byte("access_token=gho_1&scope=read%3Auser%2Cuser%3Aemail&token_type=bearer"))
		}
		api := func(v any) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer gho_1" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				writeJSON(w, v)
			}
		}
		f.routes["api.github.com/user"], f.routes["api.github.com/user/emails"] = api(user), api(mails)
	}, func(t *testing.T, w *world) {
		to := w.start("/login/github")
		u, err := url.Parse(to)
		assert.NoError(t, err)
		assert.Equal(t, u.Scheme+"://"+u.Host+u.Path, "https://github.com/login/oauth/authorize")
		assert.Equal(t, u.Query().Get("scope"), "read:user user:email")
		back := func() string { return "/login/github/callback?" + w.agree(w.start("/login/github")).Encode() }
		w.c.Get(back()).Status(303)
		want := oauth.Identity{
			Provider: "github", Issuer: "https://github.com", Subject: "583231",
			Email: "ann@example.com", EmailVerified: true, Name: "The Octocat",
		}
		assert.Equal(t, w.result().Identity, want)

		w.set(func() { w.routes["api.github.com/user/emails"] = status(403) }) // the scope was taken away
		w.c.Get(back()).Status(303)
		want.Email, want.EmailVerified = "", false
		assert.Equal(t, w.result().Identity, want)

		w.set(func() { w.routes["api.github.com/user/emails"] = status(500) })
		w.c.ExpectLog("request failed")
		w.c.Get(back()).Status(502).Problem("oauth_provider")

		w.set(func() {
			w.routes["api.github.com/user"] = func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, map[string]any{"login": "ann"}) }
		})
		w.c.Get(back()).Status(502).Problem("oauth_refused")
		w.c.Get("/login/github/callback?code=x&" + url.Values{"state": w.agree(w.start("/login/github"))["state"]}.Encode()).
			Status(502).Problem("oauth_provider")
		assert.Contains(t, w.server.Log().Text(), "bad_verification_code")
	})
}

func TestGitHubMailThatIsNotVerified(t *testing.T) {
	t.Parallel()
	run(t, func(f *fake, o *oauth.Options) {
		p := oauth.GitHub(clientID, config.NewSecret(secret))
		p.Address = "https://git.example.com" // an Enterprise Server
		p.Issuer = p.Address
		o.Providers = []oauth.Provider{p}
		answer := func(v any) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, v) }
		}
		f.routes["git.example.com/login/oauth/access_token"] = answer(map[string]any{"access_token": "x", "token_type": "bearer"})
		f.routes["git.example.com/api/v3/user"] = answer(map[string]any{"id": 7, "login": "ann", "name": nil})
		f.routes["git.example.com/api/v3/user/emails"] = answer([]map[string]any{
			{"email": "victim@example.com", "primary": true, "verified": false},
			{"email": "own@example.com", "primary": false, "verified": true},
		})
	}, func(t *testing.T, w *world) {
		w.c.Get("/login/github/callback?" + w.agree(w.start("/login/github")).Encode()).Status(303)
		assert.Equal(t, w.result().Identity, oauth.Identity{
			Provider: "github", Issuer: "https://git.example.com", Subject: "7", Email: "victim@example.com", Name: "ann",
		})
	})
}
