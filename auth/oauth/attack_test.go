package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/internal/assert"
)

// refused is what every attack below must meet: no result.
func (w *world) refused(q url.Values, status int, code string) {
	w.t.Helper()
	if status == http.StatusBadGateway {
		w.c.ExpectLog("request failed")
	}
	w.set(func() { w.last = oauth.Result{} })
	w.back(q).Status(status).Problem(code)
	assert.Equal(w.t, w.result(), oauth.Result{})
}

// Login CSRF: the attacker begins, agrees with an account of their own, and has
// the victim's browser finish.
func TestAnotherBrowsersState(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		attackers := w.agree(w.start("/login/staff"))
		w.c = w.server.Client().Browser() // the victim, who has no trip
		w.refused(attackers, 400, "oauth_state")
		victims := w.agree(w.start("/login/staff")) // or has one
		w.refused(attackers, 400, "oauth_state")
		assert.Equal(t, w.count("POST id.example.com/token"), 0)
		w.back(victims).Status(303) // which the attack has not ended
	})
}

func TestStatesThatAreNone(t *testing.T) {
	t.Parallel()
	run(t, nil, func(_ *testing.T, w *world) {
		good := w.agree(w.start("/login/staff"))
		for _, q := range []url.Values{
			{},
			{"code": good["code"]},
			{"code": good["code"], "state": {""}},
			{"code": good["code"], "state": {good.Get("state")[1:]}},
			{"code": good["code"], "state": {good.Get("state"), good.Get("state")}},
			{"code": {"x", good.Get("code")}, "state": good["state"]},
			{"code": {strings.Repeat("x", 9000)}, "state": good["state"]},
		} {
			w.refused(q, 400, "oauth_state")
		}
		w.c.Get("/login/staff/callback?state=%zz").Status(400)
		w.c.Do(w.c.NewRequest(http.MethodHead, "/login/staff/callback?"+good.Encode(), nil)).Status(405)
		w.c.Post("/login/staff/callback?"+good.Encode(), nil).Status(405)
		w.back(good).Status(303)
	})
}

func TestCookiesThatAreNone(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		good := w.agree(w.start("/login/staff"))
		value := w.c.Cookie("__Host-oauth")
		changed := []byte(value)
		changed[len(changed)/2] ^= 1
		for _, cookie := range []string{
			"", "x", value[:len(value)-4], string(changed), value + "; __Host-oauth=" + value,
		} {
			stranger := w.server.Client().With("Cookie", "__Host-oauth="+cookie)
			stranger.Get("/login/staff/callback?" + good.Encode()).Status(400).Problem("oauth_state")
		}
		assert.Equal(t, w.count("POST id.example.com/token"), 0)
	})
}

func TestReplay(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		to := w.start("/login/staff")
		cookie := w.c.Cookie("__Host-oauth")
		w.back(w.agree(to)).Status(303)
		assert.Equal(t, w.c.Cookie("__Host-oauth"), "")
		w.refused(w.agree(to), 400, "oauth_state")
		// With a copy of the cookie, and a new code.
		w.c.SetCookie("__Host-oauth", cookie)
		w.refused(w.agree(to), 400, "oauth_state")
		assert.Equal(t, w.count("POST id.example.com/token"), 1)
	})
}

func TestATripTakesTenMinutesAtMost(t *testing.T) {
	t.Parallel()
	run(t, nil, func(_ *testing.T, w *world) {
		q := w.agree(w.start("/login/staff"))
		w.clock.Advance(10*time.Minute - time.Millisecond)
		w.back(q).Status(303)
		q = w.agree(w.start("/login/staff"))
		w.clock.Advance(10 * time.Minute)
		w.refused(q, 400, "oauth_state")
	})
}

func two(f *fake, o *oauth.Options) {
	o.Providers = append(o.Providers, oauth.OIDC("evil", "https://evil.example", clientID, config.NewSecret(secret)))
	f.doc = map[string]any{}
}

// Mix-up, RFC 9700 section 4.4: a provider has the browser come back as if from
// another, to be sent the other's code.
func TestStateOfAnotherProvider(t *testing.T) {
	t.Parallel()
	run(t, two, func(t *testing.T, w *world) {
		q := w.agree(w.start("/login/evil"))
		w.refused(q, 400, "oauth_state")
		q = w.agree(w.start("/login/staff"))
		w.c.Get("/login/evil/callback?" + q.Encode()).Status(400).Problem("oauth_state")
		assert.Equal(t, w.count("POST id.example.com/token")+w.count("POST evil.example/token"), 0)
		assert.Equal(t, w.result(), oauth.Result{})
	})
}

// RFC 9207.
func TestIssOfTheAnswer(t *testing.T) {
	t.Parallel()
	for name, announced := range map[string]bool{"announced": true, "not announced": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(f *fake, _ *oauth.Options) {
				f.doc = map[string]any{"authorization_response_iss_parameter_supported": announced}
			}, func(t *testing.T, w *world) {
				for _, iss := range []string{"https://evil.example", issuer + "/", strings.ToUpper(issuer)} {
					q := w.agree(w.start("/login/staff"))
					q.Set("iss", iss)
					w.refused(q, 502, "oauth_refused")
					q = url.Values{"state": w.agree(w.start("/login/staff"))["state"], "error": {"access_denied"}, "iss": {iss}}
					w.refused(q, 502, "oauth_refused")
				}
				if q := w.agree(w.start("/login/staff")); announced {
					w.refused(q, 502, "oauth_refused")
				} else {
					w.back(q).Status(303)
				}
				assert.True(t, w.count("POST id.example.com/token") <= 1, "a code was sent")
				q := w.agree(w.start("/login/staff"))
				q.Set("iss", issuer)
				w.back(q).Status(303)
			})
		})
	}
}

