package galevalkey

import (
	"context"
	"fmt"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/cache"
)

// Cache is a [cache.Store]. The server may evict from it; give it a server, or
// at least a memory limit, of its own when sessions and limits, which must not
// be evicted, are on Valkey too.
type Cache struct{ store }

// NewCache returns a store on client, which stays the caller's to close.
func NewCache(client valkey.Client, o StoreOptions) *Cache {
	return &Cache{newStore(client, o, "gale:cache:")}
}

// Get implements [cache.Store].
func (c *Cache) Get(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	v, err := c.client.Do(ctx, c.client.B().Get().Key(c.prefix+key).Build()).AsBytes()
	if valkey.IsValkeyNil(err) {
		return nil, cache.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("galevalkey: get: %w", err)
	}
	return v, nil
}

// Set implements [cache.Store].
func (c *Cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	ms := max(1, ttl.Milliseconds())
	err := c.client.Do(ctx, c.client.B().Set().Key(c.prefix+key).Value(valkey.BinaryString(value)).PxMilliseconds(ms).Build()).Error()
	if err != nil {
		return fmt.Errorf("galevalkey: set: %w", err)
	}
	return nil
}

// Delete implements [cache.Store].
func (c *Cache) Delete(ctx context.Context, key string) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	if err := c.client.Do(ctx, c.client.B().Del().Key(c.prefix+key).Build()).Error(); err != nil {
		return fmt.Errorf("galevalkey: delete: %w", err)
	}
	return nil
}
