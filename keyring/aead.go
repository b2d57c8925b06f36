package keyring

import (
	"fmt"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/xaesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// aeadMark is the first byte of tink's output prefix.
const aeadMark = 1

// AEAD encrypts data of one kind: authenticated encryption with associated
// data. The algorithm is X-AES-GCM (XAES-256-GCM of C2SP), whose nonces of 24
// random bytes may be drawn any number of times. It is safe for concurrent use.
type AEAD struct{ keys derived[tink.AEAD] }

// AEAD returns the encryption for a context, which names the data, such as
// "users.phone": what was encrypted in one context cannot be decrypted in
// another.
func (r *Ring) AEAD(context string) *AEAD {
	mustContext("AEAD", context)
	build := func(k Key) tink.AEAD {
		a, err := newAEAD(k, context)
		if err != nil {
			panic("keyring: tink refused a key of 32 bytes: " + err.Error())
		}
		return a
	}
	return &AEAD{derived[tink.AEAD]{ring: r, purpose: Encryption, build: build}}
}

// newAEAD makes a tink keyset of the one key, under its own ID, so that
// ciphertexts are those of tink and can be read by tink in any language.
func newAEAD(k Key, context string) (tink.AEAD, error) {
	id, err := strconv.ParseUint(k.ID, 16, 32)
	if err != nil {
		return nil, err
	}
	const saltBytes = 12 // which C2SP specifies
	params, err := xaesgcm.NewParameters(xaesgcm.VariantTink, saltBytes)
	if err != nil {
		return nil, err
	}
	secret := secretdata.NewBytesFromData(k.subkey("aead", context), insecuresecretdataaccess.Token{})
	key, err := xaesgcm.NewKey(secret, uint32(id), params)
	if err != nil {
		return nil, err
	}
	m := keyset.NewManager()
	if _, err := m.AddKey(key); err != nil {
		return nil, err
	}
	if err := m.SetPrimary(uint32(id)); err != nil {
		return nil, err
	}
	handle, err := m.Handle()
	if err != nil {
		return nil, err
	}
	return aead.New(handle)
}

// Seal encrypts. The associated data is not stored; it must be the same when
// the result is opened, so let it say where the value belongs, such as the id
// of the row: then nobody can move it to another. The result is 45 bytes
// longer than the plaintext, whose length it shows.
func (a *AEAD) Seal(plaintext, associated []byte) ([]byte, error) {
	_, box, err := a.keys.current(a.keys.ring.now())
	if err != nil {
		return nil, err
	}
	sealed, err := box.Encrypt(plaintext, associated)
	if err != nil {
		return nil, fmt.Errorf("keyring: encrypt: %w", err)
	}
	return sealed, nil
}

// Open decrypts what [AEAD.Seal] made. The error is [ErrInvalid] when it was
// changed or belongs elsewhere, and [ErrUnknownKey] when its key is gone.
func (a *AEAD) Open(sealed, associated []byte) ([]byte, error) {
	id, ok := KeyOf(sealed)
	if !ok || sealed[0] != aeadMark {
		return nil, ErrInvalid
	}
	box, err := a.keys.find(id)
	if err != nil {
		return nil, fmt.Errorf("%w %s", err, id)
	}
	plaintext, err := box.Decrypt(sealed, associated)
	if err != nil {
		return nil, ErrInvalid
	}
	return plaintext, nil
}

// KeyID returns the ID of the key that encrypts now.
func (a *AEAD) KeyID() (string, error) {
	id, _, err := a.keys.current(a.keys.ring.now())
	return id, err
}

// Renew decrypts the value and encrypts it with the key that encrypts now. When
// it is under that key already, what comes back is the value itself.
func (a *AEAD) Renew(sealed, associated []byte) ([]byte, error) {
	id, err := a.KeyID()
	if err != nil {
		return nil, err
	}
	if under, _ := KeyOf(sealed); under == id {
		return sealed, nil
	}
	plaintext, err := a.Open(sealed, associated)
	if err != nil {
		return nil, err
	}
	return a.Seal(plaintext, associated)
}
