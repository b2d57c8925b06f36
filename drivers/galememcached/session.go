package galememcached

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/galeweb/gale/session"
)

// Sessions is a [session.Store]. See the package comment for what Memcached
// cannot promise. The server removes what has expired.
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
	if r == nil || r.Version < 0 {
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

// Save implements [session.Store]. On a failure on the way a session that gets
// another hash is gone.
func (s *Sessions) Save(ctx context.Context, was session.Hash, r session.Record) error {
	if len(r.ID) > math.MaxUint8 {
		return errors.New("galememcached: save: the ID is longer than 255 bytes")
	}
	if r.Version == 0 {
		was = r.Hash
	}
	if err := s.save(ctx, was, r); errors.Is(err, session.ErrConflict) {
		return session.ErrConflict
	} else if err != nil {
		return fmt.Errorf("galememcached: save: %w", err)
	}
	return nil
}

func (s *Sessions) save(ctx context.Context, was session.Hash, r session.Record) error {
	old, item, err := s.read(ctx, was)
	if err != nil {
		return err
	}
	if old == nil && r.Version != 0 || old != nil && old.Version != r.Version {
		return session.ErrConflict
	}
	if was != r.Hash {
		// Nobody else may save the old one any more, nor get it back.
		item.Value, item.Expiration = taken, until(time.Now().Add(time.Minute))
		if err := s.client.CompareAndSwap(item); err != nil {
			return conflict(err)
		}
		defer func() { _ = s.remove(ctx, s.key(was)) }() // it opens nothing
		item = nil
	}
	if r.User != "" {
		listed, err := s.changeList(ctx, r.User, func(l list) (list, bool) {
			return l.add(was, r), r.Version == 0 || l.has(was)
		})
		if err != nil {
			return err
		}
		if !listed {
			return session.ErrConflict // ended since
		}
	}
	r.Version++
	v, err := json.Marshal(storedSession{Record: r})
	if err != nil {
		return err
	}
	if item == nil {
		return conflict(s.client.Add(&memcache.Item{Key: s.key(r.Hash), Value: v, Expiration: until(r.Expires)}))
	}
	item.Value, item.Expiration = v, until(r.Expires)
	return conflict(s.client.CompareAndSwap(item))
}

// taken is in the place of a session that is being stored under another hash.
var taken = []byte(`{"Version":-1}`)

// conflict makes the errors of who comes too late one.
func conflict(err error) error {
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
	_, err = s.changeList(ctx, r.User, func(l list) (list, bool) { return l.remove(h), l.has(h) })
	return err
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

// DeleteByUser implements [session.Store].
func (s *Sessions) DeleteByUser(ctx context.Context, user, only, except string) ([]session.Record, error) {
	var gone []session.Record
	_, err := s.changeList(ctx, user, func(l list) (left list, changed bool) {
		gone = nil
		for _, e := range l {
			if e.ID == only || only == "" && (e.ID != except || except == "") {
				gone = append(gone, session.Record{Hash: e.Hash, ID: e.ID})
			} else {
				left = append(left, e)
			}
		}
		return left, len(gone) > 0
	})
	if err != nil {
		return nil, fmt.Errorf("galememcached: delete: %w", err)
	}
	for _, r := range gone {
		// It is over already: what cannot be deleted only takes room until it expires.
		_ = s.remove(ctx, s.key(r.Hash))
	}
	return gone, nil
}
