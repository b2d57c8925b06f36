package conform

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/recovery"
	"github.com/galeweb/gale/internal/assert"
)

// RecoveryStore runs the suite that every [recovery.Store] must pass. open
// returns an empty store and registers its closing with t.Cleanup.
func RecoveryStore(t *testing.T, open func(t *testing.T) recovery.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, recovery.Store){
		"UseOnce":        recoveryUseOnce,
		"Replace":        recoveryReplace,
		"OtherUsers":     recoveryOtherUsers,
		"OneUseWins":     recoveryOneUseWins,
		"OneReplaceWins": recoveryOneReplaceWins,
		"OldCodesEnd":    recoveryOldCodesEnd,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var recoveryBase = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// recoveryHashes returns n hashes that no other series has.
func recoveryHashes(series byte, n int) [][]byte {
	var out [][]byte
	for i := range n {
		h := bytes.Repeat([]byte{series}, 32)
		h[0], h[31] = 0, byte(i) // bytes that a text could not hold
		out = append(out, h)
	}
	return out
}

func replaceCodes(t *testing.T, s recovery.Store, user string, hashes [][]byte) {
	t.Helper()
	assert.NoError(t, s.Replace(t.Context(), user, hashes, recoveryBase))
}

func codesLeft(t *testing.T, s recovery.Store, user string, want int) {
	t.Helper()
	n, err := s.Count(t.Context(), user)
	assert.NoError(t, err)
	assert.Equal(t, n, want)
}

func useCode(t *testing.T, s recovery.Store, user string, hashes ...[]byte) bool {
	t.Helper()
	ok, err := s.Use(t.Context(), user, hashes)
	assert.NoError(t, err)
	return ok
}

func recoveryUseOnce(t *testing.T, s recovery.Store) {
	codesLeft(t, s, "ann", 0)
	a, b := recoveryHashes('a', 10), recoveryHashes('b', 2)
	assert.True(t, !useCode(t, s, "ann", a[0]), "a code of nobody was used")
	replaceCodes(t, s, "ann", a)
	codesLeft(t, s, "ann", 10)
	assert.True(t, !useCode(t, s, "ann", b...), "a wrong code was used")
	assert.True(t, !useCode(t, s, "ann"), "no code was used")
	assert.True(t, useCode(t, s, "ann", b[0], a[3], b[1]), "a code is refused")
	codesLeft(t, s, "ann", 9)
	assert.True(t, !useCode(t, s, "ann", a[3]), "a code was used twice")
	assert.True(t, useCode(t, s, "ann", a[4]), "the next code is refused")
	codesLeft(t, s, "ann", 8)
}

func recoveryReplace(t *testing.T, s recovery.Store) {
	a, b := recoveryHashes('a', 10), recoveryHashes('b', 3)
	replaceCodes(t, s, "ann", a)
	assert.True(t, useCode(t, s, "ann", a[1]), "a code is refused")
	replaceCodes(t, s, "ann", b)
	codesLeft(t, s, "ann", 3)
	for _, h := range a {
		assert.True(t, !useCode(t, s, "ann", h), "an old code still works")
	}
	replaceCodes(t, s, "ann", a)
	codesLeft(t, s, "ann", 10)
	replaceCodes(t, s, "ann", nil)
	codesLeft(t, s, "ann", 0)
}

func recoveryOtherUsers(t *testing.T, s recovery.Store) {
	a := recoveryHashes('a', 10)
	replaceCodes(t, s, "ann", a)
	replaceCodes(t, s, "bob", recoveryHashes('b', 10))
	for _, user := range []string{"bob", "ANN", "", "%"} {
		assert.True(t, !useCode(t, s, user, a[0]), "used by another: "+user)
	}
	replaceCodes(t, s, "bob", nil)
	codesLeft(t, s, "ann", 10)
}

func recoveryOneUseWins(t *testing.T, s recovery.Store) {
	a := recoveryHashes('a', 10)
	replaceCodes(t, s, "ann", a)
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			ok, err := s.Use(t.Context(), "ann", a[:1])
			assert.NoError(t, err)
			if ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, won.Load(), 1)
	codesLeft(t, s, "ann", 9)
}

// recoveryOneReplaceWins is a button that is pressed twice: nobody must be left
// with twenty codes, nor with some of each.
func recoveryOneReplaceWins(t *testing.T, s recovery.Store) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { replaceCodes(t, s, "ann", recoveryHashes(byte('a'+i), 10)) })
	}
	wg.Wait()
	codesLeft(t, s, "ann", 10)
	whole := 0
	for i := range 8 {
		n := 0
		for _, h := range recoveryHashes(byte('a'+i), 10) {
			if useCode(t, s, "ann", h) {
				n++
			}
		}
		assert.True(t, n == 0 || n == 10, fmt.Sprint(n, " codes of one call"))
		whole += n
	}
	assert.Equal(t, whole, 10)
}

// recoveryOldCodesEnd is the race of new codes with the use of an old one.
func recoveryOldCodesEnd(t *testing.T, s recovery.Store) {
	c := recovery.New(recovery.Options{Store: s, Hash: keyed("a key")})
	old, err := c.Regenerate(t.Context(), "ann")
	assert.NoError(t, err)
	var wg sync.WaitGroup
	for _, code := range old {
		wg.Go(func() {
			_, err := c.Use(t.Context(), "ann", code)
			assert.NoError(t, err)
		})
	}
	fresh, err := c.Regenerate(t.Context(), "ann")
	assert.NoError(t, err)
	wg.Wait()
	n, err := c.Remaining(t.Context(), "ann")
	assert.NoError(t, err)
	assert.Equal(t, n, recovery.Count)
	for _, code := range append(old, fresh[0], fresh[0]) {
		ok, err := c.Use(t.Context(), "ann", code)
		assert.NoError(t, err)
		if ok {
			n--
			assert.Equal(t, code, fresh[0])
		}
	}
	assert.Equal(t, n, recovery.Count-1)
}

// keyed is a [recovery.Hash] with one key.
type keyed string

func (k keyed) Sum(value string) ([]byte, error) {
	m := hmac.New(sha256.New, []byte(k))
	m.Write([]byte(value))
	return m.Sum(nil), nil
}

func (k keyed) Sums(value string) ([][]byte, error) {
	sum, err := k.Sum(value)
	return [][]byte{sum}, err
}
