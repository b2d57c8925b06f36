package passkey_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
)

func TestTheFakeStoreIsAStore(t *testing.T) {
	t.Parallel()
	conform.PasskeyStore(t, func(*testing.T) passkey.Store { return newStore() })
}

func TestNewPanics(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*passkey.Options){
		"no RPID":              func(o *passkey.Options) { o.RPID = "" },
		"IP":                   func(o *passkey.Options) { o.RPID, o.Origins = "127.0.0.1", []string{"https://127.0.0.1"} },
		"IPv6":                 func(o *passkey.Options) { o.RPID = "::1" },
		"upper case":           func(o *passkey.Options) { o.RPID = "Gale.test" },
		"scheme in RPID":       func(o *passkey.Options) { o.RPID = "https://gale.test" },
		"port in RPID":         func(o *passkey.Options) { o.RPID = "gale.test:443" },
		"top level":            func(o *passkey.Options) { o.RPID = "test" },
		"not ASCII":            func(o *passkey.Options) { o.RPID = "gäle.test" },
		"trailing dot":         func(o *passkey.Options) { o.RPID = "gale.test." },
		"no origin":            func(o *passkey.Options) { o.Origins = nil },
		"http":                 func(o *passkey.Options) { o.Origins = []string{"http://gale.test"} },
		"path":                 func(o *passkey.Options) { o.Origins = []string{"https://gale.test/"} },
		"another site":         func(o *passkey.Options) { o.Origins = []string{"https://gale.test", "https://evil.test"} },
		"suffix, no subdomain": func(o *passkey.Options) { o.Origins = []string{"https://evilgale.test"} },
		"no name":              func(o *passkey.Options) { o.RPName = "" },
		"no verifier":          func(o *passkey.Options) { o.Verifier = nil },
		"no store":             func(o *passkey.Options) { o.Store = nil },
		"no signer":            func(o *passkey.Options) { o.Signer = nil },
		"no account":           func(o *passkey.Options) { o.Account = nil },
		"no sign-in":           func(o *passkey.Options) { o.SignedIn = nil },
		"pending alone":        func(o *passkey.Options) { o.Confirmed = nil },
		"negative":             func(o *passkey.Options) { o.MaxPerUser = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { newSite(t, change) })), "passkey: Options.")
		})
	}
	assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { passkey.NewSQLStore(nil) })), "db.Open")
	for _, change := range []func(*passkey.Options){
		func(o *passkey.Options) { o.RPID, o.Origins = "localhost", []string{"http://localhost:8080"} },
		func(o *passkey.Options) { o.Origins = []string{"https://gale.test:8443", "https://app.gale.test"} },
		func(o *passkey.Options) { o.Pending, o.Confirmed = nil, nil },
	} {
		newSite(t, change)
	}
}