// Code injection: a code that was stolen from another browser's trip, put into
// one's own.
func TestInjectedCode(t *testing.T) {
	t.Parallel()
	for name, noPKCE := range map[string]bool{"PKCE": false, "nonce": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(f *fake, _ *oauth.Options) { f.noPKCE = noPKCE }, func(_ *testing.T, w *world) {
				victims := w.agree(w.start("/login/staff"))
				w.c = w.server.Client().Browser()
				own := w.agree(w.start("/login/staff"))
				own.Set("code", victims.Get("code"))
				if noPKCE {
					w.refused(own, 502, "oauth_refused")
				} else {
					w.refused(own, 502, "oauth_provider")
				}
			})
		})
	}
}

// What the provider answers may quote what it was sent.
func TestCodesAndSecretsStayOutOfLogs(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		q := w.agree(w.start("/login/staff"))
		w.set(func() { w.codes[q.Get("code")] = url.Values{} }) // the exchange fails
		w.refused(q, 502, "oauth_provider")
		for _, s := range []string{q.Get("code"), q.Get("state"), secret, "at-1"} {
			assert.True(t, !strings.Contains(w.server.Log().Text(), s), s+" is in the log")
		}
		assert.Contains(t, w.server.Log().Text(), "invalid_grant")
	})
}

func TestIDTokensThatAreNotOurs(t *testing.T) {
	t.Parallel()
	run(t, nil, func(_ *testing.T, w *world) {
		now := w.clock.Now()
		for _, claims := range []map[string]any{
			{"nonce": nil},
			{"nonce": "another"},
			{"iss": "https://evil.example"},
			{"iss": issuer + "/"},
			{"aud": "another"},
			{"aud": nil},
			{"aud": []string{clientID, "another"}}, // without azp
			{"aud": []string{clientID, "another"}, "azp": "another"}, // issued to the other
			{"azp": "another"},
			{"exp": now.Add(-time.Second).Unix()},
			{"exp": nil},
			{"nbf": now.Add(time.Hour).Unix()},
			{"sub": nil},
			{"sub": ""},
			{"sub": strings.Repeat("x", 256)},
			{"sub": "a\nb"},
			{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
		} {
			w.set(func() { w.claims = claims })
			w.refused(w.agree(w.start("/login/staff")), 502, "oauth_refused")
		}
		w.set(func() { w.claims = map[string]any{"aud": []string{clientID, "another"}, "azp": clientID} })
		w.back(w.agree(w.start("/login/staff"))).Status(303)
	})
}

func TestIDTokensThatAreForged(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		other := newFake(t)
		public, err := jose.JSONWebKey{Key: w.key.Public(), KeyID: "k1"}.MarshalJSON()
		assert.NoError(t, err)
		for name, sign := range map[string]func([]byte) string{
			"another key":  func(b []byte) string { return signed(t, jose.ES256, other.key, "k1", b) },
			"unknown key":  func(b []byte) string { return signed(t, jose.ES256, other.key, "k2", b) },
			"the secret":   func(b []byte) string { return signed(t, jose.HS256, []byte(secret+strings.Repeat(" ", 32)), "k1", b) },
			"a public key": func(b []byte) string { return signed(t, jose.HS256, public, "k1", b) },
			"none":         func(b []byte) string { return "eyJhbGciOiJub25lIn0." + base64url(b) + "." },
			"changed": func(b []byte) string {
				parts := strings.Split(signed(t, jose.ES256, w.key, "k1", b), ".")
				b = []byte(strings.Replace(string(b), "subject-1", "subject-2", 1))
				return parts[0] + "." + base64url(b) + "." + parts[2]
			},
			"no token": func([]byte) string { return "" },
			"not one":  func([]byte) string { return "a.b.c" },
		} {
			w.set(func() { w.sign = sign })
			t.Log(name)
			w.refused(w.agree(w.start("/login/staff")), 502, "oauth_refused")
		}
	})
}

// The address must be of who the ID token is about.
func TestUserInfo(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		w.set(func() {
			w.claims = map[string]any{"email": nil, "email_verified": nil, "name": nil}
			w.user = map[string]any{"sub": "subject-1", "email": "bob@example.com", "email_verified": "true", "name": "Bob"}
		})
		w.back(w.agree(w.start("/login/staff"))).Status(303)
		assert.Equal(t, w.result().Identity.Email, "bob@example.com")
		assert.True(t, w.result().Identity.EmailVerified, "a string that says true")
		assert.Equal(t, w.result().Identity.Name, "Bob")
		w.set(func() { w.user = map[string]any{"sub": "subject-2", "email": "victim@example.com"} })
		w.refused(w.agree(w.start("/login/staff")), 502, "oauth_refused")
	})
}

func TestVerifiedOnlyWhenItSaysSo(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		for _, tc := range []struct {
			claim any
			want  bool
		}{{nil, false}, {false, false}, {"false", false}, {"yes", false}, {[]int{1}, false}, {true, true}, {"true", true}} {
			w.set(func() { w.claims = map[string]any{"email_verified": tc.claim} })
			w.back(w.agree(w.start("/login/staff"))).Status(303)
			assert.Equal(t, w.result().Identity.EmailVerified, tc.want)
		}
	})
}

func TestTextOfProvidersIsCleaned(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *world) {
		w.set(func() {
			w.claims = map[string]any{"name": " A\x00n\u202en\r\n\ufffd" + strings.Repeat("é", 400), "email": "a@example.com\nBcc: b@example.com"}
		})
		w.back(w.agree(w.start("/login/staff"))).Status(303)
		assert.Equal(t, w.result().Identity.Name, "Ann"+strings.Repeat("é", 158))
		assert.Equal(t, w.result().Identity.Email, "a@example.comBcc: b@example.com")
	})
}
