package galeoidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/galeweb/gale/keyring"
)

// SigningKey is the key that signs tokens now.
type SigningKey struct {
	// ID is the kid.
	ID string
	// Algorithm is ES256, EdDSA or RS256.
	Algorithm string
	// Signer may be a key in memory or in a security module.
	Signer crypto.Signer
}

// VerifyingKey is a key whose tokens are valid.
type VerifyingKey struct {
	// ID and Algorithm are those of the [SigningKey].
	ID, Algorithm string
	// Key is an *[ecdsa.PublicKey] on P-256, an [ed25519.PublicKey] or an
	// *[rsa.PublicKey] of at least 2,048 bits.
	Key crypto.PublicKey
}

// SigningKeys has the keys of a [Server]. Both methods are called for each
// request, so that a rotation needs no restart.
type SigningKeys interface {
	// Signing returns the key that signs new tokens.
	Signing(ctx context.Context) (SigningKey, error)
	// Verifying returns all keys that are published, the signing one among
	// them: those that will sign soon, and those that have signed tokens which
	// have not expired.
	Verifying(ctx context.Context) ([]VerifyingKey, error)
}

// RingKeys derives ES256 keys from those of a keyring with the purpose
// [keyring.Tokens]: a new version signs, old ones are published until they are
// retired. They are not the keys of package auth/token, so that a token of one
// is none of the other. It panics without a ring.
func RingKeys(ring *keyring.Ring) SigningKeys {
	if ring == nil {
		panic("galeoidc: RingKeys without a ring; open one with keyring.Open")
	}
	return &ringKeys{ring: ring}
}

type ringKeys struct {
	ring   *keyring.Ring
	public atomic.Pointer[publicView]
}

// publicView belongs to one set of the ring: to derive a key takes longer than
// to verify a token.
type publicView struct {
	set keyring.Set
	all []VerifyingKey
}

// keyContext tells these keys from others that are derived from the same ring.
const keyContext = "drivers/galeoidc ES256"

// Signing implements SigningKeys.
func (r *ringKeys) Signing(context.Context) (SigningKey, error) {
	subs, err := r.ring.Subkeys(keyContext)
	if err != nil {
		return SigningKey{}, fmt.Errorf("galeoidc: signing key: %w", err)
	}
	return deriveKey(subs[0])
}

// Verifying implements SigningKeys.
func (r *ringKeys) Verifying(context.Context) ([]VerifyingKey, error) {
	set := r.ring.Set()
	if v := r.public.Load(); v != nil && v.set.Same(set) {
		return slices.Clone(v.all), nil
	}
	subs, err := r.ring.Subkeys(keyContext)
	if err != nil {
		return nil, fmt.Errorf("galeoidc: keys: %w", err)
	}
	all := make([]VerifyingKey, len(subs))
	for i, sub := range subs {
		k, err := deriveKey(sub)
		if err != nil {
			return nil, err
		}
		all[i] = VerifyingKey{ID: k.ID, Algorithm: k.Algorithm, Key: k.Signer.Public()}
	}
	// A reload since Set was read leaves a view that is made again at once.
	r.public.Store(&publicView{set, all})
	return slices.Clone(all), nil
}

// deriveKey makes a P-256 key of 64 bits more than it has, so that the
// remainder is as good as uniform (FIPS 186-5, A.2.1). Its id is the thumbprint
// of RFC 7638.
func deriveKey(sub keyring.Subkey) (SigningKey, error) {
	const wide = 40
	raw, err := hkdf.Expand(sha256.New, sub.Key, "gale oidc P-256", wide)
	if err != nil {
		return SigningKey{}, fmt.Errorf("galeoidc: derive a key: %w", err)
	}
	one := big.NewInt(1)
	d := new(big.Int).SetBytes(raw)
	d.Mod(d, new(big.Int).Sub(elliptic.P256().Params().N, one)).Add(d, one)
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32)))
	if err != nil {
		return SigningKey{}, fmt.Errorf("galeoidc: derive a key: %w", err)
	}
	sum, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return SigningKey{}, fmt.Errorf("galeoidc: thumbprint: %w", err)
	}
	return SigningKey{ID: base64.RawURLEncoding.EncodeToString(sum), Algorithm: string(jose.ES256), Signer: private}, nil
}

// suits reports whether the algorithm is one of ours and the key of its kind,
// so that a key never verifies by an algorithm which the token chose.
func suits(algorithm string, key crypto.PublicKey) bool {
	const minRSA = 2048
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	case *rsa.PublicKey:
		return algorithm == string(jose.RS256) && k.N.BitLen() >= minRSA
	}
	return false
}

// signer makes tokens of one type.
func (k SigningKey) signer(typ string) (jose.Signer, error) {
	if k.Signer == nil || !suits(k.Algorithm, k.Signer.Public()) {
		return nil, fmt.Errorf("galeoidc: key %q is not for %q", k.ID, k.Algorithm)
	}
	o := &jose.SignerOptions{}
	return jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: cryptosigner.Opaque(k.Signer)},
		o.WithType(jose.ContentType(typ)).WithHeader("kid", k.ID),
	)
}
