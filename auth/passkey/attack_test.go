package passkey_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

const cookie = "__Host-passkey"

func TestCookieIsTheBrowsersOwn(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, _ *site, c *galetest.Client) {
		r := c.Post("/sign-in/begin", `{}`)
		set := r.Header("Set-Cookie")
		for _, attribute := range []string{cookie + "=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=900"} {
			assert.Contains(t, set, attribute)
		}
		first := c.Cookie(cookie)
		begin(c, "sign-in")
		assert.Equal(t, c.Cookie(cookie), first) // two tabs do not disturb each other
		one, two := begin(c, "sign-in").PublicKey, begin(c, "sign-in").PublicKey
		assert.True(t, one.Challenge != two.Challenge, "each challenge is new")
		c.SetCookie(cookie, "x")
		begin(c, "sign-in")
		assert.True(t, len(c.Cookie(cookie)) == len(first) && c.Cookie(cookie) != first, "a short one is replaced")
	})
	run(t, func(o *passkey.Options) { o.Insecure = true }, func(t *testing.T, _ *site, c *galetest.Client) {
		set := c.Post("/sign-in/begin", `{}`).Header("Set-Cookie")
		assert.True(t, strings.HasPrefix(set, "passkey=") && !strings.Contains(set, "Secure"), set)
	})
}

// TestChallengeOfAnotherBrowser is session swapping: a victim's browser posts
// what the attacker signed for a challenge of his own, and the other way round.
func TestChallengeOfAnotherBrowser(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		attacker, victim := c.Stranger(), c.Stranger()
		body := begin(attacker, "sign-in").answer(t, "phone", device{Key: "k", UV: true}, handle)
		victim.Post("/sign-in/finish", body).Status(401).Problem("passkey_expired") // without a cookie
		begin(victim, "sign-in")
		victim.Post("/sign-in/finish", body).Status(401).Problem("passkey_expired") // with his own
		victim.SetCookie(cookie, "")
		victim.Post("/sign-in/finish", body).Status(401).Problem("passkey_expired")
		// A registration likewise: the victim's account must not get the
		// attacker's passkey, nor the attacker's challenge be finished for it.
		registration := begin(attacker.With("X-User", "mallory"), "register").answer(t, "evil", device{Key: "e", UV: true}, nil)
		victim.With("X-User", "alice").Post("/register/finish", registration).Status(400).Problem("passkey_expired")
		attacker.With("X-User", "alice").Post("/register/finish", registration).Status(400).Problem("passkey_expired")
		for _, f := range s.failures() {
			assert.ErrorIs(t, f.Err, passkey.ErrExpired)
		}
		assert.Equal(t, len(s.failures()), 5)
		assert.Equal(t, s.events(), []string{"registered alice phone"})
		attacker.Post("/sign-in/finish", body).Status(200)
	})
}

func TestChallengeOfAnotherCeremony(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, _ *site, c *galetest.Client) {
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		d := device{Key: "k", UV: true}
		both := c.With("X-User", "alice").With("X-Pending", "alice")
		for _, from := range []string{"register", "sign-in", "confirm"} {
			for _, to := range []string{"register", "sign-in", "confirm"} {
				if from == to {
					continue
				}
				b := begin(both, from)
				// The body has the form that the other handler takes.
				if b.PublicKey.User.ID = ""; to == "register" {
					b.PublicKey.User.ID = handle
				}
				both.Post("/"+to+"/finish", b.answer(t, "other", d, handle)).Problem("passkey_expired")
			}
		}
	})
}

func TestChallengesEnd(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		d := device{Key: "k", UV: true}
		body := begin(c, "sign-in").answer(t, "phone", d, handle)
		late := begin(c, "sign-in").answer(t, "phone", d, handle)
		s.clock.Advance(5*time.Minute - time.Millisecond)
		c.Post("/sign-in/finish", body).Status(200)
		c.Post("/sign-in/finish", body).Status(401).Problem("passkey_expired") // once only
		assert.ErrorIs(t, s.failures()[0].Err, passkey.ErrReplayed)
		assert.Equal(t, s.failures()[0].UserID, "alice")
		s.clock.Advance(time.Millisecond)
		c.Post("/sign-in/finish", late).Status(401).Problem("passkey_expired")
		c.Post("/sign-in/finish", body).Status(401).Problem("passkey_expired")
		assert.ErrorIs(t, s.failures()[2].Err, passkey.ErrExpired)
	})
}

// TestMemoryOfChallengesIsBounded: what is remembered of used challenges goes
// when they have expired, and does not grow without end before.
func TestMemoryOfChallengesIsBounded(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		signIn := func() *galetest.Response {
			return c.Post("/sign-in/finish", begin(c, "sign-in").answer(t, "phone", device{Key: "k", UV: true}, handle))
		}
		for range 16 {
			signIn().Status(200)
		}
		signIn().Status(401).Problem("passkey_refused")
		s.clock.Advance(5 * time.Minute)
		signIn().Status(200)
		kept, err := s.store.ByID(t.Context(), b64("phone"))
		assert.NoError(t, err)
		assert.Equal(t, len(strings.Fields(kept.Recent)), 1)
	})
}

