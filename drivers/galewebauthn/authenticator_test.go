package galewebauthn_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"testing"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// newAuthenticator returns a soft one with a key of this algorithm.
func newAuthenticator(t testing.TB, alg int) *galetest.Authenticator {
	t.Helper()
	a := galetest.NewAuthenticator(t, "https://gale.test")
	var err error
	switch a.Alg = alg; alg {
	case galetest.Ed25519:
		_, a.Key, err = ed25519.GenerateKey(rand.Reader)
	case galetest.RS256:
		a.Key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	assert.NoError(t, err)
	return a
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unb64(t testing.TB, s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	assert.NoError(t, err)
	return b
}
