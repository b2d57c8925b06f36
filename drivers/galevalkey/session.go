package galevalkey

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/session"
)

// Sessions is a [session.Store]. It needs Valkey, or Redis 6.2 or newer, and
// works on a cluster. The server removes what has expired, so that
// DeleteExpired has nothing to do. It must not evict keys (maxmemory-policy
// noeviction), or people are signed out at random.
//
// A session is one key. Each user has a sorted set of the hashes of his
// sessions, in which a session is written down before it is stored and
// forgotten after it is deleted: what opens something is always in the list.
type Sessions struct {
	store
	save, list *valkey.Lua
}

// NewSessions returns a store on client, which stays the caller's to close.
func NewSessions(client valkey.Client, o StoreOptions) *Sessions {
	return &Sessions{newStore(client, o, "gale:sessions:"), valkey.NewLuaScript(saveScript), valkey.NewLuaScript(listScript)}
}

// saveScript replaces the value, which begins with its version, only when that
// is ARGV[1].
const saveScript = `
local now = redis.call('GET', KEYS[1])
local version = now and string.match(now, '^(%d+) ') or '0'
if version ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('PEXPIREAT', KEYS[1], ARGV[3])
return 1
`

// listScript puts a session on its user's list until ARGV[1], and drops those
// whose time is over. The time is never moved back: of two saves at once the
// one that loses may be the one that comes here last.
const listScript = `
local time = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', time[1] * 1000)
redis.call('ZADD', KEYS[1], 'GT', ARGV[1], ARGV[2])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last[2]))
return 1
`

// listGrace is how much longer than the session its place on the list lasts,
// for servers whose clock is ahead of ours.
const listGrace = time.Hour

// maxByUser bounds a list; nobody signs in on so many devices, a script that
// signs in without keeping its cookie may. Revoking starts with the last used.
const maxByUser = 10_000

// storedSession is a record without its hash, which is in the key.
type storedSession struct {
	session.Record
	Hash *struct{} `json:",omitempty"` // takes the place of the Record's
}

// encodeSession returns what is stored: the next version, for the script, a
// space and the record.
func encodeSession(r session.Record) (string, error) {
	r.Version++
	v, err := json.Marshal(storedSession{Record: r})
	return strconv.FormatInt(r.Version, 10) + " " + string(v), err
}

func decodeSession(h session.Hash, stored string) (session.Record, error) {
	var v storedSession
	_, text, _ := strings.Cut(stored, " ")
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return session.Record{}, fmt.Errorf("galevalkey: a stored session is damaged: %w", err)
	}
	v.Record.Hash = h
	return v.Record, nil
}

func (s *Sessions) key(h session.Hash) string {
	return s.prefix + base64.RawURLEncoding.EncodeToString(h[:])
}

// userKey cannot be one of [Sessions.key], which has no colon after the prefix.
func (s *Sessions) userKey(user string) string { return s.prefix + "user:" + user }

// Load implements [session.Store].
func (s *Sessions) Load(ctx context.Context, h session.Hash) (session.Record, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	v, err := s.client.Do(ctx, s.client.B().Get().Key(s.key(h)).Build()).ToString()
	if valkey.IsValkeyNil(err) {
		return session.Record{}, session.ErrNotFound
	}
	if err != nil {
		return session.Record{}, fmt.Errorf("galevalkey: load: %w", err)
	}
	return decodeSession(h, v)
}

// Save implements [session.Store].
func (s *Sessions) Save(ctx context.Context, r session.Record) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	v, err := encodeSession(r)
	if err != nil {
		return fmt.Errorf("galevalkey: save: %w", err)
	}
	if r.User != "" {
		until := strconv.FormatInt(r.Expires.Add(listGrace).UnixMilli(), 10)
		if err := s.list.Exec(ctx, s.client, []string{s.userKey(r.User)}, []string{until, string(r.Hash[:])}).Error(); err != nil {
			return fmt.Errorf("galevalkey: save: %w", err)
		}
	}
	saved, err := s.save.Exec(ctx, s.client, []string{s.key(r.Hash)},
		[]string{strconv.FormatInt(r.Version, 10), v, strconv.FormatInt(r.Expires.UnixMilli(), 10)}).AsInt64()
	if err != nil {
		return fmt.Errorf("galevalkey: save: %w", err)
	}
	if saved == 0 {
		return session.ErrConflict
	}
	return nil
}

// Delete implements [session.Store].
func (s *Sessions) Delete(ctx context.Context, h session.Hash) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	v, err := s.client.Do(ctx, s.client.B().Getdel().Key(s.key(h)).Build()).ToString()
	if valkey.IsValkeyNil(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("galevalkey: delete: %w", err)
	}
	r, err := decodeSession(h, v)
	if err != nil || r.User == "" {
		return nil // it is gone, whatever it was
	}
	// The session is gone; its place on the list would go by itself.
	if err := s.client.Do(ctx, s.client.B().Zrem().Key(s.userKey(r.User)).Member(string(h[:])).Build()).Error(); err != nil {
		return fmt.Errorf("galevalkey: delete: %w", err)
	}
	return nil
}

// ByUser implements [session.Store].
func (s *Sessions) ByUser(ctx context.Context, user string) ([]session.Record, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	members, err := s.client.Do(ctx, s.client.B().Zrange().Key(s.userKey(user)).Min("0").Max(strconv.Itoa(maxByUser-1)).Rev().Build()).AsStrSlice()
	if err != nil {
		return nil, fmt.Errorf("galevalkey: list: %w", err)
	}
	keys := make([]string, 0, len(members))
	hashes := make(map[string]session.Hash, len(members))
	for _, m := range members {
		if len(m) != len(session.Hash{}) {
			return nil, errors.New("galevalkey: list: an entry is no hash")
		}
		h := session.Hash([]byte(m))
		keys = append(keys, s.key(h))
		hashes[s.key(h)] = h
	}
	if len(keys) == 0 {
		return nil, nil
	}
	values, err := valkey.MGet(s.client, ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("galevalkey: list: %w", err)
	}
	var all []session.Record
	for key, message := range values {
		v, err := message.ToString()
		if valkey.IsValkeyNil(err) {
			continue // deleted or expired since
		}
		if err != nil {
			return nil, fmt.Errorf("galevalkey: list: %w", err)
		}
		r, err := decodeSession(hashes[key], v)
		if err != nil {
			return nil, err
		}
		r.Data = nil
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b session.Record) int {
		return cmp.Or(b.Seen.Compare(a.Seen), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// DeleteExpired implements [session.Store]. The server does it.
func (s *Sessions) DeleteExpired(context.Context, time.Time) error { return nil }
