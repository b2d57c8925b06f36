package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Algorithm is a signature algorithm by its name in RFC 7518 and RFC 8037.
// There are none with a shared secret, so that a public key can never be taken
// for one.
type Algorithm string

const (
	// ES256 is ECDSA on P-256 with SHA-256. Every JWT library has it.
	ES256 Algorithm = "ES256"
	// EdDSA is Ed25519. It is quicker; some gateways do not have it.
	EdDSA Algorithm = "EdDSA"
	// RS256 is RSA with PKCS #1 v1.5, only to verify tokens of other issuers.
	RS256 Algorithm = "RS256"
	// PS256 is RSA with PSS, only to verify tokens of other issuers.
	PS256 Algorithm = "PS256"
)

// Key signs tokens, or, made by [NewVerifyKey], only verifies them. It is safe
// for concurrent use, and prints as its id.
type Key struct {
	public *publicKey
	signer jose.Signer // nil for a public key
}

// KeySource has the keys of an [Issuer]: [RingKeys] and [PEMKeys] are two. Both
// methods are called for each token, so they do no I/O, and return the same
// pointers until the keys change.
type KeySource interface {
	// SigningKey returns the key that signs now.
	SigningKey() (*Key, error)
	// VerifyKeys returns all keys whose tokens are valid. Keys that will sign
	// soon are best among them: other services see them in the JWKS in time.
	VerifyKeys() ([]*Key, error)
}

// NewKey returns a Key for an *[ecdsa.PrivateKey] on P-256, or an
// [ed25519.PrivateKey]. Its id is the thumbprint of RFC 7638, so that an id
// never stands for two keys.
func NewKey(private crypto.Signer) (*Key, error) {
	var alg Algorithm
	switch k := private.(type) {
	case *ecdsa.PrivateKey:
		if k == nil || k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("token: an ECDSA key that is not on P-256")
		}
		alg = ES256
	case ed25519.PrivateKey:
		if len(k) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("token: an Ed25519 key of %d bytes", len(k))
		}
		alg = EdDSA
	default:
		return nil, fmt.Errorf("token: a key of type %T; use ECDSA on P-256 or Ed25519", private)
	}
	id, err := thumbprint(private.Public())
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: jose.JSONWebKey{Key: private, KeyID: id}},
		(&jose.SignerOptions{}).WithType(accessType),
	)
	if err != nil {
		return nil, fmt.Errorf("token: key %s: %w", id, err)
	}
	return &Key{public: &publicKey{id: id, alg: alg, key: private.Public()}, signer: signer}, nil
}

// NewVerifyKey returns a Key that verifies the tokens which another package of
// this program signs, with the kid that it gives them. An [Issuer] cannot sign
// with it. It is an error when the key is not one for the algorithm, of at least
// 2,048 bits where it is RSA.
func NewVerifyKey(id string, alg Algorithm, public crypto.PublicKey) (*Key, error) {
	if id == "" || len(id) > maxKeyID || !alg.suits(public) {
		return nil, fmt.Errorf("token: key %q of type %T is not for %q", id, public, alg)
	}
	return &Key{public: &publicKey{id: id, alg: alg, key: public}}, nil
}

// ID is the kid of tokens that the key signs.
func (k *Key) ID() string { return k.public.id }

// String names the key by its id.
func (k *Key) String() string { return string(k.public.alg) + " key " + k.public.id }

// GoString is [Key.String], for %#v.
func (k *Key) GoString() string { return k.String() }

// thumbprint is RFC 7638 with SHA-256.
func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("token: thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// publicKey verifies with one algorithm only, so that a token cannot choose
// another for the same key.
type publicKey struct {
	id  string
	alg Algorithm
	key crypto.PublicKey
}

// suits reports whether the key is of the kind and size that the algorithm
// needs. RSA keys beyond 8,192 bits only serve to make verifying slow.
func (a Algorithm) suits(public crypto.PublicKey) bool {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return a == ES256 && k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return a == EdDSA && len(k) == ed25519.PublicKeySize
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		return (a == RS256 || a == PS256) && bits >= 2048 && bits <= 8192
	}
	return false
}
