package galewebauthn_test

import (
	"crypto/sha256"
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
		for name, alg := range map[string]int{"none": es256, "packed": es256, "Ed25519": edDSA, "RSA": rs256} {
			a := newAuthenticator(t, alg)
			if name == "packed" {
				a.format = "packed"
			}
			a.flags |= flagBE | flagBS
			register(t, c, a)
			signIn(t, c, a).Status(http.StatusOK).HasHeader("X-Signed-In", "alice")
			a.count++
			c.Post("/confirm/finish", a.get(t, begin(c, "confirm"))).Status(http.StatusOK)
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
func lies() map[string]func(a *authenticator) {
	return map[string]func(a *authenticator){
		"another origin":         func(a *authenticator) { a.client["origin"] = "https://evil.test" },
		"origin with a suffix":   func(a *authenticator) { a.client["origin"] = "https://gale.test.evil.test" },
		"origin with a prefix":   func(a *authenticator) { a.client["origin"] = "https://evilgale.test" },
		"origin of a subdomain":  func(a *authenticator) { a.client["origin"] = "https://user.gale.test" },
		"origin over http":       func(a *authenticator) { a.client["origin"] = "http://gale.test" },
		"origin at another port": func(a *authenticator) { a.client["origin"] = "https://gale.test:8443" },
		"origin with a user":     func(a *authenticator) { a.client["origin"] = "https://gale.test@evil.test" },
		"no origin":              func(a *authenticator) { delete(a.client, "origin") },
		"origin null":            func(a *authenticator) { a.client["origin"] = "null" },
		"frame of another site":  func(a *authenticator) { a.client["crossOrigin"], a.client["topOrigin"] = true, "https://evil.test" },
		"frame":                  func(a *authenticator) { a.client["crossOrigin"] = true },
		"top origin alone":       func(a *authenticator) { a.client["topOrigin"] = "https://evil.test" },
		"another challenge":      func(a *authenticator) { a.client["challenge"] = b64(make([]byte, 32)) },
		"no challenge":           func(a *authenticator) { a.client["challenge"] = "" },
		"payment":                func(a *authenticator) { a.client["type"] = "payment.get" },
		"another RP":             func(a *authenticator) { a.rpID = "evil.test" },
		"RP of a subdomain":      func(a *authenticator) { a.rpID = "user.gale.test" },
		"user not present":       func(a *authenticator) { a.flags &^= flagUP },
		"user not verified":      func(a *authenticator) { a.flags &^= flagUV },
		"backed up, impossible":  func(a *authenticator) { a.flags |= flagBS },
		"data after the end":     func(a *authenticator) { a.tail = []byte("tail") },
		"extensions, missing":    func(a *authenticator) { a.flags |= flagED },
	}
}

func TestLiesAtRegistration(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		for name, lie := range lies() {
			a := newAuthenticator(t, es256)
			b := begin(c, "register")
			lie(a)
			c.Post("/register/finish", a.create(t, b)).Problem("passkey_refused").Status(http.StatusBadRequest)
			if f := s.last(); f.CredentialID != b64(a.id) || f.UserID != "alice" {
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
			a := newAuthenticator(t, edDSA)
			register(t, c, a)
			honest := *a
			client := map[string]any{}
			for name, v := range a.client {
				client[name] = v
			}
			a.client = client
			lie(a)
			signIn(t, c, a).Status(http.StatusUnauthorized).Problem("passkey_refused").HasHeader("X-Signed-In", "")
			c.Post("/confirm/finish", a.get(t, begin(c, "confirm"))).Status(http.StatusUnauthorized)
			assert.ErrorIs(t, s.last().Err, passkey.ErrRefused)
			signIn(t, c, &honest).Status(http.StatusOK)
			assert.NoError(t, s.Delete(t.Context(), "alice", b64(a.id)))
		}
	})
}

// TestTamperedResponses flips a bit in each byte of what is signed, one at a
// time: none of it may go through.
func TestTamperedResponses(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := galetest.Start(t, s.routes(), galetest.Options{}).Client()
	a := newAuthenticator(t, es256)
	register(t, c, a)
	b := begin(c, "sign-in")
	good := a.get(t, b)
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
		alice, mallory := newAuthenticator(t, es256), newAuthenticator(t, es256)
		register(t, c, alice)
		register(t, c.With("X-User", "mallory"), mallory)

		// Mallory's key under the id and handle of Alice's passkey.
		forged := *mallory
		forged.id, forged.handle = alice.id, alice.handle
		signIn(t, c, &forged).Status(http.StatusUnauthorized).Problem("passkey_refused")
		// Mallory's passkey with Alice's handle.
		forged = *mallory
		forged.handle = alice.handle
		signIn(t, c, &forged).Status(http.StatusUnauthorized).Problem("passkey_refused")
		// Mallory's passkey as Alice's second factor.
		c.Post("/confirm/finish", mallory.get(t, begin(c, "confirm"))).Status(http.StatusUnauthorized).Problem("passkey_refused")
		// Alice's id, registered by Mallory.
		forged = *mallory
		forged.id = alice.id
		m := c.With("X-User", "mallory")
		m.Post("/register/finish", forged.create(t, begin(m, "register"))).Status(http.StatusConflict).Problem("passkey_exists")
		// An id that is not the one that was attested.
		body := newAuthenticator(t, es256).create(t, begin(c, "register"))
		body.ID = b64([]byte("another id"))
		c.Post("/register/finish", body).Status(http.StatusBadRequest).Problem("passkey_refused")

		// Nobody's passkey.
		signIn(t, c, newAuthenticator(t, es256)).Status(http.StatusUnauthorized)
		unknown := newAuthenticator(t, es256)
		unknown.handle = alice.handle
		signIn(t, c, unknown).Status(http.StatusUnauthorized).Problem("passkey_unknown")

		signIn(t, c, alice).Status(http.StatusOK).HasHeader("X-Signed-In", "alice")
		signIn(t, c, mallory).Status(http.StatusOK).HasHeader("X-Signed-In", "mallory")
	})
}

