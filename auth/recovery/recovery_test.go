package recovery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/recovery"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/web"
)

func TestMain(m *testing.M) { galetest.Main(m) }

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// memory is a store for these tests; it passes the suite.
type memory struct {
	mu     sync.Mutex
	hashes map[string][][]byte
	err    error
}

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	conform.RecoveryStore(t, func(*testing.T) recovery.Store { return &memory{} })
}

func (m *memory) Replace(_ context.Context, user string, hashes [][]byte, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hashes == nil {
		m.hashes = map[string][][]byte{}
	}
	m.hashes[user] = append([][]byte(nil), hashes...)
	return m.err
}

func (m *memory) Use(_ context.Context, user string, hashes [][]byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, stored := range m.hashes[user] {
		for _, h := range hashes {
			if bytes.Equal(stored, h) {
				m.hashes[user] = append(m.hashes[user][:i], m.hashes[user][i+1:]...)
				return true, m.err
			}
		}
	}
	return false, m.err
}

func (m *memory) Count(_ context.Context, user string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.hashes[user]), m.err
}

// keys is a set that a test can rotate.
type keys struct {
	set  keyring.Set
	ring *keyring.Ring
}

func newKeys() *keys {
	k := &keys{set: keyring.NewSet(start.Add(-time.Hour))}
	var err error
	k.ring, err = keyring.Open(context.Background(), keyring.Options{Source: k, Clock: func() time.Time { return start }})
	if err != nil {
		panic(err)
	}
	return k
}

func (k *keys) Load(ctx context.Context) ([]byte, string, error) {
	return keyring.Text(k.set.Text()).Load(ctx)
}

func (k *keys) index() *keyring.BlindIndex {
	return k.ring.BlindIndex("recovery_codes.hash", keyring.IndexOptions{Bytes: 32})
}

func newCodes() (*recovery.Codes, *memory) {
	m := &memory{}
	return recovery.New(recovery.Options{Store: m, Hash: newKeys().index()}), m
}

func use(t *testing.T, c *recovery.Codes, user, code string) bool {
	t.Helper()
	ok, err := c.Use(t.Context(), user, code)
	assert.NoError(t, err)
	return ok
}

