package galetest_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// TestAuthenticator checks a response as WebAuthn Level 3, §7.2, says; that a
// verifier takes it, and each attestation, is tested by drivers/galewebauthn.
func TestAuthenticator(t *testing.T) {
	t.Parallel()
	a := galetest.NewAuthenticator(t, "https://example.com:8443")
	var b galetest.PasskeyBegun
	assert.NoError(t, json.Unmarshal([]byte(`{"state":"s","publicKey":{"challenge":"Y2hhbGxlbmdl","user":{"id":"aGFuZGxl"}}}`), &b))
	made := a.Create(b)
	assert.Equal(t, made.State, "s")
	assert.Equal(t, string(a.Handle), "handle")
	a.Count, a.Client["crossOrigin"], a.Client["topOrigin"] = 7, nil, "https://evil.example"
	f := a.Get(b)
	assert.Equal(t, f.ID, made.ID)
	part := func(name string) []byte {
		raw, err := base64.RawURLEncoding.DecodeString(f.Response[name])
		assert.NoError(t, err)
		return raw
	}
	client, data := part("clientDataJSON"), part("authenticatorData")
	assert.Equal(t, string(client), `{"challenge":"Y2hhbGxlbmdl","origin":"https://example.com:8443","topOrigin":"https://evil.example","type":"webauthn.get"}`)
	rp, sum := sha256.Sum256([]byte("example.com")), sha256.Sum256(client)
	assert.Equal(t, string(data), string(rp[:])+"\x05\x00\x00\x00\x07")
	signed := sha256.Sum256(append(data, sum[:]...))
	assert.True(t, ecdsa.VerifyASN1(a.Key.Public().(*ecdsa.PublicKey), signed[:], part("signature")), "the signature is that of the key")
	raw, err := json.Marshal(f)
	assert.NoError(t, err)
	assert.Contains(t, string(raw), `"credential":{"id":"`+f.ID+`","response":{"authenticatorData":"`)
}
