package cache_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/cache"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
)

func TestMemoryConforms(t *testing.T) {
	t.Parallel()
	conform.CacheStore(t, func(*testing.T) cache.Store { return cache.NewMemory(cache.MemoryOptions{}) })
}

func TestMemoryStaysWithinMaxBytes(t *testing.T) {
	t.Parallel()
	m := cache.NewMemory(cache.MemoryOptions{MaxBytes: 64 << 10})
	value := make([]byte, 1000)
	for i := range 1000 {
		assert.NoError(t, m.Set(t.Context(), fmt.Sprint(i), value, time.Hour))
	}
	kept := 0
	for i := range 1000 {
		if _, err := m.Get(t.Context(), fmt.Sprint(i)); err == nil {
			kept++
		}
	}
	if kept == 0 || kept > 64 {
		t.Errorf("%d values of 1000 bytes kept in 64 KiB", kept)
	}
}

func TestMemoryDropsWhatIsLargerThanItself(t *testing.T) {
	t.Parallel()
	m := cache.NewMemory(cache.MemoryOptions{MaxBytes: 1000})
	assert.NoError(t, m.Set(t.Context(), "small", []byte("v"), time.Hour))
	assert.NoError(t, m.Set(t.Context(), "huge", make([]byte, 5000), time.Hour))
	_, err := m.Get(t.Context(), "huge")
	assert.ErrorIs(t, err, cache.ErrNotFound)
}

func TestMemoryExpiresToTheNanosecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := cache.NewMemory(cache.MemoryOptions{})
		assert.NoError(t, m.Set(t.Context(), "k", []byte("v"), time.Minute))
		time.Sleep(time.Minute - 1)
		_, err := m.Get(t.Context(), "k")
		assert.NoError(t, err)
		time.Sleep(time.Nanosecond)
		_, err = m.Get(t.Context(), "k")
		assert.ErrorIs(t, err, cache.ErrNotFound)
	})
}
