package session

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// CachedStore keeps the sessions that are in use in this process, in front of a
// [Store] that takes a while. What changes through it is seen at once; what
// another process changes or ends, after [CachedOptions].Age. It is safe for
// concurrent use.
type CachedStore struct {
	store   Store
	age     time.Duration
	clock   func() time.Time
	records *otter.Cache[Hash, cachedRecord]
	shards  [64]cachedShard
}

type cachedRecord struct {
	Record
	at time.Time
}

// cachedShard guards a part of the hashes: what was read before a change must
// not be kept after it.
type cachedShard struct {
	sync.Mutex
	changes uint64
}

// CachedOptions configure a CachedStore.
type CachedOptions struct {
	// Store is asked for what is not kept. Required.
	Store Store
	// Age is how long a session is believed before the Store is asked again, and
	// so how long one that another process has ended is good for here. Defaults
	// to 1 second: a page with all that it loads reads its session once.
	Age time.Duration
	// MaxSessions bounds the memory. Defaults to 10,000, at most about 50 MB if
	// every session is full.
	MaxSessions int
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// NewCachedStore returns a store. It panics without o.Store, when an option is
// negative, and for a [CookieStore]: put this one behind it, as its Index.
func NewCachedStore(o CachedOptions) *CachedStore {
	if o.Store == nil || o.Age < 0 || o.MaxSessions < 0 {
		panic("session: NewCachedStore needs a Store, and an Age and MaxSessions that are not negative")
	}
	if _, ok := o.Store.(*CookieStore); ok {
		panic("session: a CookieStore cannot be cached; give the CachedStore to CookieOptions.Index")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &CachedStore{
		store: o.Store, age: cmp.Or(o.Age, time.Second), clock: o.Clock,
		records: otter.Must(&otter.Options[Hash, cachedRecord]{
			MaximumSize: cmp.Or(o.MaxSessions, 10_000),
			Executor:    func(f func()) { f() }, // no goroutine that nobody waits for
		}),
	}
}

func (c *CachedStore) shard(h Hash) *cachedShard { return &c.shards[int(h[0])%len(c.shards)] }

func (s *cachedShard) count() uint64 {
	s.Lock()
	defer s.Unlock()
	return s.changes
}

// Load implements [Store].
func (c *CachedStore) Load(ctx context.Context, h Hash) (Record, error) {
	now := c.clock()
	if r, ok := c.records.GetIfPresent(h); ok && now.Sub(r.at) < c.age {
		r.Data = slices.Clone(r.Data)
		return r.Record, nil
	}
	s := c.shard(h)
	before := s.count()
	r, err := c.store.Load(ctx, h)
	s.Lock()
	defer s.Unlock()
	if err != nil || s.changes != before {
		c.records.Invalidate(h)
		return r, err
	}
	c.keep(r, now)
	return r, nil
}

func (c *CachedStore) keep(r Record, now time.Time) {
	r.Data = slices.Clone(r.Data)
	c.records.Set(r.Hash, cachedRecord{r, now})
}

// Save implements [Store].
func (c *CachedStore) Save(ctx context.Context, r Record) error {
	s, now := c.shard(r.Hash), c.clock()
	before := s.count()
	err := c.store.Save(ctx, r)
	s.Lock()
	defer s.Unlock()
	if err == nil && s.changes == before {
		r.Version++
		c.keep(r, now)
	} else {
		c.records.Invalidate(r.Hash)
	}
	s.changes++
	return err
}

// Delete implements [Store].
func (c *CachedStore) Delete(ctx context.Context, h Hash) error {
	err := c.store.Delete(ctx, h)
	s := c.shard(h)
	s.Lock()
	defer s.Unlock()
	s.changes++
	c.records.Invalidate(h)
	return err
}

// ByUser implements [Store]. It asks the store below.
func (c *CachedStore) ByUser(ctx context.Context, user string) ([]Record, error) {
	return c.store.ByUser(ctx, user)
}

// DeleteExpired implements [Store]. It comes seldom: all is read anew.
func (c *CachedStore) DeleteExpired(ctx context.Context, now time.Time) error {
	err := c.store.DeleteExpired(ctx, now)
	for i := range c.shards {
		s := &c.shards[i]
		s.Lock()
		s.changes++
		s.Unlock()
	}
	c.records.InvalidateAll()
	return err
}
