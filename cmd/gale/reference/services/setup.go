package services

import (
	"crypto/subtle"
	"encoding/base64"

	"github.com/galeweb/gale/keyring"
)

// Setup has the very first account, the admin's, made by who reads relay's log:
// without, it would be whoever finds a new relay first. Guesses are not counted:
// nobody guesses 160 bits, and a limit could be used up by strangers, from anywhere,
// to keep the owner out, whom no browser and no address tells from them yet. What a
// guess costs, two hashes, the limit on requests of an address bounds.
type Setup struct {
	// Index makes the token of the keys, so that processes that share them agree
	// on it, and nothing of it is stored.
	Index *keyring.BlindIndex
}

// firstAccount is what the token is the hash of.
const firstAccount = "the very first account"

// Token returns the token, which is good for nothing once there is an account.
func (s *Setup) Token() (string, error) {
	sum, err := s.Index.Sum(firstAccount)
	return base64.RawURLEncoding.EncodeToString(sum), err
}

// check reports whether it is the token, of any of the keys: they may have been
// rotated since it was printed.
func (s *Setup) check(token string) (bool, error) {
	sums, err := s.Index.Sums(firstAccount)
	got, _ := base64.RawURLEncoding.Strict().DecodeString(token) // nothing that is wrong equals a sum
	right := 0
	for _, sum := range sums {
		right |= subtle.ConstantTimeCompare(sum, got)
	}
	return right == 1, err
}
