package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/galeweb/gale/web"
)

const (
	// Count is how many codes [Codes.Regenerate] makes.
	Count = 10

	// alphabet is Crockford's: without I, L and O, which look like digits, and
	// without U, so that no code says anything rude.
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	length   = 10 // characters of 5 bits
	group    = 5
	maxTyped = 64 // bytes of a code with its spaces
)

// Hash is a keyed hash with versioned keys. The BlindIndex of a keyring is one;
// give it 32 bytes.
type Hash interface {
	// Sum returns the hash under the current key.
	Sum(value string) ([]byte, error)
	// Sums returns the hashes under every key that is still good.
	Sums(value string) ([][]byte, error)
}

// Store keeps the hashes of codes. Implementations are safe for concurrent use.
// The suite in galetest/conform checks them.
type Store interface {
	// Replace stores the hashes in the place of all that the user had; no
	// hashes remove them. Of two calls at once one wins whole.
	Replace(ctx context.Context, user string, hashes [][]byte, at time.Time) error
	// Use removes the user's code with one of the hashes, in one step, and
	// reports whether there was one: of several calls at once exactly one is
	// told true.
	Use(ctx context.Context, user string, hashes [][]byte) (bool, error)
	// Count returns how many codes the user has.
	Count(ctx context.Context, user string) (int, error)
}

// Options configure [Codes].
type Options struct {
	// Store keeps the hashes. Required.
	Store Store
	// Hash makes them. Required.
	Hash Hash
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Codes makes and checks recovery codes. It is safe for concurrent use.
type Codes struct{ o Options }

// New returns Codes. It panics when an option is missing.
func New(o Options) *Codes {
	switch {
	case o.Store == nil:
		panic("recovery: New without Options.Store; use NewSQLStore")
	case o.Hash == nil:
		panic("recovery: New without Options.Hash; use a BlindIndex of a keyring")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Codes{o}
}

// Regenerate makes [Count] new codes and ends all that the user had. They are
// for showing once, over HTTPS on a page that is not cached.
func (c *Codes) Regenerate(ctx context.Context, user string) ([]string, error) {
	if user == "" {
		return nil, errors.New("recovery: no user id")
	}
	codes := make([]string, Count)
	hashes := make([][]byte, Count)
	for i := range codes {
		plain := random()
		sum, err := c.o.Hash.Sum(bind(user, plain))
		if err != nil {
			return nil, fmt.Errorf("recovery: hash: %w", err)
		}
		codes[i], hashes[i] = plain[:group]+"-"+plain[group:], sum
	}
	if err := c.o.Store.Replace(ctx, user, hashes, c.o.Clock().UTC().Truncate(time.Millisecond)); err != nil {
		return nil, fmt.Errorf("recovery: regenerate: %w", err)
	}
	return codes, nil
}

// Use reports whether code is one of the user's, and uses it up. What cannot be
// a code is no guess but a mistake, and refused with a [*web.Error] of status
// 422 and the code "malformed_code"; an auth.Throttle does not count it.
func (c *Codes) Use(ctx context.Context, user, code string) (bool, error) {
	plain, err := normalize(code)
	if err != nil {
		return false, err
	}
	sums, err := c.o.Hash.Sums(bind(user, plain))
	if err != nil {
		return false, fmt.Errorf("recovery: hash: %w", err)
	}
	ok, err := c.o.Store.Use(ctx, user, sums)
	if err != nil {
		return false, fmt.Errorf("recovery: use: %w", err)
	}
	return ok, nil
}

// Remaining returns how many codes the user has left.
func (c *Codes) Remaining(ctx context.Context, user string) (int, error) {
	n, err := c.o.Store.Count(ctx, user)
	if err != nil {
		return 0, fmt.Errorf("recovery: count: %w", err)
	}
	return n, nil
}

// RemoveAll ends all codes of the user: for an account that is deleted or has no
// second factor any more.
func (c *Codes) RemoveAll(ctx context.Context, user string) error {
	if err := c.o.Store.Replace(ctx, user, nil, c.o.Clock()); err != nil {
		return fmt.Errorf("recovery: remove all: %w", err)
	}
	return nil
}

// bind joins user and code; the code has a fixed length, so that no two pairs
// are one text.
func bind(user, plain string) string { return plain + " " + user }

// random returns a code without its hyphen. 32 divides 256, so that each
// character is equally likely.
func random() string {
	var b [length]byte
	rand.Read(b[:])
	for i, v := range b {
		b[i] = alphabet[v%32]
	}
	return string(b[:])
}

// normalize returns the characters of what was typed.
func normalize(typed string) (string, error) {
	var code []byte
	for _, r := range typed[:min(len(typed), maxTyped)] {
		if r >= 'a' && r <= 'z' { // and not ToUpper, which makes an S of the long s
			r += 'A' - 'a'
		}
		switch {
		case unicode.IsSpace(r) || r == '-':
			continue
		case r == 'I' || r == 'L':
			r = '1'
		case r == 'O':
			r = '0'
		}
		if !strings.ContainsRune(alphabet, r) {
			return "", malformed()
		}
		code = append(code, byte(r))
	}
	if len(code) != length || len(typed) > maxTyped {
		return "", malformed()
	}
	return string(code), nil
}

// malformed never shows what was typed: it may be a code with one slip.
func malformed() error {
	return &web.Error{
		Status:  http.StatusUnprocessableEntity,
		Code:    "malformed_code",
		Message: "A recovery code has ten letters and digits, such as G7K2M-4XQ9D. Please type it as it was shown.",
		Err:     errors.New("recovery: not a code"),
	}
}