// TestStateIsSigned changes each part of the state.
func TestStateIsSigned(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, _ *site, c *galetest.Client) {
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		b := begin(c, "sign-in")
		forge := func(state string, status int) {
			t.Helper()
			body := b.answer(t, "phone", device{Key: "k", UV: true}, handle)
			body["state"] = state
			c.Post("/sign-in/finish", body).Status(status)
		}
		payload, mac, _ := strings.Cut(b.State, ".")
		raw, err := base64.RawURLEncoding.DecodeString(payload)
		assert.NoError(t, err)
		var fields map[string]any
		assert.NoError(t, json.Unmarshal(raw, &fields))
		fields["e"] = 1 << 52
		longer, err := json.Marshal(fields)
		assert.NoError(t, err)
		forge(base64.RawURLEncoding.EncodeToString(longer)+"."+mac, 401)
		own, err := signer("the attacker's key").Sign(raw)
		assert.NoError(t, err)
		forge(own, 401)
		nothing, err := signer("key").Sign([]byte("no JSON")) // signed, of another program
		assert.NoError(t, err)
		forge(nothing, 401)
		forge("", 422)
		forge(strings.Repeat("x", 2049), 422)
		forge(b.State, 200)
	})
}

func TestCredentialOfAnotherUser(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		alice := register(t, c, "phone", device{Key: "k", UV: true})
		bob := c.With("X-User", "bob")
		b := begin(bob, "register")
		// Bob registers under the id of Alice's passkey, to have her sign in as
		// him or lose hers.
		bob.Post("/register/finish", b.answer(t, "phone", device{Key: "b", UV: true}, nil)).Status(409).Problem("passkey_exists")
		// The handle of one user with the credential of another.
		c.Post("/sign-in/finish", begin(c, "sign-in").answer(t, "phone", device{Key: "k", UV: true}, b.PublicKey.User.ID)).
			Status(401).Problem("passkey_refused")
		for _, missing := range []any{nil, ""} {
			c.Post("/sign-in/finish", begin(c, "sign-in").answer(t, "phone", device{Key: "k", UV: true}, missing)).Status(401).Problem("passkey_refused")
		}
		c.Post("/sign-in/finish", begin(c, "sign-in").answer(t, "tablet", device{Key: "k", UV: true}, alice)).Status(401).Problem("passkey_unknown")
		kinds := []error{passkey.ErrExists, passkey.ErrRefused, passkey.ErrRefused, passkey.ErrRefused, passkey.ErrNotFound}
		for i, f := range s.failures() {
			assert.ErrorIs(t, f.Err, kinds[i])
		}
		assert.Equal(t, s.failures()[0].UserID, "bob")
		assert.Equal(t, s.failures()[4].CredentialID, b64("tablet"))
		c.Post("/sign-in/finish", begin(c, "sign-in").answer(t, "phone", device{Key: "k", UV: true}, alice)).Status(200)
	})
}

func TestADeletedPasskeyIsDead(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		remove := func() { assert.NoError(t, s.Delete(t.Context(), "alice", b64("phone"))) }
		// Deleted while a sign-in is under way.
		s.store.before = remove
		c.Post("/sign-in/finish", begin(c, "sign-in").answer(t, "phone", device{Key: "k", UV: true}, handle)).Status(401).Problem("passkey_unknown")
		assert.Equal(t, s.events(), []string{"registered alice phone"})
	})
}

// TestACopiedAuthenticatorIsRefused: a copy and the original count on their
// own, so that the one that falls behind gives both away.
func TestACopiedAuthenticatorIsRefused(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		handle := register(t, c, "stick", device{Key: "k", UV: true, Count: 5})
		signIn := func(count uint32) *galetest.Response {
			return c.Post("/sign-in/finish", begin(c, "sign-in").answer(t, "stick", device{Key: "k", UV: true, Count: count}, handle))
		}
		signIn(6).Status(200)
		for _, count := range []uint32{6, 5, 0} {
			s.clock.Advance(time.Minute)
			signIn(count).Status(401).Problem("passkey_refused")
		}
		marked, err := s.store.ByID(t.Context(), b64("stick"))
		assert.NoError(t, err)
		assert.True(t, marked.Suspected.Equal(s.clock.Now().Truncate(time.Millisecond)), "marked for its owner")
		assert.Equal(t, marked.SignCount, 6)
		for _, f := range s.failures() {
			assert.ErrorIs(t, f.Err, passkey.ErrSignCount)
			assert.Equal(t, f.UserID, "alice")
		}
		assert.Equal(t, len(s.failures()), 3)
		signIn(1 << 31).Status(200)
		assert.Equal(t, len(s.events()), 3)

		// A passkey that does not count may begin to.
		handle = register(t, c, "synced", device{Key: "s", UV: true})
		for _, count := range []uint32{0, 0, 1} {
			c.Post("/sign-in/finish", begin(c, "sign-in").answer(t, "synced", device{Key: "s", UV: true, Count: count}, handle)).Status(200)
		}
	})
}

