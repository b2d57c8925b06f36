package ratelimit

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"math/bits"
	"sync"
	"time"
)

// MemoryOptions configure a [Memory].
type MemoryOptions struct {
	// MaxKeys bounds the buckets that are kept, at 24 bytes each, rounded up
	// to a power of two and at least 1024. Memory is taken as it is needed and
	// kept from then on. Defaults to 1,048,576 (24 MiB).
	MaxKeys int
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Memory is a bounded [Store] in this process. It starts no goroutine: a bucket
// that has drained is free for the next key.
//
// Under a flood of more keys than there is room for, a new key takes the place
// of the one among sixteen that has used the smallest part of its limit. Who has
// used up a limit is thus forgotten last: to be forgotten, an attacker would
// have to use up as many other limits as the store has room for, and all anew
// as they drain. A store that forgot the oldest would let go of him for one
// request from each of as many addresses.
type Memory struct {
	seeds [2]maphash.Seed
	epoch time.Time
	since func(time.Time) time.Duration
	max   int // slots of one shard
	// The first bits of a hash choose the shard, the last ones the slot. There
	// are as many shards as a word has bits, so that those that a call needs
	// are one number, and locked in the order of its bits.
	shards [shardCount]shard
}

const (
	shardBits  = 6
	shardCount = 1 << shardBits
	firstSlots = 16
	// window is how many slots, beginning with that of its hash, a key may be
	// in: six cache lines to look at. With 8 a few keys of a table that is
	// filled by a third find no place, with 16 none does.
	window = 16
)

type shard struct {
	mu    sync.Mutex
	slots []slot
	_     [32]byte // a cache line each
}

// slot is a bucket. Keys are told apart by their hash alone: with a million of
// them and seeds that nobody knows, one in 2^44 new keys shares a bucket.
type slot struct {
	hash uint64
	// drained is when the bucket is empty, in nanoseconds since the epoch; a
	// slot whose time has come is free.
	drained  int64
	capacity int64
}

// NewMemory returns an empty store. It panics when o.MaxKeys is negative or
// beyond 2^30.
func NewMemory(o MemoryOptions) *Memory {
	if o.MaxKeys < 0 || o.MaxKeys > 1<<30 {
		panic(fmt.Sprintf("ratelimit: MemoryOptions.MaxKeys is %d; leave it 0 for the default of 1,048,576", o.MaxKeys))
	}
	keys := max(cmp.Or(o.MaxKeys, 1<<20), shardCount*firstSlots)
	m := &Memory{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		max:   1 << bits.Len(uint((keys-1)/shardCount)),
		epoch: time.Now(),
		since: time.Since, // reads one clock, where Now reads two
	}
	if o.Clock != nil {
		m.epoch = o.Clock()
		m.since = func(t time.Time) time.Duration { return o.Clock().Sub(t) }
	}
	// In the past, so that an unused slot, which is all zero, is a drained one.
	m.epoch = m.epoch.Add(-time.Hour)
	return m
}

// Charge implements [Store].
func (m *Memory) Charge(_ context.Context, charges []Charge) (bool, error) {
	if len(charges) > MaxTakes {
		return false, fmt.Errorf("ratelimit: %d charges at once, more than %d", len(charges), MaxTakes)
	}
	var hashes [MaxTakes]uint64
	var locks uint64
	for i := range charges {
		h := m.hash(&charges[i])
		hashes[i] = h
		locks |= 1 << (h >> (64 - shardBits))
	}
	now := int64(m.since(m.epoch))
	for b := locks; b != 0; b &= b - 1 {
		m.shards[bits.TrailingZeros64(b)].mu.Lock()
	}
	ok := true
	for i := range charges {
		c := &charges[i]
		c.Level = min(m.shardOf(hashes[i]).level(hashes[i], now), c.Capacity)
		ok = ok && c.fits()
	}
	for i := range charges {
		if c := &charges[i]; ok && c.Cost != 0 {
			c.Level = max(0, c.Level+c.Cost)
			m.shardOf(hashes[i]).set(slot{hashes[i], now + int64(c.Level), int64(c.Capacity)}, now, m.max)
		}
	}
	for b := locks; b != 0; b &= b - 1 {
		m.shards[bits.TrailingZeros64(b)].mu.Unlock()
	}
	return ok, nil
}

func (m *Memory) hash(c *Charge) uint64 {
	return maphash.String(m.seeds[0], c.Limit) ^ maphash.String(m.seeds[1], c.Key)
}

func (m *Memory) shardOf(h uint64) *shard { return &m.shards[h>>(64-shardBits)] }

// level returns how full the bucket of h is.
func (s *shard) level(h uint64, now int64) time.Duration {
	if len(s.slots) == 0 {
		return 0
	}
	mask := uint64(len(s.slots) - 1)
	for i := range uint64(window) {
		if b := &s.slots[(h+i)&mask]; b.hash == h {
			return time.Duration(max(0, b.drained-now))
		}
	}
	return 0
}

// set stores a bucket: in its slot, in a free one, in a larger table as long as
// limit allows one, or in that of the bucket with the least to forget.
func (s *shard) set(b slot, now int64, limit int) {
	if len(s.slots) == 0 {
		s.slots = make([]slot, firstSlots)
	}
	at, found := place(s.slots, b.hash, now)
	for !found && len(s.slots) < limit {
		s.grow(now, limit)
		at, found = place(s.slots, b.hash, now)
	}
	if b.drained > now || at.hash == b.hash { // an empty bucket takes no other's place
		*at = b
	}
}

// place returns the slot for h; found is false when it is taken by another key.
func place(slots []slot, h uint64, now int64) (at *slot, found bool) {
	mask := uint64(len(slots) - 1)
	least := 2.0
	for i := range uint64(window) {
		b := &slots[(h+i)&mask]
		if b.hash == h {
			return b, true
		}
		var used float64
		if b.drained > now {
			used = float64(b.drained-now) / float64(b.capacity)
		}
		if used < least {
			at, found, least = b, used == 0, used
		}
	}
	return at, found
}

// grow doubles the table until every bucket has its place, within limit.
func (s *shard) grow(now int64, limit int) {
	old := s.slots
	for size := 2 * len(old); size <= limit; size *= 2 {
		s.slots = make([]slot, size)
		all := true
		for _, b := range old {
			if b.drained > now {
				at, found := place(s.slots, b.hash, now)
				*at, all = b, all && found
			}
		}
		if all {
			return
		}
	}
}
