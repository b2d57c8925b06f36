package session

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/galeweb/gale/internal/believed"
)

// CachedStore keeps the sessions that are in use in this process, in front of a
// [Store] that takes a while. What changes through it is seen at once; what
// another process changes or ends, after [CachedOptions].Age. It is safe for
// concurrent use.
type CachedStore struct {
	store   Store
	records *believed.Cache[Hash, Record]
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
	return &CachedStore{o.Store, believed.New[Hash, Record](cmp.Or(o.MaxSessions, 10_000), cmp.Or(o.Age, time.Second), o.Clock)}
}

// Load implements [Store].
func (c *CachedStore) Load(ctx context.Context, h Hash) (Record, error) {
	r, err := c.records.Get(h, func() (Record, error) { return c.store.Load(ctx, h) })
	r.Data = slices.Clone(r.Data)
	return r, err
}

// Save implements [Store].
func (c *CachedStore) Save(ctx context.Context, was Hash, r Record) error {
	if r.Version > 0 && was != r.Hash {
		defer c.records.Forget(was)
	}
	return c.records.Change(r.Hash, func() (Record, error) {
		if err := c.store.Save(ctx, was, r); err != nil {
			return Record{}, err
		}
		r.Version++
		r.Data = slices.Clone(r.Data)
		return r, nil
	})
}

// Delete implements [Store].
func (c *CachedStore) Delete(ctx context.Context, h Hash) error {
	err := c.store.Delete(ctx, h)
	c.records.Forget(h)
	return err
}

// ByUser implements [Store]. It asks the store below.
func (c *CachedStore) ByUser(ctx context.Context, user string) ([]Record, error) {
	return c.store.ByUser(ctx, user)
}

// DeleteByUser implements [Store].
func (c *CachedStore) DeleteByUser(ctx context.Context, user, only, except string) ([]Record, error) {
	gone, err := c.store.DeleteByUser(ctx, user, only, except)
	if err != nil {
		c.records.ForgetAll() // what is gone is not known
	}
	for _, r := range gone {
		c.records.Forget(r.Hash)
	}
	return gone, err
}

// DeleteExpired implements [Sweeper]. It comes seldom: all is read anew.
func (c *CachedStore) DeleteExpired(ctx context.Context, now time.Time) error {
	err := sweep(ctx, c.store, now)
	c.records.ForgetAll()
	return err
}
