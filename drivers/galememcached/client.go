package galememcached

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// Options are those of [NewSessions] and [NewCache].
type Options struct {
	// Prefix begins the names of all keys; applications that share a server
	// have different ones. It has at most 100 bytes of printable ASCII without
	// spaces. Defaults to "gale:sessions:" and "gale:cache:".
	Prefix string
}

// store is what the stores have in common.
type store struct {
	client *memcache.Client
	prefix string
}

const maxPrefix = 100

func newStore(client *memcache.Client, o Options, prefix string) store {
	if client == nil {
		panic("galememcached: a store without a client; make one by memcache.New")
	}
	if o.Prefix != "" {
		prefix = o.Prefix
	}
	if len(prefix) > maxPrefix || !plain(prefix) {
		panic(fmt.Sprintf("galememcached: Options.Prefix is %q; use at most %d letters, digits and signs, no spaces", prefix, maxPrefix))
	}
	return store{client, prefix}
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// hashed returns the name for a key that memcached would refuse, and for those
// that must not collide with others.
func (s *store) hashed(kind, key string) string {
	sum := sha256.Sum256([]byte(key))
	return s.prefix + kind + base64.RawURLEncoding.EncodeToString(sum[:])
}

// get returns the item, or nil when there is none.
func (s *store) get(ctx context.Context, key string) (*memcache.Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	item, err := s.client.Get(key)
	if errors.Is(err, memcache.ErrCacheMiss) {
		return nil, nil
	}
	return item, err
}

// remove is a no-op for a key that is not there.
func (s *store) remove(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := s.client.Delete(key); err != nil && !errors.Is(err, memcache.ErrCacheMiss) {
		return err
	}
	return nil
}

// until returns t as memcached takes it: Unix seconds, rounded up. Those beyond
// 2038, which do not fit, are cut to that; 0 would mean never.
func until(t time.Time) int32 {
	return int32(min(max(t.Add(time.Second-1).Unix(), 1), math.MaxInt32))
}
