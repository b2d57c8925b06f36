package token

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// PEMKeys are keys that do not change while the program runs. The first signs,
// all verify.
type PEMKeys struct{ keys []*Key }

// ParsePEM reads private keys in PEM (PKCS #8, or SEC 1 for ECDSA), such as
// those of openssl genpkey: ECDSA on P-256 or Ed25519. To rotate, put the new
// key last, deploy, put it first, deploy, and take the old one out once its
// tokens have expired. Errors show nothing of the text.
func ParsePEM(text []byte) (*PEMKeys, error) {
	p := &PEMKeys{}
	for n := 1; ; n++ {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		private, err := parsePrivate(block)
		if err != nil {
			return nil, fmt.Errorf("token: PEM block %d: %w", n, err)
		}
		k, err := NewKey(private)
		if err != nil {
			return nil, fmt.Errorf("token: PEM block %d: %w", n, err)
		}
		p.keys = append(p.keys, k)
	}
	if len(p.keys) == 0 {
		return nil, errors.New("token: there is no PEM block; openssl genpkey -algorithm ed25519 makes one")
	}
	return p, nil
}

func parsePrivate(b *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch b.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(b.Bytes)
	default:
		return nil, errors.New("is not of the type PRIVATE KEY or EC PRIVATE KEY")
	}
	if err != nil {
		return nil, errors.New("is damaged")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("is not a key that signs")
	}
	return signer, nil
}

// SigningKey implements [KeySource].
func (p *PEMKeys) SigningKey() (*Key, error) { return p.keys[0], nil }

// VerifyKeys implements [KeySource].
func (p *PEMKeys) VerifyKeys() ([]*Key, error) { return p.keys, nil }