func TestRegistrationAndSignIn(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		alice := c.With("X-User", "alice")
		b := begin(alice, "register")
		k := b.PublicKey
		assert.Equal(t, k.RP, struct{ ID, Name string }{"gale.test", "Gale"})
		assert.Equal(t, k.User.Name, "alice@example.com")
		assert.Equal(t, k.User.DisplayName, "alice@example.com")
		assert.Equal(t, len(k.User.ID), base64.RawURLEncoding.EncodedLen(64))
		assert.Equal(t, k.Timeout, 300_000)
		assert.Equal(t, k.PubKeyCredParams, []struct{ Alg int }{{-8}, {-7}, {-257}})
		assert.Equal(t, k.Attestation, "none")
		assert.Equal(t, k.AuthenticatorSelection.ResidentKey, "required")
		assert.True(t, k.AuthenticatorSelection.RequireResidentKey, "old browsers are told too")
		assert.Equal(t, k.AuthenticatorSelection.UserVerification, "required")
		assert.Equal(t, len(k.ExcludeCredentials), 0)

		body := b.answer(t, "phone", device{Key: "k", UV: true, BE: true, BS: true}, nil)
		body["name"] = " My phone "
		alice.Post("/register/finish?next=/keys", body).Status(200).HasHeader("Cache-Control", "no-store").Contains(`{"next":"/keys"}`)
		all, err := s.List(t.Context(), "alice")
		assert.NoError(t, err)
		assert.Equal(t, len(all), 1)
		got := all[0]
		assert.Equal(t, got.Name, "My phone")
		assert.Equal(t, got.ID, b64("phone"))
		assert.Equal(t, got.Transports, []string{"internal", "usb"}) // what is no transport is dropped
		assert.True(t, got.UserVerified && got.BackupEligible && got.BackedUp, "the flags are kept")
		assert.True(t, got.Created.Equal(s.clock.Now().Truncate(time.Millisecond)), "created now")

		// The next one: the same handle, and the first is excluded.
		s.clock.Advance(time.Second)
		again := begin(alice, "register").PublicKey
		assert.Equal(t, again.User.ID, k.User.ID)
		assert.Equal(t, again.ExcludeCredentials[0].ID, got.ID)
		assert.Equal(t, again.ExcludeCredentials[0].Transports, got.Transports)
		// Another user has another handle.
		assert.True(t, begin(c.With("X-User", "bob"), "register").PublicKey.User.ID != k.User.ID, "a handle of his own")

		// Signing in asks nobody who he is and lists nothing.
		in := begin(c, "sign-in")
		assert.Equal(t, in.PublicKey.RPID, "gale.test")
		assert.Equal(t, in.PublicKey.UserVerification, "required")
		assert.Equal(t, len(in.PublicKey.AllowCredentials), 0)
		c.Post("/sign-in/finish?next=//evil.example", in.answer(t, "phone", device{Key: "k", UV: true, BE: true, Count: 0}, k.User.ID)).
			Status(200).Contains(`{"next":"/home"}`)
		assert.Equal(t, s.events(), []string{"registered alice My phone", "in alice My phone"})
		used, err := s.store.ByID(t.Context(), got.ID)
		assert.NoError(t, err)
		assert.True(t, used.LastUsed.Equal(s.clock.Now().Truncate(time.Millisecond)) && !used.BackedUp, "use is written down")
		assert.Equal(t, len(s.failures()), 0)
	})
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		alice := c.With("X-Pending", "alice")
		c.Post("/confirm/begin", `{}`).Status(401)
		alice.Post("/confirm/begin", `{}`).Status(409).Problem("passkey_none")
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		b := begin(alice, "confirm")
		assert.Equal(t, b.PublicKey.AllowCredentials[0].ID, b64("phone"))
		// Not every authenticator returns the handle where the credential was named.
		alice.Post("/confirm/finish", b.answer(t, "phone", device{Key: "k", UV: true}, nil)).Status(200)
		alice.Post("/confirm/finish", begin(alice, "confirm").answer(t, "phone", device{Key: "k", UV: true}, handle)).Status(200)
		assert.Equal(t, s.events()[1:], []string{"confirmed alice phone", "confirmed alice phone"})

		// Bob's password and Alice's passkey.
		register(t, c.With("X-User", "bob"), "unused", device{Key: "b", UV: true})
		bob := c.With("X-Pending", "bob")
		assert.NoError(t, s.store.Create(t.Context(), passkey.Credential{ID: b64("bobs"), UserID: "bob", PublicKey: []byte("b")}))
		b = begin(bob, "confirm")
		bob.Post("/confirm/finish", b.answer(t, "phone", device{Key: "k", UV: true}, nil)).Status(401).Problem("passkey_refused")
		// A challenge that was made for Alice does not confirm Bob.
		alice.Post("/confirm/finish", b.answer(t, "bobs", device{Key: "b", UV: true}, nil)).Status(401).Problem("passkey_expired")
		assert.Equal(t, len(s.failures()), 2)
	})
	run(t, func(o *passkey.Options) { o.Pending = nil }, func(_ *testing.T, _ *site, c *galetest.Client) {
		c.Post("/confirm/begin", `{}`).Status(404)
		c.Post("/confirm/finish", `{}`).Status(404)
	})
}

func TestAllowUnverified(t *testing.T) {
	t.Parallel()
	run(t, func(o *passkey.Options) { o.AllowUnverified = true }, func(t *testing.T, s *site, c *galetest.Client) {
		k := begin(c.With("X-User", "alice"), "register").PublicKey.AuthenticatorSelection
		assert.Equal(t, k.UserVerification, "preferred")
		assert.Equal(t, k.ResidentKey, "preferred")
		handle := register(t, c, "stick", device{Key: "k"})
		all, err := s.List(t.Context(), "alice")
		assert.NoError(t, err)
		assert.True(t, !all[0].UserVerified, "known as unverified")
		pending := c.With("X-Pending", "alice")
		pending.Post("/confirm/finish", begin(pending, "confirm").answer(t, "stick", device{Key: "k"}, nil)).Status(200)
		// It is no proof of its user, so it does not sign in alone.
		c.Post("/sign-in/finish", begin(c, "sign-in").answer(t, "stick", device{Key: "k"}, handle)).Status(401).Problem("passkey_refused")
	})
	run(t, nil, func(t *testing.T, _ *site, c *galetest.Client) {
		alice := c.With("X-User", "alice")
		alice.Post("/register/finish", begin(alice, "register").answer(t, "stick", device{Key: "k"}, nil)).Status(400).Problem("passkey_refused")
		register(t, c, "phone", device{Key: "k", UV: true})
		pending := c.With("X-Pending", "alice")
		pending.Post("/confirm/finish", begin(pending, "confirm").answer(t, "phone", device{Key: "k"}, nil)).Status(401).Problem("passkey_refused")
	})
}

