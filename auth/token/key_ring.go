package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"math/big"
	"sync/atomic"

	"github.com/galeweb/gale/keyring"
)

// RingOptions configure [RingKeys].
type RingOptions struct {
	// Ring has keys with the purpose [keyring.Tokens]. Required.
	Ring *keyring.Ring
	// Algorithm is [ES256] or [EdDSA]. Defaults to ES256, for its reach.
	// Changing it ends the access tokens that were made before.
	Algorithm Algorithm
}

// RingKeys derives the signing keys from those of a keyring: every instance
// with the ring has the same, gale secret rotate adds one, and a retired one
// verifies nothing from the reload on. It is safe for concurrent use.
type RingKeys struct {
	o      RingOptions
	cached atomic.Pointer[ringView]
}

// ringView belongs to one set of the ring.
type ringView struct {
	set  keyring.Set
	all  []*Key
	byID map[string]*Key // by the id in the ring
}

// NewRingKeys returns the keys of a ring. It panics when an option is missing
// or the algorithm is not one that signs.
func NewRingKeys(o RingOptions) *RingKeys {
	if o.Ring == nil {
		panic("token: RingOptions.Ring is missing; open one with keyring.Open")
	}
	if o.Algorithm == "" {
		o.Algorithm = ES256
	}
	if o.Algorithm != ES256 && o.Algorithm != EdDSA {
		panic(fmt.Sprintf("token: RingOptions.Algorithm is %q; use ES256 or EdDSA", o.Algorithm))
	}
	return &RingKeys{o: o}
}

// SigningKey implements [KeySource].
func (r *RingKeys) SigningKey() (*Key, error) {
	subs, err := r.o.Ring.Subkeys(r.context())
	if err != nil {
		return nil, fmt.Errorf("token: signing key: %w", err)
	}
	v, err := r.view()
	if err != nil {
		return nil, err
	}
	if k := v.byID[subs[0].ID]; k != nil {
		return k, nil
	}
	return r.derive(subs[0]) // the ring was reloaded between the two lines
}

// VerifyKeys implements [KeySource].
func (r *RingKeys) VerifyKeys() ([]*Key, error) {
	v, err := r.view()
	if err != nil {
		return nil, err
	}
	return v.all, nil
}

func (r *RingKeys) view() (*ringView, error) {
	old, set := r.cached.Load(), r.o.Ring.Set()
	if old != nil && old.set.Same(set) {
		return old, nil
	}
	subs, err := r.o.Ring.Subkeys(r.context())
	if err != nil {
		return nil, fmt.Errorf("token: keys: %w", err)
	}
	v := &ringView{set: set, byID: map[string]*Key{}}
	for _, s := range subs {
		var k *Key
		if old != nil {
			k = old.byID[s.ID] // an id is a hash of the material
		}
		if k == nil {
			if k, err = r.derive(s); err != nil {
				return nil, err
			}
		}
		v.all = append(v.all, k)
		v.byID[s.ID] = k
	}
	// A reload since Set was read leaves a view that is made again at once.
	r.cached.Store(v)
	return v, nil
}

func (r *RingKeys) context() string { return "auth/token " + string(r.o.Algorithm) }

func (r *RingKeys) derive(s keyring.Subkey) (*Key, error) {
	private, err := signingKey(r.o.Algorithm, s.Key)
	if err != nil {
		return nil, fmt.Errorf("token: derive a key from %s: %w", s.ID, err)
	}
	return NewKey(private)
}

// signingKey turns 32 random bytes into a private key. A P-256 key is made of
// 64 bits more than it has, so that the remainder is as good as uniform (FIPS
// 186-5, A.2.1); Ed25519 takes the bytes as they are.
func signingKey(a Algorithm, seed []byte) (crypto.Signer, error) {
	if a == EdDSA {
		return ed25519.NewKeyFromSeed(seed), nil
	}
	const wide = 40
	raw, err := hkdf.Expand(sha256.New, seed, "gale token P-256", wide)
	if err != nil {
		return nil, err
	}
	one := big.NewInt(1)
	d := new(big.Int).SetBytes(raw)
	d.Mod(d, new(big.Int).Sub(elliptic.P256().Params().N, one)).Add(d, one)
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32)))
}
