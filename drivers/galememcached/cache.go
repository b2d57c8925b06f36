package galememcached

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/galeweb/gale/cache"
)

// Cache is a [cache.Store].
type Cache struct{ store }

// NewCache returns a store on client, which stays the caller's to close.
func NewCache(client *memcache.Client, o Options) *Cache {
	return &Cache{newStore(client, o, "gale:cache:")}
}

// key returns key's name; hashed ones begin with a letter that others cannot.
func (c *Cache) key(key string) string {
	const maxKey = 250
	if plain(key) && len(c.prefix)+1+len(key) <= maxKey {
		return c.prefix + "=" + key
	}
	return c.hashed("#", key)
}

// Get implements [cache.Store].
func (c *Cache) Get(ctx context.Context, key string) ([]byte, error) {
	item, err := c.get(ctx, c.key(key))
	if err != nil {
		return nil, fmt.Errorf("galememcached: get: %w", err)
	}
	if item == nil {
		return nil, cache.ErrNotFound
	}
	if len(item.Value) < stampLen {
		return nil, errors.New("galememcached: get: the value has no time")
	}
	// The store promises never to return a value after its time, and memcached
	// counts seconds.
	if time.Now().UnixMilli() >= int64(binary.BigEndian.Uint64(item.Value)) {
		return nil, cache.ErrNotFound
	}
	return item.Value[stampLen:], nil
}

// stampLen is the length of the time before each value.
const stampLen = 8

// Set implements [cache.Store].
func (c *Cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("galememcached: set: %w", context.Cause(ctx))
	}
	expires := time.Now().Add(ttl)
	stamped := make([]byte, stampLen, stampLen+len(value))
	binary.BigEndian.PutUint64(stamped, uint64(expires.UnixMilli()))
	err := c.client.Set(&memcache.Item{Key: c.key(key), Value: append(stamped, value...), Expiration: until(expires)})
	if err != nil {
		return fmt.Errorf("galememcached: set: %w", err)
	}
	return nil
}

// Delete implements [cache.Store].
func (c *Cache) Delete(ctx context.Context, key string) error {
	if err := c.remove(ctx, c.key(key)); err != nil {
		return fmt.Errorf("galememcached: delete: %w", err)
	}
	return nil
}
