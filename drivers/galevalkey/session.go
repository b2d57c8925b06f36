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
// works on a cluster. The server removes what has expired. It must not evict keys
// (maxmemory-policy noeviction), or people are signed out at random.
//
// A session is one key. Each user has a sorted set of the hashes and IDs of his
// sessions, and one that is not in it opens nothing: so all of them end in one
// step, although a cluster keeps them in different places.
type Sessions struct {
	store
	save, claim, list, end *valkey.Lua
}

// NewSessions returns a store on client, which stays the caller's to close.
func NewSessions(client valkey.Client, o StoreOptions) *Sessions {
	return &Sessions{
		newStore(client, o, "gale:sessions:"),
		valkey.NewLuaScript(saveScript), valkey.NewLuaScript(claimScript), valkey.NewLuaScript(listScript), valkey.NewLuaScript(endScript),
	}
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

// claimScript removes the value if its version is ARGV[1].
const claimScript = `
local now = redis.call('GET', KEYS[1])
if not now or string.match(now, '^(%d+) ') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`

// listScript puts a session on its user's list until ARGV[1], in the place of
// ARGV[3], which must be there unless it is empty, and drops those whose time is
// over. The time is never moved back: of two saves at once the one that loses may
// be the one that comes here last.
const listScript = `
if ARGV[3] ~= '' and not redis.call('ZSCORE', KEYS[1], ARGV[3]) then return 0 end
if ARGV[3] ~= ARGV[2] then redis.call('ZREM', KEYS[1], ARGV[3]) end
local time = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', time[1] * 1000)
redis.call('ZADD', KEYS[1], 'GT', ARGV[1], ARGV[2])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last[2]))
return 1
`

// endScript takes sessions off the list and returns them: that with the ID ARGV[1]
// or, where it is empty, all but that with the ID ARGV[2].
const endScript = `
local gone = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
	local id = string.sub(member, 33)
	if id == ARGV[1] or ARGV[1] == '' and (ARGV[2] == '' or id ~= ARGV[2]) then
		redis.call('ZREM', KEYS[1], member)
		gone[#gone + 1] = member
	end
end
return gone
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

// member is what the user's list has of a session.
func member(h session.Hash, id string) string { return string(h[:]) + id }

func parseMember(m string) (h session.Hash, id string, err error) {
	if len(m) < len(h) {
		return h, "", errors.New("galevalkey: an entry of a user's list is no session")
	}
	return session.Hash([]byte(m[:len(h)])), m[len(h):], nil
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
	r, err := decodeSession(h, v)
	if err != nil || r.User == "" {
		return r, err
	}
	err = s.client.Do(ctx, s.client.B().Zscore().Key(s.userKey(r.User)).Member(member(h, r.ID)).Build()).Error()
	if valkey.IsValkeyNil(err) {
		return session.Record{}, session.ErrNotFound
	}
	if err != nil {
		return session.Record{}, fmt.Errorf("galevalkey: load: %w", err)
	}
	return r, nil
}

// Save implements [session.Store].
func (s *Sessions) Save(ctx context.Context, was session.Hash, r session.Record) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	save := s.update
	if r.Version > 0 && was != r.Hash {
		save = s.replace
	}
	ok, err := save(ctx, was, r)
	if err != nil {
		return fmt.Errorf("galevalkey: save: %w", err)
	}
	if !ok {
		return session.ErrConflict
	}
	return nil
}

// update stores a new session, or one under the hash that it has.
func (s *Sessions) update(ctx context.Context, _ session.Hash, r session.Record) (bool, error) {
	was := ""
	if r.Version > 0 {
		was = member(r.Hash, r.ID)
	}
	if ok, err := s.enlist(ctx, was, r); !ok || err != nil {
		return false, err
	}
	return s.put(ctx, r.Version, r)
}

// replace stores a session under another hash. On a failure on the way it is gone.
func (s *Sessions) replace(ctx context.Context, was session.Hash, r session.Record) (bool, error) {
	if ok, err := s.put(ctx, 0, r); !ok || err != nil {
		return false, err
	}
	ok, err := s.claim.Exec(ctx, s.client, []string{s.key(was)}, []string{strconv.FormatInt(r.Version, 10)}).AsBool()
	if ok && err == nil {
		ok, err = s.enlist(ctx, member(was, r.ID), r)
	}
	if !ok || err != nil {
		return false, errors.Join(err, s.client.Do(ctx, s.client.B().Del().Key(s.key(r.Hash)).Build()).Error())
	}
	return true, nil
}

// enlist puts r on its user's list, in the place of the member was.
func (s *Sessions) enlist(ctx context.Context, was string, r session.Record) (bool, error) {
	if r.User == "" {
		return true, nil
	}
	until := strconv.FormatInt(r.Expires.Add(listGrace).UnixMilli(), 10)
	return s.list.Exec(ctx, s.client, []string{s.userKey(r.User)}, []string{until, member(r.Hash, r.ID), was}).AsBool()
}

// put stores r in the place of the version now, where 0 is none.
func (s *Sessions) put(ctx context.Context, now int64, r session.Record) (bool, error) {
	v, err := encodeSession(r)
	if err != nil {
		return false, err
	}
	return s.save.Exec(ctx, s.client, []string{s.key(r.Hash)},
		[]string{strconv.FormatInt(now, 10), v, strconv.FormatInt(r.Expires.UnixMilli(), 10)}).AsBool()
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
	if err := s.client.Do(ctx, s.client.B().Zrem().Key(s.userKey(r.User)).Member(member(h, r.ID)).Build()).Error(); err != nil {
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
		h, _, err := parseMember(m)
		if err != nil {
			return nil, err
		}
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

// DeleteByUser implements [session.Store].
func (s *Sessions) DeleteByUser(ctx context.Context, user, only, except string) ([]session.Record, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	members, err := s.end.Exec(ctx, s.client, []string{s.userKey(user)}, []string{only, except}).AsStrSlice()
	if err != nil {
		return nil, fmt.Errorf("galevalkey: delete: %w", err)
	}
	var gone []session.Record
	var keys []string
	for _, m := range members {
		h, id, err := parseMember(m)
		if err != nil {
			return nil, err
		}
		gone, keys = append(gone, session.Record{Hash: h, ID: id}), append(keys, s.key(h))
	}
	// They are over already: what cannot be deleted only takes room until it expires.
	_ = valkey.MDel(s.client, ctx, keys)
	return gone, nil
}
