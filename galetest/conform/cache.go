package conform

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/cache"
	"github.com/galeweb/gale/internal/assert"
)

// CacheStore runs the suite that every [cache.Store] must pass. open returns
// an empty store, or one whose old keys do not begin with "conform:", and
// registers its closing with t.Cleanup.
func CacheStore(t *testing.T, open func(t *testing.T) cache.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, cache.Store){
		"UnknownKey":   cacheUnknownKey,
		"RoundTrip":    cacheRoundTrip,
		"Replace":      cacheReplace,
		"Delete":       cacheDelete,
		"Expiry":       cacheExpiry,
		"KeepsNoSlice": cacheKeepsNoSlice,
		"Concurrent":   cacheConcurrent,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func cacheUnknownKey(t *testing.T, s cache.Store) {
	_, err := s.Get(t.Context(), "conform:unknown")
	assert.ErrorIs(t, err, cache.ErrNotFound)
}

func cacheRoundTrip(t *testing.T, s cache.Store) {
	values := map[string][]byte{
		"conform:empty": {},
		"conform:zero":  {0, 1, 0xff, '\r', '\n'},
		"conform:large": bytes.Repeat([]byte("gale"), 64<<10),
		"conform:ключ:" + strings.Repeat("k", 200): []byte("long key"),
	}
	for key, v := range values {
		assert.NoError(t, s.Set(t.Context(), key, v, time.Hour))
	}
	for key, want := range values {
		got, err := s.Get(t.Context(), key)
		assert.NoError(t, err)
		assert.True(t, bytes.Equal(got, want), fmt.Sprintf("%s: value differs", key))
	}
}

func cacheReplace(t *testing.T, s cache.Store) {
	assert.NoError(t, s.Set(t.Context(), "conform:k", []byte("old and long"), time.Hour))
	assert.NoError(t, s.Set(t.Context(), "conform:k", []byte("new"), time.Hour))
	got, err := s.Get(t.Context(), "conform:k")
	assert.NoError(t, err)
	assert.Equal(t, string(got), "new")
}

func cacheDelete(t *testing.T, s cache.Store) {
	assert.NoError(t, s.Set(t.Context(), "conform:k", []byte("v"), time.Hour))
	assert.NoError(t, s.Delete(t.Context(), "conform:k"))
	_, err := s.Get(t.Context(), "conform:k")
	assert.ErrorIs(t, err, cache.ErrNotFound)
	assert.NoError(t, s.Delete(t.Context(), "conform:k"))
}

// cacheExpiry asks until the value is gone, since a store's server has a clock
// of its own.
func cacheExpiry(t *testing.T, s cache.Store) {
	assert.NoError(t, s.Set(t.Context(), "conform:short", []byte("v"), 20*time.Millisecond))
	assert.NoError(t, s.Set(t.Context(), "conform:long", []byte("v"), time.Hour))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := s.Get(ctx, "conform:short")
		if err != nil {
			assert.ErrorIs(t, err, cache.ErrNotFound)
			break
		}
		<-tick.C
	}
	_, err := s.Get(t.Context(), "conform:long")
	assert.NoError(t, err)
}

func cacheKeepsNoSlice(t *testing.T, s cache.Store) {
	v := []byte("before")
	assert.NoError(t, s.Set(t.Context(), "conform:k", v, time.Hour))
	copy(v, "XXXXXX")
	got, err := s.Get(t.Context(), "conform:k")
	assert.NoError(t, err)
	assert.Equal(t, string(got), "before")
	copy(got, "YYYYYY")
	again, err := s.Get(t.Context(), "conform:k")
	assert.NoError(t, err)
	assert.Equal(t, string(again), "before")
}

func cacheConcurrent(t *testing.T, s cache.Store) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key, want := fmt.Sprintf("conform:%d", i), fmt.Sprint(i)
			for range 20 {
				if err := s.Set(t.Context(), key, []byte(want), time.Hour); err != nil {
					t.Errorf("Set: %v", err)
					return
				}
				got, err := s.Get(t.Context(), key)
				if err != nil || string(got) != want {
					t.Errorf("Get(%q) = %q, %v; want %q", key, got, err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}
