// Package believed keeps what was read from somewhere slower for a short time.
// Within that time it is believed, unless this process has changed it.
//
// A [Cache] is safe for concurrent use and starts no goroutine.
package believed

import (
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// Cache keeps values under keys.
type Cache[K comparable, V any] struct {
	age    time.Duration
	clock  func() time.Time
	values *otter.Cache[K, value[V]]

	mu      sync.Mutex
	changes uint64 // what was read before a change must not be kept after it
}

type value[V any] struct {
	v  V
	at time.Time
}

// New returns a cache of at most size values, of which those not asked for make
// room. Values are believed for age on clock.
func New[K comparable, V any](size int, age time.Duration, clock func() time.Time) *Cache[K, V] {
	return &Cache[K, V]{age: age, clock: clock, values: otter.Must(&otter.Options[K, value[V]]{
		MaximumSize: size,
		Executor:    func(f func()) { f() }, // no goroutine that nobody waits for
	})}
}

// Get returns the value under k or, when it is not believed any more, what read
// returns. An error is returned and not kept.
func (c *Cache[K, V]) Get(k K, read func() (V, error)) (V, error) {
	now := c.clock()
	if kept, ok := c.values.GetIfPresent(k); ok && now.Sub(kept.at) < c.age {
		return kept.v, nil
	}
	before := c.count()
	v, err := read()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(k, v, now, err == nil && c.changes == before)
	return v, err
}

// Change has change made, and keeps what it returns. When another change came
// between, or on an error, the next Get reads.
func (c *Cache[K, V]) Change(k K, change func() (V, error)) error {
	now := c.clock()
	before := c.count()
	v, err := change()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(k, v, now, err == nil && c.changes == before)
	c.changes++
	return err
}

// Forget is to be called after a change; the next Get reads.
func (c *Cache[K, V]) Forget(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.values.Invalidate(k)
}

// ForgetAll is Forget of every key.
func (c *Cache[K, V]) ForgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.values.InvalidateAll()
}

func (c *Cache[K, V]) count() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}

func (c *Cache[K, V]) settle(k K, v V, at time.Time, keep bool) {
	if keep {
		c.values.Set(k, value[V]{v, at})
	} else {
		c.values.Invalidate(k)
	}
}
