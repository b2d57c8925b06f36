package app_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/keyring"
)

// keys are those of a site, which a test can rotate.
type keys struct {
	ring *keyring.Ring

	mu  sync.Mutex
	set keyring.Set
}

// newKeys returns keys that are as old as since.
func newKeys(tb testing.TB, since time.Time) *keys {
	tb.Helper()
	k := &keys{set: keyring.NewSet(since)}
	var err error
	k.ring, err = keyring.Open(tb.Context(), keyring.Options{Source: keyring.SourceFunc(k.load)})
	assert.NoError(tb, err)
	return k
}

func (k *keys) load(context.Context) ([]byte, string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return []byte(k.set.Text().Reveal()), "", nil
}

// change replaces the keys, and has the ring read them.
func (k *keys) change(tb testing.TB, change func(keyring.Set) keyring.Set) {
	tb.Helper()
	k.mu.Lock()
	k.set = change(k.set)
	k.mu.Unlock()
	assert.NoError(tb, k.ring.Reload(tb.Context()))
}
