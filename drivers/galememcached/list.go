package galememcached

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/galeweb/gale/session"
)

// list is the sessions of a user, in one item that is changed by compare and
// swap. A session that is not on it opens nothing.
type list []listed

type listed struct {
	Hash    session.Hash
	Expires int64 // Unix seconds
	ID      string
}

const (
	listedLen = len(session.Hash{}) + 8 + 1 // and the ID
	maxListed = 1000
	// listGrace is how much longer than the session its place on the list
	// lasts, for servers whose clock is ahead of ours.
	listGrace = int64(3600)
	// maxRaces bounds the attempts to change a list that others change too.
	maxRaces = 100
)

func (l list) has(h session.Hash) bool {
	return slices.ContainsFunc(l, func(e listed) bool { return e.Hash == h })
}

// add returns the list with a session in the place of was, without those that are over, and
// without that which expires first when it is full. The time of a session is
// never moved back: of two saves at once the one that loses may come last.
func (l list) add(was session.Hash, r session.Record) list {
	e := listed{r.Hash, r.Expires.Unix() + listGrace, r.ID}
	now := time.Now().Unix()
	out := make(list, 0, len(l)+1)
	for _, old := range l {
		switch {
		case old.Hash == was || old.Hash == r.Hash:
			e.Expires = max(e.Expires, old.Expires)
		case old.Expires > now:
			out = append(out, old)
		}
	}
	if len(out) >= maxListed {
		slices.SortFunc(out, func(a, b listed) int { return int(min(max(b.Expires-a.Expires, -1), 1)) })
		out = out[:maxListed-1]
	}
	return append(out, e)
}

func (l list) remove(h session.Hash) list {
	return slices.DeleteFunc(slices.Clone(l), func(e listed) bool { return e.Hash == h })
}

func (l list) encode() (value []byte, last int64) {
	for _, e := range l {
		value = append(value, e.Hash[:]...)
		value = binary.BigEndian.AppendUint64(value, uint64(e.Expires))
		value = append(append(value, byte(len(e.ID))), e.ID...)
		last = max(last, e.Expires)
	}
	return value, last
}

func decodeList(value []byte) (list, error) {
	var l list
	for len(value) > 0 {
		if len(value) < listedLen || len(value) < listedLen+int(value[listedLen-1]) {
			return nil, errors.New("a list of sessions is damaged")
		}
		end := listedLen + int(value[listedLen-1])
		l = append(l, listed{session.Hash(value), int64(binary.BigEndian.Uint64(value[listedLen-9:])), string(value[listedLen:end])})
		value = value[end:]
	}
	return l, nil
}

func (s *Sessions) listKey(user string) string { return s.hashed("u:", user) }

func (s *Sessions) readList(ctx context.Context, user string) (list, *memcache.Item, error) {
	item, err := s.get(ctx, s.listKey(user))
	if err != nil || item == nil {
		return nil, nil, err
	}
	l, err := decodeList(item.Value)
	return l, item, err
}

// changeList stores what change makes of the user's list, unless it reports false.
func (s *Sessions) changeList(ctx context.Context, user string, change func(list) (list, bool)) (bool, error) {
	for range maxRaces {
		old, item, err := s.readList(ctx, user)
		if err != nil {
			return false, err
		}
		l, ok := change(old)
		if !ok {
			return false, nil
		}
		value, last := l.encode()
		expires := int32(min(max(last, 1), math.MaxInt32))
		if item == nil {
			err = s.client.Add(&memcache.Item{Key: s.listKey(user), Value: value, Expiration: expires})
		} else {
			item.Value, item.Expiration = value, expires
			err = s.client.CompareAndSwap(item)
		}
		if !raced(err) {
			return err == nil, err
		}
	}
	return false, errors.New("too many changes of one user's sessions at once")
}