// TestConfusedResponses sends the response of one ceremony to another.
func TestConfusedResponses(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, _ *site, c *galetest.Client) {
		a := newAuthenticator(t, es256)
		register(t, c, a)
		// What another site had signed for its own registration, type webauthn.create.
		a.client["type"] = "webauthn.create"
		signIn(t, c, a).Status(http.StatusUnauthorized).Problem("passkey_refused")
		n := newAuthenticator(t, es256)
		n.client["type"] = "webauthn.get"
		c.Post("/register/finish", n.create(t, begin(c, "register"))).Status(http.StatusBadRequest).Problem("passkey_refused")
	})
}

// TestClonedAuthenticator lets a copy and the original take turns.
func TestClonedAuthenticator(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		a := newAuthenticator(t, es256)
		a.count = 10
		register(t, c, a)
		copied := *a
		a.count = 11
		signIn(t, c, a).Status(http.StatusOK)
		copied.count = 11
		signIn(t, c, &copied).Status(http.StatusUnauthorized).Problem("passkey_refused")
		assert.ErrorIs(t, s.last().Err, passkey.ErrSignCount)
		all, err := s.List(t.Context(), "alice")
		assert.NoError(t, err)
		assert.True(t, !all[0].Suspected.IsZero(), "the passkey is marked")
		a.count = 12
		signIn(t, c, a).Status(http.StatusOK)
	})
}

func TestAttestationsThatWereNotAskedFor(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, s *site, c *galetest.Client) {
		for _, format := range []string{"tpm", "android-key", "android-safetynet", "fido-u2f", "apple", "", "x"} {
			a := newAuthenticator(t, es256)
			a.format = format
			c.Post("/register/finish", a.create(t, begin(c, "register"))).Status(http.StatusBadRequest).Problem("passkey_refused")
			assert.Contains(t, s.last().Err.Error(), "not asked for")
		}
		chain := newAuthenticator(t, es256)
		chain.format, chain.certificate = "packed", []byte("DER")
		c.Post("/register/finish", chain.create(t, begin(c, "register"))).Status(http.StatusBadRequest).Problem("passkey_refused")
		assert.Contains(t, s.last().Err.Error(), "not asked for")
		// A self attestation whose signature is of another key.
		a, other := newAuthenticator(t, es256), newAuthenticator(t, es256)
		a.format = "packed"
		honest := a.create(t, begin(c, "register"))
		mixed := &authenticator{alg: es256, key: &mixedKey{public: a.key, sign: other.key}, id: a.id, rpID: a.rpID, flags: a.flags, client: a.client, format: "packed"}
		c.Post("/register/finish", mixed.create(t, begin(c, "register"))).Status(http.StatusBadRequest).Problem("passkey_refused")
		c.Post("/register/finish", honest).Status(http.StatusOK)
		// An algorithm that was not offered.
		odd := newAuthenticator(t, es256)
		odd.alg = -47 // ES256K
		c.Post("/register/finish", odd.create(t, begin(c, "register"))).Status(http.StatusBadRequest).Problem("passkey_refused")
	})
}

