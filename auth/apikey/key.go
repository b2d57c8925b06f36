package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"strings"
)

// ErrMalformed is returned for what is not a key that [New] could have made:
// mistyped, cut off or of another make.
var ErrMalformed = errors.New("apikey: malformed key")

const (
	base62    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idLen     = 12 // 71 bits: the ids of a billion keys do not meet
	secretLen = 43 // 256 bits
	sumLen    = 6  // CRC-32 in base 62
	maxPrefix = 16
	maxLen    = maxPrefix + 1 + idLen + 1 + secretLen + sumLen
)

// Key is an API key. Plain is shown to its owner once; the application stores
// ID and Hash. Printing or logging a Key shows the ID only.
type Key struct {
	// Plain is the whole key: prefix_id_secret, the secret with a checksum at
	// its end.
	Plain string
	// ID is unique and no secret: show it in lists, look the key up by it.
	ID string
	// Hash is the SHA-256 of Plain, 32 bytes.
	Hash []byte
}

// New returns a new random key. prefix tells people and secret scanners whose
// key it is; it has 2 to 16 lower-case letters and digits, a letter first.
func New(prefix string) (Key, error) {
	if !validPrefix(prefix) {
		return Key{}, fmt.Errorf("apikey: prefix %q; use 2 to %d lower-case letters and digits, a letter first", prefix, maxPrefix)
	}
	return generate(prefix, random(idLen)), nil
}

// Rotate returns a new secret for the key with an id, which keeps its name,
// scopes and owner. Store its Hash, and the hash of before as [Record].Previous
// with the time until which it is still accepted.
func Rotate(prefix, id string) (Key, error) {
	if !validPrefix(prefix) {
		return Key{}, fmt.Errorf("apikey: prefix %q; use the one given to New", prefix)
	}
	if len(id) != idLen || !isBase62(id) {
		return Key{}, fmt.Errorf("%w: %q is no id of a key", ErrMalformed, id)
	}
	return generate(prefix, id), nil
}

func generate(prefix, id string) Key {
	body := prefix + "_" + id + "_" + random(secretLen)
	sum := checksum(body)
	return newKey(body+string(sum[:]), id)
}

func newKey(plain, id string) Key {
	sum := hash(plain)
	return Key{Plain: plain, ID: id, Hash: sum[:]}
}

// hash returns the hash of a whole key. A fast one is enough for 256 random bits,
// and lets each request be checked without the cost of a password.
func hash(plain string) [sha256.Size]byte {
	var text [maxLen]byte // on the stack
	return sha256.Sum256(append(text[:0], plain...))
}

// Parse reads a key with the prefix and returns [ErrMalformed] when its form
// or checksum is wrong, so that typing errors and guesses cost no look-up. It
// says nothing about whether the key exists. The error does not show s.
func Parse(prefix, s string) (Key, error) {
	id, err := parseID(prefix, s)
	if err == nil {
		err = checkText(prefix, s)
	}
	if err != nil {
		return Key{}, err
	}
	return newKey(s, id), nil
}

// parseID returns the id of a key that has the right parts.
func parseID(prefix, s string) (id string, err error) {
	rest, ok := strings.CutPrefix(s, prefix+"_")
	if !ok {
		return "", fmt.Errorf("%w: does not begin with %q", ErrMalformed, prefix+"_")
	}
	if len(rest) != idLen+1+secretLen+sumLen || rest[idLen] != '_' {
		return "", fmt.Errorf("%w: wrong length", ErrMalformed)
	}
	if id = rest[:idLen]; !isBase62(id) {
		return "", fmt.Errorf("%w: unknown character", ErrMalformed)
	}
	return id, nil
}

// checkText finds typing errors in a key that has the right parts. Who knows the
// key's hash needs it not.
func checkText(prefix, s string) error {
	if secret := s[len(prefix)+1+idLen+1:]; !isBase62(secret) {
		return fmt.Errorf("%w: unknown character", ErrMalformed)
	}
	if body, sum := s[:len(s)-sumLen], s[len(s)-sumLen:]; checksum(body) != [sumLen]byte([]byte(sum)) {
		return fmt.Errorf("%w: wrong checksum", ErrMalformed)
	}
	return nil
}

// String returns the ID.
func (k Key) String() string { return "apikey " + k.ID }

// GoString is String, for %#v.
func (k Key) GoString() string { return k.String() }

// LogValue is String, for slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

func validPrefix(s string) bool {
	if len(s) < 2 || len(s) > maxPrefix || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

func isBase62(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// random returns n characters of base 62. Bytes from 248 on are thrown away,
// or the first eight characters would come more often.
func random(n int) string {
	out := make([]byte, 0, n)
	var buf [64]byte
	for {
		rand.Read(buf[:]) // never fails, see its documentation
		for _, b := range buf {
			if b < 248 {
				if out = append(out, base62[b%62]); len(out) == n {
					return string(out)
				}
			}
		}
	}
}

// checksum finds typing errors; it is no defence, anyone can compute it.
func checksum(s string) (out [sumLen]byte) {
	sum := ^uint32(0)
	for i := range len(s) { // crc32.ChecksumIEEE without a copy of s on the heap
		sum = crc32.IEEETable[byte(sum)^s[i]] ^ sum>>8
	}
	sum = ^sum
	for i := range out {
		out[sumLen-1-i] = base62[sum%62]
		sum /= 62
	}
	return out
}