func TestEachCodeWorksOnce(t *testing.T) {
	t.Parallel()
	c, _ := newCodes()
	codes, err := c.Regenerate(t.Context(), "ann")
	assert.NoError(t, err)
	assert.Equal(t, len(codes), 10)
	for i, code := range codes {
		n, err := c.Remaining(t.Context(), "ann")
		assert.NoError(t, err)
		assert.Equal(t, n, 10-i)
		assert.True(t, !use(t, c, "bob", code), "another user's was accepted")
		assert.True(t, use(t, c, "ann", code), "refused")
		assert.True(t, !use(t, c, "ann", code), "used twice")
		assert.True(t, !use(t, c, "ann", strings.ToLower(code)), "used again in another spelling")
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	c, _ := newCodes()
	seen := map[string]bool{}
	letters := map[rune]bool{}
	for range 50 {
		codes, err := c.Regenerate(t.Context(), "ann")
		assert.NoError(t, err)
		for _, code := range codes {
			assert.True(t, len(code) == 11 && code[5] == '-' && !strings.ContainsAny(code, "ILOUilou"), code)
			assert.True(t, !seen[code], "made twice")
			seen[code] = true
			for _, r := range code {
				letters[r] = true
			}
		}
	}
	assert.Equal(t, len(letters), 33) // all 32 and the hyphen
}

func TestTyping(t *testing.T) {
	t.Parallel()
	hash := newKeys().index()
	sum, err := hash.Sum("01A0Z1BCDE ann")
	assert.NoError(t, err)
	for _, typed := range []string{
		"01A0Z-1BCDE", "01a0z1bcde", "oia0z-lbcde", "OLAOZ-IBCDE", " 0 1 a 0 z\t1 b c d e\n", "01A0Z\u00a01BCDE", "--01A0Z--1BCDE--",
	} {
		c := recovery.New(recovery.Options{Store: &memory{hashes: map[string][][]byte{"ann": {sum}}}, Hash: hash})
		assert.True(t, use(t, c, "ann", typed), typed)
	}
	c := recovery.New(recovery.Options{Store: &memory{hashes: map[string][][]byte{"ann": {sum}}}, Hash: hash})
	for _, bad := range []string{
		"", "-", "01A0Z-1BCD", "01A0Z-1BCDEF", "01A0Z-1BCDU", "０1A0Z-1BCDE", "01A0Z–1BCDE", "01A0Z_1BCDE", "01A0Z-1BCDE\x00",
		"\xff1A0Z-1BCDE", "ı1A0Z-1BCDE", "01A0Z-1BCDE" + strings.Repeat(" ", 64), strings.Repeat("0", 1<<20),
	} {
		ok, err := c.Use(t.Context(), "ann", bad)
		e, isWeb := errors.AsType[*web.Error](err)
		assert.True(t, !ok && isWeb && e.Status == http.StatusUnprocessableEntity && e.Code == "malformed_code", fmt.Sprintf("%.20q: %v", bad, err))
		assert.True(t, len(bad) < 3 || !strings.Contains(err.Error(), bad), "the error shows what was typed")
	}
	assert.True(t, use(t, c, "ann", "01A0Z-1BCDE"), "a mistake used the code up")
}

func TestNewCodesEndOldOnes(t *testing.T) {
	t.Parallel()
	c, _ := newCodes()
	old, err := c.Regenerate(t.Context(), "ann")
	assert.NoError(t, err)
	fresh, err := c.Regenerate(t.Context(), "ann")
	assert.NoError(t, err)
	assert.True(t, !use(t, c, "ann", old[0]), "an old code works")
	assert.True(t, use(t, c, "ann", fresh[0]), "a new code does not")
	assert.NoError(t, c.RemoveAll(t.Context(), "ann"))
	assert.True(t, !use(t, c, "ann", fresh[1]), "a removed code works")
}

func TestTheStoreHasNoCodes(t *testing.T) {
	t.Parallel()
	c, m := newCodes()
	codes, err := c.Regenerate(t.Context(), "ann")
	assert.NoError(t, err)
	stored := fmt.Sprintf("%s", m.hashes["ann"])
	for _, code := range codes {
		assert.True(t, !strings.Contains(stored, strings.ReplaceAll(code, "-", "")), "stored as it is")
	}
	// Rows given to another user, by who can write to the database.
	m.hashes["bob"] = m.hashes["ann"]
	assert.True(t, !use(t, c, "bob", codes[0]), "a moved row opens")
	// The same code under another key, which whoever stole the database lacks.
	other := recovery.New(recovery.Options{Store: m, Hash: newKeys().index()})
	assert.True(t, !use(t, other, "ann", codes[0]), "works without the key")
	assert.True(t, use(t, c, "ann", codes[0]), "refused")
}

func TestRotation(t *testing.T) {
	t.Parallel()
	k := newKeys()
	c := recovery.New(recovery.Options{Store: &memory{}, Hash: k.index()})
	old, err := c.Regenerate(t.Context(), "ann")
	assert.NoError(t, err)
	k.set, _ = k.set.Rotate(keyring.Indexing, start.Add(-time.Minute))
	assert.NoError(t, k.ring.Reload(t.Context()))
	assert.True(t, use(t, c, "ann", old[0]), "a code of before the rotation is refused")
	fresh, err := c.Regenerate(t.Context(), "ann")
	assert.NoError(t, err)
	assert.True(t, use(t, c, "ann", fresh[0]), "a code of after it is refused")
}

func TestFailures(t *testing.T) {
	t.Parallel()
	c, m := newCodes()
	codes, err := c.Regenerate(t.Context(), "ann")
	assert.NoError(t, err)
	m.err = errors.New("down")
	_, err = c.Regenerate(t.Context(), "ann")
	assert.ErrorIs(t, err, m.err)
	ok, err := c.Use(t.Context(), "ann", codes[0])
	assert.True(t, !ok, "accepted without a database")
	assert.ErrorIs(t, err, m.err)
	_, err = c.Remaining(t.Context(), "ann")
	assert.ErrorIs(t, err, m.err)
	assert.ErrorIs(t, c.RemoveAll(t.Context(), "ann"), m.err)
	_, err = c.Regenerate(t.Context(), "")
	assert.True(t, err != nil, "made for nobody")
}

func TestWrongOptionsPanic(t *testing.T) {
	t.Parallel()
	for _, o := range []recovery.Options{{Store: &memory{}}, {Hash: newKeys().index()}} {
		assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { recovery.New(o) })), "recovery: ")
	}
	assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { recovery.NewSQLStore(nil) })), "recovery: ")
}

func FuzzUse(f *testing.F) {
	for _, s := range []string{"01A0Z-1BCDE", "olaoz ibcde", "ſ1A0Z-1BCDE", "\xff", "0"} {
		f.Add(s)
	}
	hash := newKeys().index()
	sum, err := hash.Sum("01A0Z1BCDE ann")
	assert.NoError(f, err)
	f.Fuzz(func(t *testing.T, typed string) {
		c := recovery.New(recovery.Options{Store: &memory{hashes: map[string][][]byte{"ann": {sum}}}, Hash: hash})
		ok, err := c.Use(t.Context(), "ann", typed)
		bare := strings.NewReplacer("-", "", "I", "1", "L", "1", "O", "0").Replace(strings.ToUpper(strings.Join(strings.Fields(typed), "")))
		if ok != (bare == "01A0Z1BCDE" && err == nil) {
			t.Errorf("%q: %v %v", typed, ok, err)
		}
	})
}
