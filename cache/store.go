package cache

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is returned for a key that was never set, was deleted, evicted,
// or has expired.
var ErrNotFound = errors.New("cache: not found")

// Store keeps bytes under a key for a while. It may forget a key at any
// moment, and never returns one after its time. Implementations are safe for
// concurrent use, keep no reference to the slices they are given and return
// slices that the caller may change. The suite in galetest/conform checks them.
type Store interface {
	// Get returns [ErrNotFound] for a key that is absent or expired.
	Get(ctx context.Context, key string) ([]byte, error)
	// Set stores value, replacing what was there. ttl is above zero.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Delete is a no-op for an absent key.
	Delete(ctx context.Context, key string) error
}
