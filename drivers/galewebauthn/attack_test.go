package galewebauthn_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

func TestHonestAuthenticators(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		for name, alg := range map[string]int{"none": galetest.ES256, "packed": galetest.ES256, "Ed25519": galetest.Ed25519, "RSA": galetest.RS256} {
			a := newAuthenticator(t, alg)
			if name == "packed" {
				a.Format = "packed"
			}
			a.Flags |= galetest.BackupEligible | galetest.BackedUp
			register(t, c, a)
			signIn(t, c, a).Status(http.StatusOK).HasHeader("X-Signed-In", "alice")
			a.Count++
			c.Post("/confirm/finish", a.Get(begin(c, "confirm"))).Status(http.StatusOK)
		}
		all, err := s.List(t.Context(), "alice")
		assert.NoError(t, err)
		assert.Equal(t, len(all), 4)
		for _, k := range all {
			assert.True(t, k.UserVerified && k.BackupEligible && k.BackedUp && k.SignCount == 1, "what the authenticator said is kept")
		}
		assert.Equal(t, s.last(), passkey.Failure{})
	})
}

// lies are what an attacker's page, or an attacker's authenticator, may say.
func lies() map[string]func(a *galetest.Authenticator) {
	return map[string]func(a *galetest.Authenticator){
		"another origin":         func(a *galetest.Authenticator) { a.Client["origin"] = "https://evil.test" },
		"origin with a suffix":   func(a *galetest.Authenticator) { a.Client["origin"] = "https://gale.test.evil.test" },
		"origin with a prefix":   func(a *galetest.Authenticator) { a.Client["origin"] = "https://evilgale.test" },
		"origin of a subdomain":  func(a *galetest.Authenticator) { a.Client["origin"] = "https://user.gale.test" },
		"origin over http":       func(a *galetest.Authenticator) { a.Client["origin"] = "http://gale.test" },
		"origin at another port": func(a *galetest.Authenticator) { a.Client["origin"] = "https://gale.test:8443" },
		"origin with a user":     func(a *galetest.Authenticator) { a.Client["origin"] = "https://gale.test@evil.test" },
		"no origin":              func(a *galetest.Authenticator) { a.Client["origin"] = nil },
		"origin null":            func(a *galetest.Authenticator) { a.Client["origin"] = "null" },
		"frame of another site": func(a *galetest.Authenticator) {
			a.Client["crossOrigin"], a.Client["topOrigin"] = true, "https://evil.test"
		},
		"frame":                 func(a *galetest.Authenticator) { a.Client["crossOrigin"] = true },
		"top origin alone":      func(a *galetest.Authenticator) { a.Client["topOrigin"] = "https://evil.test" },
		"another challenge":     func(a *galetest.Authenticator) { a.Client["challenge"] = b64(make([]byte, 32)) },
		"no challenge":          func(a *galetest.Authenticator) { a.Client["challenge"] = "" },
		"payment":               func(a *galetest.Authenticator) { a.Client["type"] = "payment.get" },
		"another RP":            func(a *galetest.Authenticator) { a.RPID = "evil.test" },
		"RP of a subdomain":     func(a *galetest.Authenticator) { a.RPID = "user.gale.test" },
		"user not present":      func(a *galetest.Authenticator) { a.Flags &^= galetest.UserPresent },
		"user not verified":     func(a *galetest.Authenticator) { a.Flags &^= galetest.UserVerified },
		"backed up, impossible": func(a *galetest.Authenticator) { a.Flags |= galetest.BackedUp },
		"data after the end":    func(a *galetest.Authenticator) { a.Tail = []byte("tail") },
		"extensions, missing":   func(a *galetest.Authenticator) { a.Flags |= galetest.WithExtensions },
	}
}

func TestLiesAtRegistration(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		for name, lie := range lies() {
			a := newAuthenticator(t, galetest.ES256)
			b := begin(c, "register")
			lie(a)
			c.Post("/register/finish", a.Create(b)).Problem("passkey_refused").Status(http.StatusBadRequest)
			if f := s.last(); f.CredentialID != b64(a.ID) || f.UserID != "alice" {
				t.Errorf("%s: told %+v", name, f)
			}
		}
		all, err := s.List(t.Context(), "alice")
		assert.NoError(t, err)
		assert.Equal(t, len(all), 0)
	})
}

func TestLiesAtSignIn(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		for _, lie := range lies() {
			a := newAuthenticator(t, galetest.Ed25519)
			register(t, c, a)
			honest := *a
			a.Client = map[string]any{}
			lie(a)
			signIn(t, c, a).Status(http.StatusUnauthorized).Problem("passkey_refused").HasHeader("X-Signed-In", "")
			c.Post("/confirm/finish", a.Get(begin(c, "confirm"))).Status(http.StatusUnauthorized)
			assert.ErrorIs(t, s.last().Err, passkey.ErrRefused)
			signIn(t, c, &honest).Status(http.StatusOK)
			assert.NoError(t, s.Delete(t.Context(), "alice", b64(a.ID)))
		}
	})
}

