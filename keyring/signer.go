package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	signedMark = "v1"
	// clockSkew is how far ahead the clock of the instance that signed may be.
	clockSkew = 5 * time.Minute
)

// Signer makes and checks signed values of one kind. The values are not
// secret: anybody can read them, nobody can change them or make others. They
// can be used any number of times until they are too old; what must work once,
// such as a password reset, also needs something in the database that changes
// by its use. It is safe for concurrent use.
type Signer struct {
	keys   derived[[]byte]
	maxAge time.Duration
}

// Signer returns a signer for the context, which names what the values are
// for: a value of one context is invalid in every other. Values older than
// maxAge are refused, whenever they were made.
func (r *Ring) Signer(context string, maxAge time.Duration) *Signer {
	mustContext("Signer", context)
	if maxAge <= 0 {
		panic("keyring: Signer without a maximum age; how long is a stolen value to work?")
	}
	build := func(k Key) []byte { return k.subkey("sign", context) }
	return &Signer{keys: derived[[]byte]{ring: r, purpose: Signing, build: build}, maxAge: maxAge}
}

// Sign returns the payload with the time and the signature, for a cookie, an
// URL or a form: letters, digits, "-", "_" and ".". It is 68 bytes longer than
// the payload in base64.
func (s *Signer) Sign(payload []byte) (string, error) {
	now := s.keys.ring.now()
	id, key, err := s.keys.current(now)
	if err != nil {
		return "", err
	}
	body := strings.Join([]string{
		signedMark, id, strconv.FormatInt(now.Unix(), 10), base64.RawURLEncoding.EncodeToString(payload),
	}, ".")
	return body + "." + signature(key, body), nil
}

// Verify returns the payload of a value that [Signer.Sign] made, for the same
// context, at most the maximum age ago, with a key that is not retired. Else
// the error is [ErrInvalid], [ErrExpired] or [ErrUnknownKey], which all mean
// the same to whoever sent it.
func (s *Signer) Verify(signed string) ([]byte, error) {
	i := strings.LastIndexByte(signed, '.')
	if i < 0 {
		return nil, ErrInvalid
	}
	body := signed[:i]
	parts := strings.Split(body, ".")
	const fields = 4
	if len(parts) != fields || parts[0] != signedMark || !isKeyID(parts[1]) {
		return nil, ErrInvalid
	}
	key, err := s.keys.find(parts[1])
	if err != nil {
		return nil, fmt.Errorf("%w %s", err, parts[1])
	}
	// Compared as text, so that each value has one form: a decoder skips line
	// ends, and the last character has unused bits.
	if !hmac.Equal([]byte(signed[i+1:]), []byte(signature(key, body))) {
		return nil, ErrInvalid
	}
	seconds, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return nil, ErrInvalid
	}
	now, made := s.keys.ring.now(), time.Unix(seconds, 0)
	if made.After(now.Add(clockSkew)) {
		return nil, fmt.Errorf("%w: it was signed in the future; compare the clocks of the instances", ErrInvalid)
	}
	if made.Before(now.Add(-s.maxAge)) {
		return nil, ErrExpired
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[3])
	if err != nil {
		return nil, ErrInvalid
	}
	return payload, nil
}

func signature(key []byte, body string) string {
	return base64.RawURLEncoding.EncodeToString(mac(key, body))
}

func mac(key []byte, body string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(body))
	return h.Sum(nil)
}
