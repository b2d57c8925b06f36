package galememcached

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/galeweb/gale/session"
)

// Sessions is a [session.Store]. See the package comment for what Memcached
// cannot promise. The server removes what has expired, so that DeleteExpired
// has nothing to do.
type Sessions struct{ store }

// NewSessions returns a store on client, which stays the caller's to close.
func NewSessions(client *memcache.Client, o Options) *Sessions {
	return &Sessions{newStore(client, o, "gale:sessions:")}
}

// storedSession is a record without its hash, which is in the key.
type storedSession struct {
	session.Record
	Hash *struct{} `json:",omitempty"` // takes the place of the Record's
}

func (s *Sessions) key(h session.Hash) string {
	return s.prefix + "s:" + base64.RawURLEncoding.EncodeToString(h[:])
}

// read returns the record and its item, or nil when there is none.
func (s *Sessions) read(ctx context.Context, h session.Hash) (*session.Record, *memcache.Item, error) {
	item, err := s.get(ctx, s.key(h))
	if err != nil || item == nil {
		return nil, nil, err
	}
	return decode(h, item)
}

func decode(h session.Hash, item *memcache.Item) (*session.Record, *memcache.Item, error) {
	var v storedSession
	if err := json.Unmarshal(item.Value, &v); err != nil {
		return nil, nil, fmt.Errorf("a stored session is damaged: %w", err)
	}
	v.Record.Hash = h
	return &v.Record, item, nil
}

// Load implements [session.Store].
func (s *Sessions) Load(ctx context.Context, h session.Hash) (session.Record, error) {
	r, _, err := s.read(ctx, h)
	if err != nil {
		return session.Record{}, fmt.Errorf("galememcached: load: %w", err)
	}
	if r == nil {
		return session.Record{}, session.ErrNotFound
	}
	if r.User != "" {
		listed, _, err := s.readList(ctx, r.User)
		if err != nil {
			return session.Record{}, fmt.Errorf("galememcached: load: %w", err)
		}
		if !listed.has(h) {
			return session.Record{}, session.ErrNotFound // nobody could revoke it
		}
	}
	return *r, nil
}

// Save implements [session.Store].
func (s *Sessions) Save(ctx context.Context, r session.Record) error {
	if err := s.save(ctx, r); errors.Is(err, session.ErrConflict) {
		return session.ErrConflict
	} else if err != nil {
		return fmt.Errorf("galememcached: save: %w", err)
	}
	return nil
}

func (s *Sessions) save(ctx context.Context, r session.Record) error {
	old, item, err := s.read(ctx, r.Hash)
	if err != nil {
		return err
	}
	if old == nil && r.Version != 0 || old != nil && old.Version != r.Version {
		return session.ErrConflict
	}
	if r.User != "" {
		if err := s.changeList(ctx, r.User, func(l list) list { return l.add(r.Hash, r.Expires) }); err != nil {
			return err
		}
	}
	r.Version++
	v, err := json.Marshal(storedSession{Record: r})
	if err != nil {
		return err
	}
	if item == nil {
		err = s.client.Add(&memcache.Item{Key: s.key(r.Hash), Value: v, Expiration: until(r.Expires)})
	} else {
		item.Value, item.Expiration = v, until(r.Expires)
		err = s.client.CompareAndSwap(item)
	}
	if raced(err) {
		return session.ErrConflict
	}
	return err
}

// raced reports whether somebody else has changed the item first.
func raced(err error) bool {
	return errors.Is(err, memcache.ErrCASConflict) || errors.Is(err, memcache.ErrNotStored) || errors.Is(err, memcache.ErrCacheMiss)
}

// Delete implements [session.Store].
func (s *Sessions) Delete(ctx context.Context, h session.Hash) error {
	if err := s.end(ctx, h); err != nil {
		return fmt.Errorf("galememcached: delete: %w", err)
	}
	return nil
}

func (s *Sessions) end(ctx context.Context, h session.Hash) error {
	r, _, err := s.read(ctx, h)
	if err != nil || r == nil {
		return err
	}
	if err := s.remove(ctx, s.key(h)); err != nil || r.User == "" {
		return err
	}
	return s.changeList(ctx, r.User, func(l list) list { return l.remove(h) })
}

// ByUser implements [session.Store].
func (s *Sessions) ByUser(ctx context.Context, user string) ([]session.Record, error) {
	all, err := s.byUser(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("galememcached: list: %w", err)
	}
	return all, nil
}

func (s *Sessions) byUser(ctx context.Context, user string) ([]session.Record, error) {
	listed, _, err := s.readList(ctx, user)
	if err != nil || len(listed) == 0 {
		return nil, err
	}
	keys := make([]string, len(listed))
	for i, e := range listed {
		keys[i] = s.key(e.Hash)
	}
	items, err := s.client.GetMulti(keys)
	if err != nil {
		return nil, err
	}
	var all []session.Record
	for i, e := range listed {
		item := items[keys[i]]
		if item == nil {
			continue // deleted, expired or evicted since
		}
		r, _, err := decode(e.Hash, item)
		if err != nil {
			return nil, err
		}
		r.Data = nil
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b session.Record) int {
		return cmp.Or(b.Seen.Compare(a.Seen), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// DeleteExpired implements [session.Store]. The server does it.
func (s *Sessions) DeleteExpired(context.Context, time.Time) error { return nil }