// TestTamperedResponses flips a bit in each byte of what is signed, one at a
// time: none of it may go through.
func TestTamperedResponses(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := galetest.Start(t, s.routes(), galetest.Options{}).Client()
	a := newAuthenticator(t, galetest.ES256)
	register(t, c, a)
	b := begin(c, "sign-in")
	good := a.Get(b)
	for _, member := range []string{"clientDataJSON", "authenticatorData", "signature", "userHandle"} {
		raw := unb64(t, good.Response[member])
		for i := range raw {
			bad := good
			bad.Response = map[string]string{}
			for name, v := range good.Response {
				bad.Response[name] = v
			}
			raw[i] ^= 1
			bad.Response[member] = b64(raw)
			raw[i] ^= 1
			if status := c.Post("/sign-in/finish", bad).Raw.StatusCode; status != http.StatusUnauthorized {
				t.Errorf("%s, byte %d: status %d", member, i, status)
			}
		}
	}
	c.Post("/sign-in/finish", good).Status(http.StatusOK) // it was still good
	c.Post("/sign-in/finish", good).Status(http.StatusUnauthorized).Problem("passkey_expired")
	assert.ErrorIs(t, s.last().Err, passkey.ErrReplayed)
}

func TestKeysOfOthers(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, _ *site, c *galetest.Client) {
		alice, mallory := newAuthenticator(t, galetest.ES256), newAuthenticator(t, galetest.ES256)
		register(t, c, alice)
		register(t, c.With("X-User", "mallory"), mallory)

		// Mallory's key under the id and handle of Alice's passkey.
		forged := *mallory
		forged.ID, forged.Handle = alice.ID, alice.Handle
		signIn(t, c, &forged).Status(http.StatusUnauthorized).Problem("passkey_refused")
		// Mallory's passkey with Alice's handle.
		forged = *mallory
		forged.Handle = alice.Handle
		signIn(t, c, &forged).Status(http.StatusUnauthorized).Problem("passkey_refused")
		// Mallory's passkey as Alice's second factor.
		c.Post("/confirm/finish", mallory.Get(begin(c, "confirm"))).Status(http.StatusUnauthorized).Problem("passkey_refused")
		// Alice's id, registered by Mallory.
		forged = *mallory
		forged.ID = alice.ID
		m := c.With("X-User", "mallory")
		m.Post("/register/finish", forged.Create(begin(m, "register"))).Status(http.StatusConflict).Problem("passkey_exists")
		// An id that is not the one that was attested.
		body := newAuthenticator(t, galetest.ES256).Create(begin(c, "register"))
		body.ID = b64([]byte("another id"))
		c.Post("/register/finish", body).Status(http.StatusBadRequest).Problem("passkey_refused")

		// Nobody's passkey.
		signIn(t, c, newAuthenticator(t, galetest.ES256)).Status(http.StatusUnauthorized)
		unknown := newAuthenticator(t, galetest.ES256)
		unknown.Handle = alice.Handle
		signIn(t, c, unknown).Status(http.StatusUnauthorized).Problem("passkey_unknown")

		signIn(t, c, alice).Status(http.StatusOK).HasHeader("X-Signed-In", "alice")
		signIn(t, c, mallory).Status(http.StatusOK).HasHeader("X-Signed-In", "mallory")
	})
}

// TestConfusedResponses sends the response of one ceremony to another.
func TestConfusedResponses(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, _ *site, c *galetest.Client) {
		a := newAuthenticator(t, galetest.ES256)
		register(t, c, a)
		// What another site had signed for its own registration, type webauthn.create.
		a.Client["type"] = "webauthn.create"
		signIn(t, c, a).Status(http.StatusUnauthorized).Problem("passkey_refused")
		n := newAuthenticator(t, galetest.ES256)
		n.Client["type"] = "webauthn.get"
		c.Post("/register/finish", n.Create(begin(c, "register"))).Status(http.StatusBadRequest).Problem("passkey_refused")
	})
}

// TestClonedAuthenticator lets a copy and the original take turns.
func TestClonedAuthenticator(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		a := newAuthenticator(t, galetest.ES256)
		a.Count = 10
		register(t, c, a)
		copied := *a
		a.Count = 11
		signIn(t, c, a).Status(http.StatusOK)
		copied.Count = 11
		signIn(t, c, &copied).Status(http.StatusUnauthorized).Problem("passkey_refused")
		assert.ErrorIs(t, s.last().Err, passkey.ErrSignCount)
		all, err := s.List(t.Context(), "alice")
		assert.NoError(t, err)
		assert.True(t, !all[0].Suspected.IsZero(), "the passkey is marked")
		a.Count = 12
		signIn(t, c, a).Status(http.StatusOK)
	})
}