func TestErrorsOfTheStoreAreNot401(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		b := begin(c, "sign-in")
		s.store.err = errors.New("disk full")
		c.ExpectLog("disk full")
		c.Post("/sign-in/finish", b.answer(t, "phone", device{Key: "k", UV: true}, handle)).Status(500)
		c.With("X-User", "alice").Post("/register/begin", `{}`).Status(500)
		s.store.err = nil
		assert.Equal(t, len(s.failures()), 0)
		assert.Equal(t, len(s.events()), 1)
	})
}

// names that a list of passkeys must not show.
func badNames() []string {
	return []string{"a\x00b", "a\nb", "\u202egnp.exe", "zero\u200bwidth", strings.Repeat("x", 65)}
}

func TestNames(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	assert.NoError(t, s.store.Create(t.Context(), passkey.Credential{ID: "a", UserID: "alice", Name: "a"}))
	for _, bad := range append(badNames(), "\xff") {
		assert.ErrorIs(t, s.Rename(t.Context(), "alice", "a", bad), passkey.ErrName)
	}
	for name, want := range map[string]string{" Work ": "Work", "": "Passkey", strings.Repeat("ж", 64): strings.Repeat("ж", 64), "鍵 🔑": "鍵 🔑"} {
		assert.NoError(t, s.Rename(t.Context(), "alice", "a", name))
		c, err := s.store.ByID(t.Context(), "a")
		assert.NoError(t, err)
		assert.Equal(t, c.Name, want)
	}
	assert.ErrorIs(t, s.Rename(t.Context(), "mallory", "a", "mine"), passkey.ErrNotFound)
	assert.ErrorIs(t, s.Rename(t.Context(), "alice", "b", "mine"), passkey.ErrNotFound)
	for _, odd := range []string{"\xc3\x28", "a\x00", "a b"} { // the store is not asked: a database may refuse what is no text
		assert.NoError(t, s.store.Create(t.Context(), passkey.Credential{ID: odd, UserID: "alice"}))
		assert.ErrorIs(t, s.Rename(t.Context(), "alice", odd, "mine"), passkey.ErrNotFound)
		assert.ErrorIs(t, s.Delete(t.Context(), "alice", odd), passkey.ErrNotFound)
	}

	// A sign-in in between is not lost.
	s.store.before = func() {
		c, err := s.store.ByID(t.Context(), "a")
		assert.NoError(t, err)
		c.SignCount = 7
		assert.NoError(t, s.store.Update(t.Context(), c))
	}
	assert.NoError(t, s.Rename(t.Context(), "alice", "a", "Home"))
	c, err := s.store.ByID(t.Context(), "a")
	assert.NoError(t, err)
	assert.True(t, c.Name == "Home" && c.SignCount == 7, "both changes are kept")

	assert.ErrorIs(t, s.Delete(t.Context(), "mallory", "a"), passkey.ErrNotFound)
	assert.NoError(t, s.Delete(t.Context(), "alice", "a"))
}

func TestLimitPerUser(t *testing.T) {
	t.Parallel()
	run(t, func(o *passkey.Options) { o.MaxPerUser = 2 }, func(t *testing.T, s *site, c *galetest.Client) {
		alice := c.With("X-User", "alice")
		late := begin(alice, "register")
		register(t, c, "one", device{Key: "k", UV: true})
		register(t, c, "two", device{Key: "k", UV: true})
		alice.Post("/register/begin", `{}`).Status(409).Problem("passkey_limit")
		alice.Post("/register/finish", late.answer(t, "three", device{Key: "k", UV: true}, nil)).Status(409).Problem("passkey_limit")
		assert.NoError(t, s.Delete(t.Context(), "alice", b64("one")))
		register(t, c, "three", device{Key: "k", UV: true})
	})
}

func TestOneResponseSignsInOnce(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		handle := register(t, c, "phone", device{Key: "k", UV: true})
		body := begin(c, "sign-in").answer(t, "phone", device{Key: "k", UV: true}, handle)
		statuses := make([]int, 4)
		var wg sync.WaitGroup
		for i := range statuses {
			request := c.NewRequest(http.MethodPost, "/sign-in/finish", body)
			wg.Go(func() {
				response, err := c.HTTP().Do(request)
				if err == nil {
					statuses[i] = response.StatusCode
					err = response.Body.Close()
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		count := map[int]int{}
		for _, status := range statuses {
			count[status]++
		}
		assert.Equal(t, count, map[int]int{200: 1, 401: 3})
		assert.Equal(t, len(s.events()), 2)
	})
}
