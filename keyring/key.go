package keyring

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"

	"github.com/galeweb/gale/config"
)

// Purpose is what a key is for. Each purpose has keys of its own, since each
// ages in its own way: a new signing key costs nothing, a new encryption key
// asks for the data to be encrypted again, a new index key for the index to be
// built again.
type Purpose string

// The purposes.
const (
	// Signing is for values that leave and come back unchanged: see [Signer].
	Signing Purpose = "sign"
	// Encryption is for data at rest: see [AEAD] and [Encrypted].
	Encryption Purpose = "encrypt"
	// Tokens is for what other packages make of it: see [Ring.Subkeys].
	Tokens Purpose = "token"
	// Indexing is for finding encrypted values: see [BlindIndex].
	Indexing Purpose = "index"
)

// Purposes returns all of them.
func Purposes() []Purpose { return []Purpose{Signing, Encryption, Tokens, Indexing} }

// State is what a key may be used for.
type State string

// The states.
const (
	// Active is a key that may make new values. Of several, the one with the
	// latest Since that has come does; the others are as good as [VerifyOnly].
	Active State = "active"
	// VerifyOnly is a key that verifies and decrypts what it made before.
	VerifyOnly State = "verify"
	// Retired is a key that is used for nothing, and kept only so that one
	// retired too early can be brought back.
	Retired State = "retired"
)

const keySize = 32

// Key is one key of a [Set]. Printing one, or encoding it as JSON, does not
// show its material, which no exported method returns.
type Key struct {
	// ID is eight hexadecimal digits, derived from the material. It is no
	// secret: it stands in every value that the key made.
	ID      string
	Purpose Purpose
	State   State
	// Since is the time from which the key makes new values, in whole seconds.
	Since time.Time
	// A Secret and no array or pointer to one, whose bytes fmt prints under
	// the wrong verb when a Key is in an unexported field.
	material config.Secret
}

// newKey returns a random key.
func newKey(p Purpose, since time.Time) Key {
	var material [keySize]byte
	rand.Read(material[:]) // never fails, see its documentation
	return Key{
		ID: keyID(p, material[:]), Purpose: p, State: Active, Since: since.UTC().Truncate(time.Second),
		material: config.NewSecret(string(material[:])),
	}
}

// keyID makes the id from the material, so that a key of which one character
// was mistyped is noticed, and does not sign everybody out. 32 bits of a hash
// say nothing useful about 256 random ones.
func keyID(p Purpose, material []byte) string {
	h := sha256.New()
	h.Write([]byte("gale keyring id\x00" + string(p) + "\x00"))
	h.Write(material)
	return hex.EncodeToString(h.Sum(nil)[:4])
}

// subkey derives the key for one use in one context (HKDF-SHA256, RFC 5869,
// without salt, since the material is uniformly random). No label has a zero
// byte, so that no two pairs of label and context derive the same key.
func (k Key) subkey(label, context string) []byte {
	out, err := hkdf.Key(sha256.New, []byte(k.material.Reveal()), nil, "gale keyring v1\x00"+label+"\x00"+context, keySize)
	if err != nil {
		panic("keyring: HKDF of 32 bytes failed: " + err.Error()) // only for lengths beyond 8,160 bytes
	}
	return out
}

// String names the key by purpose and ID.
func (k Key) String() string { return string(k.Purpose) + " key " + k.ID }

// GoString is [Key.String], for %#v.
func (k Key) GoString() string { return k.String() }

// LogValue is [Key.String], for slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// choose returns the index of the key that makes new values at now, or -1: the
// last to begin of those that have begun. When none has, the first that will:
// a clock that is behind must not stop the service. Of two that begin in the
// same second it is the later in the list, on every instance.
func choose(keys []Key, now time.Time) int {
	best := -1
	for i, k := range keys {
		if k.State != Active {
			continue
		}
		if best < 0 {
			best = i
			continue
		}
		b := keys[best]
		switch {
		case b.Since.After(now):
			if k.Since.Before(b.Since) {
				best = i
			}
		case !k.Since.After(now) && !k.Since.Before(b.Since):
			best = i
		}
	}
	return best
}
