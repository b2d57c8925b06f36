package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/galeweb/gale/obs"
)

// Options configure a [Cache].
type Options struct {
	// Store holds the values. Defaults to a [Memory] of its own.
	Store Store
	// Prefix is put before every key, so that caches can share a store. Change
	// it when the meaning of T changes. Defaults to none.
	Prefix string
	// TTL is how long a value is kept at most. Defaults to 5 minutes.
	TTL time.Duration
}

// Cache keeps values of type T, encoded as JSON, in a [Store].
type Cache[T any] struct {
	store  Store
	prefix string
	ttl    time.Duration

	mu      sync.Mutex
	flights map[string]*flight[T]
}

// New returns a cache. It panics when o.TTL is negative.
func New[T any](o Options) *Cache[T] {
	if o.TTL < 0 {
		panic("cache: Options.TTL is negative; leave it 0 for the default of 5 minutes")
	}
	if o.TTL == 0 {
		o.TTL = 5 * time.Minute
	}
	if o.Store == nil {
		o.Store = NewMemory(MemoryOptions{})
	}
	return &Cache[T]{store: o.Store, prefix: o.Prefix, ttl: o.TTL, flights: map[string]*flight[T]{}}
}

// Get returns the value under key, or [ErrNotFound]. A stored value that does
// not decode into T, because an older release wrote it, counts as not found.
func (c *Cache[T]) Get(ctx context.Context, key string) (T, error) {
	var v T
	b, err := c.store.Get(ctx, c.prefix+key)
	if err != nil {
		return v, fmt.Errorf("cache: get %q: %w", c.prefix+key, err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		var zero T
		return zero, fmt.Errorf("cache: get %q: %w (stored as something else: %v)", c.prefix+key, ErrNotFound, err)
	}
	return v, nil
}

// Set stores v under key for [Options].TTL.
func (c *Cache[T]) Set(ctx context.Context, key string, v T) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cache: set %q: %w", c.prefix+key, err)
	}
	if err := c.store.Set(ctx, c.prefix+key, b, c.ttl); err != nil {
		return fmt.Errorf("cache: set %q: %w", c.prefix+key, err)
	}
	return nil
}

// Delete forgets key. A load of key that this process has under way is not
// stored any more, since it may have read what is now out of date.
func (c *Cache[T]) Delete(ctx context.Context, key string) error {
	c.mu.Lock()
	if f := c.flights[key]; f != nil {
		f.stale = true
		delete(c.flights, key)
	}
	c.mu.Unlock()
	if err := c.store.Delete(ctx, c.prefix+key); err != nil {
		return fmt.Errorf("cache: delete %q: %w", c.prefix+key, err)
	}
	return nil
}

// GetOrLoad returns the value under key or, when it is missing, what load
// returns, which is then stored. Concurrent calls for one key share one load;
// it runs with the context of one of them, and when that caller gives up,
// another of those waiting takes over. An error of load is returned to all of
// them and is not stored.
func (c *Cache[T]) GetOrLoad(ctx context.Context, key string, load func(context.Context) (T, error)) (T, error) {
	for {
		v, err := c.Get(ctx, key)
		if err == nil {
			return v, nil
		}
		if ctx.Err() != nil {
			return v, context.Cause(ctx)
		}
		if !errors.Is(err, ErrNotFound) {
			obs.Logger(ctx).WarnContext(ctx, "cache store failed; loading instead", "error", err)
		}
		f, leads := c.join(key)
		if leads {
			return c.lead(ctx, key, f, load)
		}
		select {
		case <-f.done:
			if !f.abandoned {
				return f.value, f.err
			}
		case <-ctx.Done():
			return v, context.Cause(ctx)
		}
	}
}