func TestAttestationsThatWereNotAskedFor(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		for _, format := range []string{"tpm", "android-key", "android-safetynet", "fido-u2f", "apple", "", "x"} {
			a := newAuthenticator(t, galetest.ES256)
			a.Format = format
			c.Post("/register/finish", a.Create(begin(c, "register"))).Status(http.StatusBadRequest).Problem("passkey_refused")
			assert.Contains(t, s.last().Err.Error(), "not asked for")
		}
		chain := newAuthenticator(t, galetest.ES256)
		chain.Format, chain.Certificate = "packed", []byte("DER")
		c.Post("/register/finish", chain.Create(begin(c, "register"))).Status(http.StatusBadRequest).Problem("passkey_refused")
		assert.Contains(t, s.last().Err.Error(), "not asked for")
		// A self attestation whose signature is of another key.
		a, other := newAuthenticator(t, galetest.ES256), newAuthenticator(t, galetest.ES256)
		a.Format = "packed"
		honest := a.Create(begin(c, "register"))
		mixed := *a
		mixed.Key = &mixedKey{public: a.Key, sign: other.Key}
		c.Post("/register/finish", mixed.Create(begin(c, "register"))).Status(http.StatusBadRequest).Problem("passkey_refused")
		c.Post("/register/finish", honest).Status(http.StatusOK)
		// An algorithm that was not offered.
		odd := newAuthenticator(t, galetest.ES256)
		odd.Alg = -47 // ES256K
		c.Post("/register/finish", odd.Create(begin(c, "register"))).Status(http.StatusBadRequest).Problem("passkey_refused")
	})
}

// TestClientDataIsReadOnce: two members of one name, of which one parser might
// take the first and another the last, are signed by no browser.
func TestClientDataIsReadOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := galetest.Start(t, s.routes(), galetest.Options{}).Client()
	a := newAuthenticator(t, galetest.ES256)
	register(t, c, a)
	b := begin(c, "sign-in")
	for _, client := range []string{
		`{"type":"webauthn.get","challenge":"` + b.PublicKey.Challenge + `","origin":"https://gale.test","origin":"https://evil.test"}`,
		`{"type":"webauthn.get","challenge":"` + b.PublicKey.Challenge + `","origin":["https://gale.test"]}`,
		`{"type":"webauthn.get","challenge":["` + b.PublicKey.Challenge + `"],"origin":"https://gale.test"}`,
		``, `null`, `[]`, `{}`, strings.Repeat(`[`, 20_000),
	} {
		m := a.Get(b)
		m.Response["clientDataJSON"] = b64([]byte(client))
		m.Response["signature"] = b64(a.Sign(a.Data(), []byte(client)))
		if status := c.Post("/sign-in/finish", m).Raw.StatusCode; status != 401 && status != 422 {
			t.Errorf("%.80s: status %d", client, status)
		}
	}
}

// FuzzRegistration feeds CBOR to the parser of attestations, with the rest of
// the response right.
func FuzzRegistration(f *testing.F) {
	b := galetest.PasskeyBegun{State: "s"}
	for _, format := range []string{"none", "packed"} {
		a := newAuthenticator(f, galetest.ES256)
		a.Format = format
		f.Add(unb64(f, a.Create(b).Response["attestationObject"]))
	}
	f.Add([]byte{})
	f.Add([]byte{0xbf, 0xff})
	f.Add([]byte{0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte(strings.Repeat("\x81", 10_000)))
	a := newAuthenticator(f, galetest.ES256)
	client := a.ClientData("webauthn.create", b64(make([]byte, 32)))
	v := verifier()
	f.Fuzz(func(t *testing.T, object []byte) {
		got, err := v.VerifyRegistration(t.Context(), expected(), passkey.Attestation{CredentialID: a.ID, ClientDataJSON: client, AttestationObject: object})
		if err == nil && len(got.PublicKey) == 0 {
			t.Error("accepted without a key")
		}
	})
}

// FuzzAssertion changes every part of a response to a key that is known.
func FuzzAssertion(f *testing.F) {
	a := newAuthenticator(f, galetest.ES256)
	client := a.ClientData("webauthn.get", b64(make([]byte, 32)))
	m := a.Get(galetest.PasskeyBegun{})
	m.Response["clientDataJSON"] = b64(client)
	key := a.PublicKey()
	f.Add(client, a.Data(), unb64(f, m.Response["signature"]), key)
	f.Add([]byte(`{}`), []byte{}, []byte{}, []byte{})
	v := verifier()
	f.Fuzz(func(t *testing.T, client, data, signature, key []byte) {
		// The right signature needs the private key, which the fuzzer has not.
		if _, err := v.VerifyAssertion(t.Context(), expected(), a.PublicKey(), passkey.Assertion{CredentialID: a.ID, ClientDataJSON: client, AuthenticatorData: data, Signature: signature}); err == nil {
			t.Errorf("forged: %q %x %x", client, data, signature)
		}
		_, _ = v.VerifyAssertion(t.Context(), expected(), key, passkey.Assertion{CredentialID: a.ID, ClientDataJSON: client, AuthenticatorData: data, Signature: signature})
	})
}
