package cache_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/cache"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

type price struct {
	Currency string
	Cents    int
}

func TestSetGetDelete(t *testing.T) {
	t.Parallel()
	c := cache.New[price](cache.Options{})
	_, err := c.Get(t.Context(), "a")
	assert.ErrorIs(t, err, cache.ErrNotFound)
	assert.NoError(t, c.Set(t.Context(), "a", price{"EUR", 100}))
	got, err := c.Get(t.Context(), "a")
	assert.NoError(t, err)
	assert.Equal(t, got, price{"EUR", 100})
	assert.NoError(t, c.Delete(t.Context(), "a"))
	_, err = c.Get(t.Context(), "a")
	assert.ErrorIs(t, err, cache.ErrNotFound)
}

func TestValuesExpireAfterTheDefaultTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New[int](cache.Options{})
		assert.NoError(t, c.Set(t.Context(), "a", 1))
		time.Sleep(5 * time.Minute)
		_, err := c.Get(t.Context(), "a")
		assert.ErrorIs(t, err, cache.ErrNotFound)
	})
}

func TestCachesWithDifferentPrefixesShareAStore(t *testing.T) {
	t.Parallel()
	store := cache.NewMemory(cache.MemoryOptions{})
	a := cache.New[int](cache.Options{Store: store, Prefix: "a:"})
	b := cache.New[int](cache.Options{Store: store, Prefix: "b:"})
	assert.NoError(t, a.Set(t.Context(), "k", 1))
	_, err := b.Get(t.Context(), "k")
	assert.ErrorIs(t, err, cache.ErrNotFound)
}

func TestAValueOfAnotherShapeIsNotFound(t *testing.T) {
	t.Parallel()
	store := cache.NewMemory(cache.MemoryOptions{})
	assert.NoError(t, cache.New[string](cache.Options{Store: store}).Set(t.Context(), "k", "text"))
	_, err := cache.New[price](cache.Options{Store: store}).Get(t.Context(), "k")
	assert.ErrorIs(t, err, cache.ErrNotFound)
}

func TestAStampedeLoadsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New[int](cache.Options{})
		var loads atomic.Int64
		for range 100 {
			go func() {
				v, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (int, error) {
					time.Sleep(time.Second)
					return int(loads.Add(1)), nil
				})
				if v != 1 || err != nil {
					t.Errorf("GetOrLoad = %d, %v; want 1", v, err)
				}
			}()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Equal(t, loads.Load(), 1)
	})
}

func TestAWaiterLeavesWithItsOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New[int](cache.Options{})
		go func() {
			_, _ = c.GetOrLoad(t.Context(), "k", func(context.Context) (int, error) {
				time.Sleep(time.Hour)
				return 1, nil
			})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.GetOrLoad(ctx, "k", nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Since(start), time.Second)
		time.Sleep(time.Hour)
	})
}

func TestAWaiterTakesOverFromALeaderThatGaveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cache.New[int](cache.Options{})
		leader, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := c.GetOrLoad(leader, "k", func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			})
			assert.ErrorIs(t, err, context.Canceled)
		}()
		synctest.Wait()
		go func() {
			v, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (int, error) { return 7, nil })
			if v != 7 || err != nil {
				t.Errorf("GetOrLoad = %d, %v; want 7", v, err)
			}
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
	})
}

func TestAPanicInLoadFreesTheKey(t *testing.T) {
	t.Parallel()
	c := cache.New[int](cache.Options{})
	assert.Panics(t, func() {
		_, _ = c.GetOrLoad(t.Context(), "k", func(context.Context) (int, error) { panic("broken") })
	})
	v, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (int, error) { return 3, nil })
	assert.NoError(t, err)
	assert.Equal(t, v, 3)
}

func TestAnErrorIsNotStored(t *testing.T) {
	t.Parallel()
	c := cache.New[int](cache.Options{})
	broken := errors.New("bank closed")
	_, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (int, error) { return 0, broken })
	assert.ErrorIs(t, err, broken)
	v, err := c.GetOrLoad(t.Context(), "k", func(context.Context) (int, error) { return 1, nil })
	assert.NoError(t, err)
	assert.Equal(t, v, 1)
}

func TestDeleteDuringALoadWins(t *testing.T) {
	t.Parallel()
	c := cache.New[int](cache.Options{})
	v, err := c.GetOrLoad(t.Context(), "k", func(ctx context.Context) (int, error) {
		return 1, c.Delete(ctx, "k") // the row changed after it was read
	})
	assert.NoError(t, err)
	assert.Equal(t, v, 1)
	_, err = c.Get(t.Context(), "k")
	assert.ErrorIs(t, err, cache.ErrNotFound)
}

// down is a store whose server does not answer.
type down struct{}

var errDown = errors.New("connection refused")

func (down) Get(context.Context, string) ([]byte, error)              { return nil, errDown }
func (down) Set(context.Context, string, []byte, time.Duration) error { return errDown }
func (down) Delete(context.Context, string) error                     { return errDown }

func TestABrokenStoreCostsOnlySpeed(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	ctx := obs.WithLogger(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
	c := cache.New[int](cache.Options{Store: down{}})
	v, err := c.GetOrLoad(ctx, "k", func(context.Context) (int, error) { return 5, nil })
	assert.NoError(t, err)
	assert.Equal(t, v, 5)
	assert.Contains(t, log.String(), "level=WARN")
	assert.Contains(t, log.String(), "connection refused")
	_, err = c.Get(ctx, "k")
	assert.ErrorIs(t, err, errDown)
	assert.ErrorIs(t, c.Set(ctx, "k", 1), errDown)
	assert.ErrorIs(t, c.Delete(ctx, "k"), errDown)
}

func TestNegativeLimitsPanicAtStart(t *testing.T) {
	t.Parallel()
	for _, f := range []func(){
		func() { cache.New[int](cache.Options{TTL: -1}) },
		func() { cache.NewMemory(cache.MemoryOptions{MaxBytes: -1}) },
	} {
		assert.Contains(t, assert.Panics(t, f).(string), "leave it 0")
	}
}
