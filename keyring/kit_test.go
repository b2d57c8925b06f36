package keyring_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
)

var start = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// store is a source whose set the test replaces.
type store struct {
	mu    sync.Mutex
	text  []byte
	err   error
	loads int
}

func (s *store) Load(context.Context) ([]byte, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	return s.text, "", s.err
}

func (s *store) put(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.err = []byte(text), nil
}

func (s *store) fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.New("the source is away")
}

// bundle is a ring whose set and clock the test holds.
type bundle struct {
	*keyring.Ring
	t     *testing.T
	clock *galetest.Clock
	store *store
	set   keyring.Set
}

func setup(t *testing.T, purposes ...keyring.Purpose) *bundle {
	t.Helper()
	b := &bundle{t: t, clock: galetest.NewClock(t, start), store: &store{}, set: keyring.NewSet(start, purposes...)}
	b.store.put(b.set.Text().Reveal())
	b.Ring = open(t, keyring.Options{Source: b.store, Clock: b.clock.Now})
	return b
}

func open(t *testing.T, o keyring.Options) *keyring.Ring {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	r, err := keyring.Open(t.Context(), o)
	assert.NoError(t, err)
	return r
}

// use puts the set in the source and reloads.
func (b *bundle) use(set keyring.Set) {
	b.t.Helper()
	b.set = set
	b.store.put(set.Text().Reveal())
	assert.NoError(b.t, b.Reload(b.t.Context()))
}

// rotate adds a key that begins now.
func (b *bundle) rotate(p keyring.Purpose) keyring.Key {
	b.t.Helper()
	b.clock.Advance(time.Second)
	set, k := b.set.Rotate(p, b.clock.Now())
	b.use(set)
	return k
}

// retire takes a key out of use.
func (b *bundle) retire(id string) {
	b.t.Helper()
	set, err := b.set.Mark(id, keyring.Retired)
	assert.NoError(b.t, err)
	b.use(set)
}

// current is the ID of the key that makes new values.
func (b *bundle) current(p keyring.Purpose) string {
	b.t.Helper()
	k, ok := b.set.Current(p, b.clock.Now())
	assert.True(b.t, ok, "no current key")
	return k.ID
}

func decode64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	assert.NoError(t, err)
	return b
}