func TestBackupFlagsAreHeldTo(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, _ *site, c *galetest.Client) {
		alice := c.With("X-User", "alice")
		alice.Post("/register/finish", begin(alice, "register").answer(t, "phone", device{Key: "k", UV: true, BS: true}, nil)).
			Status(400).Problem("passkey_refused")
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		for _, d := range []device{{Key: "k", UV: true, BE: true}, {Key: "k", UV: true, BS: true}} {
			c.Post("/sign-in/finish", begin(c, "sign-in").answer(t, "phone", d, handle)).Status(401).Problem("passkey_refused")
		}
	})
}

// TestBodiesAreStrict sends what a form of another site, an old client or an
// attacker might.
func TestBodiesAreStrict(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		good := func() map[string]any {
			return begin(c, "sign-in").answer(t, "phone", device{Key: "k", UV: true}, handle)
		}
		credential := func(m map[string]any) map[string]any { return m["credential"].(map[string]any) }
		response := func(m map[string]any) map[string]any { return credential(m)["response"].(map[string]any) }
		for name, change := range map[string]func(m map[string]any){
			"unknown member":     func(m map[string]any) { m["user"] = "alice" },
			"padding":            func(m map[string]any) { credential(m)["id"] = "cGhvbmU=" },
			"standard base64":    func(m map[string]any) { response(m)["signature"] = "+/+/" },
			"line break":         func(m map[string]any) { credential(m)["id"] = "cGhv\nbmU" },
			"second spelling":    func(m map[string]any) { credential(m)["id"] = "cGhvbmV" }, // other unused bits
			"number":             func(m map[string]any) { credential(m)["id"] = 7 },
			"no id":              func(m map[string]any) { delete(credential(m), "id") },
			"long id":            func(m map[string]any) { credential(m)["id"] = b64(strings.Repeat("x", 1024)) },
			"another type":       func(m map[string]any) { credential(m)["type"] = "password" },
			"rawId differs":      func(m map[string]any) { credential(m)["rawId"] = b64("other") },
			"no clientDataJSON":  func(m map[string]any) { delete(response(m), "clientDataJSON") },
			"no signature":       func(m map[string]any) { delete(response(m), "signature") },
			"response is a list": func(m map[string]any) { credential(m)["response"] = []int{} },
		} {
			m := good()
			change(m)
			status := c.Post("/sign-in/finish", m).Raw.StatusCode
			assert.True(t, status >= 400 && status < 500, name)
		}
		m := good()
		m["credential"].(map[string]any)["response"].(map[string]any)["signature"] = strings.Repeat("A", 65<<10)
		c.Post("/sign-in/finish", m).Status(http.StatusRequestEntityTooLarge)
		c.With("Content-Type", "text/plain").Post("/sign-in/finish", "state=x").Status(http.StatusUnsupportedMediaType)

		alice := c.With("X-User", "alice")
		for _, bad := range badNames() {
			m := begin(alice, "register").answer(t, "next", device{Key: "k", UV: true}, nil)
			m["name"] = bad
			status := alice.Post("/register/finish", m).Raw.StatusCode
			assert.True(t, status == 400 || status == 422, bad)
		}
		c.Post("/register/begin", `{}`).Status(401)
		c.Post("/register/finish", `{}`).Status(401)
		assert.Equal(t, len(s.events()), 1)

		// All that a browser's toJSON has is taken.
		m = good()
		credential(m)["rawId"], credential(m)["authenticatorAttachment"] = b64("phone"), "platform"
		credential(m)["clientExtensionResults"] = map[string]any{"credProps": map[string]any{"rk": true}}
		c.Post("/sign-in/finish", m).Status(200)
	})
}

func TestTheApplicationsErrorIsTheAnswer(t *testing.T) {
	t.Parallel()
	refuse := func(http.ResponseWriter, *http.Request, passkey.Credential) (string, error) {
		return "", errors.New("account is closed")
	}
	run(t, func(o *passkey.Options) { o.SignedIn = refuse }, func(t *testing.T, _ *site, c *galetest.Client) {
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		c.ExpectLog("account is closed")
		c.Post("/sign-in/finish", begin(c, "sign-in").answer(t, "phone", device{Key: "k", UV: true}, handle)).Status(500)
	})
}

func FuzzFinish(f *testing.F) {
	f.Add("sign-in", `{"state":"x","credential":{"id":"cGhvbmU","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"eA","signature":"eA","userHandle":null}}}`)
	f.Add("register", `{"state":"x","name":"n","credential":{"id":"cGhvbmU","rawId":"cGhvbmU","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"eA","transports":["usb"]}}}`)
	f.Add("confirm", `{"state":null}`)
	s := newSite(f, nil)
	h := s.routes()
	f.Fuzz(func(t *testing.T, ceremony, body string) {
		if ceremony != "sign-in" && ceremony != "register" && ceremony != "confirm" {
			t.Skip()
		}
		status := post(t, h, "/"+ceremony+"/finish", body)
		if status < 400 || status >= 500 {
			t.Errorf("status %d for %q", status, body)
		}
	})
}