// TestClientDataIsReadOnce: two members of one name, of which one parser might
// take the first and another the last, are signed by no browser.
func TestClientDataIsReadOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	c := galetest.Start(t, s.routes(), galetest.Options{}).Client()
	a := newAuthenticator(t, es256)
	register(t, c, a)
	b := begin(c, "sign-in")
	for _, client := range []string{
		`{"type":"webauthn.get","challenge":"` + b.PublicKey.Challenge + `","origin":"https://gale.test","origin":"https://evil.test"}`,
		`{"type":"webauthn.get","challenge":"` + b.PublicKey.Challenge + `","origin":["https://gale.test"]}`,
		`{"type":"webauthn.get","challenge":["` + b.PublicKey.Challenge + `"],"origin":"https://gale.test"}`,
		``, `null`, `[]`, `{}`, strings.Repeat(`[`, 20_000),
	} {
		m := a.get(t, b)
		data := a.data()
		sum := sha256.Sum256([]byte(client))
		m.Response["clientDataJSON"] = b64([]byte(client))
		m.Response["signature"] = b64(a.sign(t, append(data[:len(data):len(data)], sum[:]...)))
		if status := c.Post("/sign-in/finish", m).Raw.StatusCode; status != 401 && status != 422 {
			t.Errorf("%.80s: status %d", client, status)
		}
	}
}

// FuzzRegistration feeds CBOR to the parser of attestations, with the rest of
// the response right.
func FuzzRegistration(f *testing.F) {
	b := begun{State: "s"}
	for _, format := range []string{"none", "packed"} {
		a := newAuthenticator(f, es256)
		a.format = format
		f.Add(unb64(f, a.create(f, b).Response["attestationObject"]))
	}
	f.Add([]byte{})
	f.Add([]byte{0xbf, 0xff})
	f.Add([]byte{0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte(strings.Repeat("\x81", 10_000)))
	a := newAuthenticator(f, es256)
	client := a.clientData(f, "webauthn.create", b64(make([]byte, 32)))
	v := verifier()
	f.Fuzz(func(t *testing.T, object []byte) {
		got, err := v.VerifyRegistration(t.Context(), expected(), passkey.Attestation{CredentialID: a.id, ClientDataJSON: client, AttestationObject: object})
		if err == nil && len(got.PublicKey) == 0 {
			t.Error("accepted without a key")
		}
	})
}

// FuzzAssertion changes every part of a response to a key that is known.
func FuzzAssertion(f *testing.F) {
	a := newAuthenticator(f, es256)
	client := a.clientData(f, "webauthn.get", b64(make([]byte, 32)))
	m := a.get(f, begun{})
	m.Response["clientDataJSON"] = b64(client)
	key := a.cose(f)
	f.Add(client, a.data(), unb64(f, m.Response["signature"]), key)
	f.Add([]byte(`{}`), []byte{}, []byte{}, []byte{})
	v := verifier()
	f.Fuzz(func(t *testing.T, client, data, signature, key []byte) {
		// The right signature needs the private key, which the fuzzer has not.
		if _, err := v.VerifyAssertion(t.Context(), expected(), a.cose(t), passkey.Assertion{CredentialID: a.id, ClientDataJSON: client, AuthenticatorData: data, Signature: signature}); err == nil {
			t.Errorf("forged: %q %x %x", client, data, signature)
		}
		_, _ = v.VerifyAssertion(t.Context(), expected(), key, passkey.Assertion{CredentialID: a.id, ClientDataJSON: client, AuthenticatorData: data, Signature: signature})
	})
}
