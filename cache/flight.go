package cache

import (
	"context"

	"github.com/galeweb/gale/obs"
)

// flight is one load under way. The caller that leads runs it on its own
// goroutine, so there is none to own or to wait for. value, err and abandoned
// are written before done is closed; stale is guarded by Cache.mu.
type flight[T any] struct {
	done      chan struct{}
	value     T
	err       error
	abandoned bool // the leader's context ended or load panicked: ask again
	stale     bool // key was deleted meanwhile
}

// join returns the flight of key, and whether the caller is to lead it.
func (c *Cache[T]) join(key string) (*flight[T], bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[key]; f != nil {
		return f, false
	}
	f := &flight[T]{done: make(chan struct{}), abandoned: true}
	c.flights[key] = f
	return f, true
}

// lead loads the value and lands the flight, also when load panics.
func (c *Cache[T]) lead(ctx context.Context, key string, f *flight[T], load func(context.Context) (T, error)) (T, error) {
	defer func() {
		c.mu.Lock()
		if c.flights[key] == f {
			delete(c.flights, key)
		}
		c.mu.Unlock()
		close(f.done)
	}()
	f.value, f.err = load(ctx)
	f.abandoned = f.err != nil && ctx.Err() != nil
	if f.err != nil || c.isStale(f) {
		return f.value, f.err
	}
	if err := c.Set(ctx, key, f.value); err != nil {
		obs.Logger(ctx).WarnContext(ctx, "cache store failed; value not kept", "error", err)
	}
	// Delete may have come between the look above and Set.
	if c.isStale(f) {
		_ = c.store.Delete(ctx, c.prefix+key)
	}
	return f.value, f.err
}

func (c *Cache[T]) isStale(f *flight[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f.stale
}
