package cache

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/maypok86/otter/v2"
)

// MemoryOptions configure a [Memory].
type MemoryOptions struct {
	// MaxBytes bounds keys, values and 144 bytes for the bookkeeping of each
	// entry. Beyond it the entries least likely to be asked for again are
	// evicted. Defaults to 64 MiB.
	MaxBytes int64
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Memory is a bounded [Store] in this process. It starts no goroutine: an
// expired entry is dropped when it is asked for or when its room is needed.
type Memory struct {
	entries *otter.Cache[string, entry]
	now     func() time.Time
}

type entry struct {
	value   []byte
	expires time.Time
}

// entryOverhead is what one entry costs beside its key and value: 129 bytes on
// the heap for each of a million entries (otter v2.4, amd64), rounded up.
const entryOverhead = 144

// NewMemory returns an empty store. It panics when o.MaxBytes is negative.
func NewMemory(o MemoryOptions) *Memory {
	if o.MaxBytes < 0 {
		panic("cache: MemoryOptions.MaxBytes is negative; leave it 0 for the default of 64 MiB")
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Memory{now: o.Clock, entries: otter.Must(&otter.Options[string, entry]{
		MaximumWeight: uint64(o.MaxBytes),
		Weigher: func(key string, e entry) uint32 {
			return uint32(min(len(key)+len(e.value)+entryOverhead, math.MaxUint32))
		},
		// Expiry is ours, and eviction runs where the write is: otter would
		// start a goroutine for either that nobody could wait for.
		Executor: func(f func()) { f() },
	})}
}

// Get returns a copy of the value under key.
func (m *Memory) Get(_ context.Context, key string) ([]byte, error) {
	e, ok := m.entries.GetIfPresent(key)
	if !ok {
		return nil, ErrNotFound
	}
	if !m.now().Before(e.expires) {
		// A Set between the two lines loses its entry, which a cache may do.
		m.entries.Invalidate(key)
		return nil, ErrNotFound
	}
	return slices.Clone(e.value), nil
}

// Set stores a copy of value. A value larger than the whole store is dropped.
func (m *Memory) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	m.entries.Set(key, entry{slices.Clone(value), m.now().Add(ttl)})
	return nil
}

// Delete forgets key.
func (m *Memory) Delete(_ context.Context, key string) error {
	m.entries.Invalidate(key)
	return nil
}
