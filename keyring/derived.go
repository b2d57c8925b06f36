package keyring

import (
	"slices"
	"sync/atomic"
	"time"
)

// derived is what a ring has for one purpose and context: something built from
// each key that is not retired, and built again only when the keys change.
type derived[T any] struct {
	ring    *Ring
	purpose Purpose
	build   func(Key) T
	cached  atomic.Pointer[view[T]]
}

// view belongs to one snapshot; keys and made are parallel.
type view[T any] struct {
	snap *snapshot
	keys []Key
	made []T
}

func (d *derived[T]) view() *view[T] {
	snap := d.ring.snap.Load()
	if v := d.cached.Load(); v != nil && v.snap == snap {
		return v
	}
	v := &view[T]{snap: snap, keys: snap.set.usable(d.purpose)}
	for _, k := range v.keys {
		v.made = append(v.made, d.build(k))
	}
	d.cached.Store(v)
	return v
}

// current returns what makes new values at now.
func (d *derived[T]) current(now time.Time) (id string, made T, err error) {
	v := d.view()
	i := choose(v.keys, now)
	if i < 0 {
		return "", made, ErrNoKey
	}
	return v.keys[i].ID, v.made[i], nil
}

// find returns what was built from the key with the ID.
func (d *derived[T]) find(id string) (made T, err error) {
	v := d.view()
	i := slices.IndexFunc(v.keys, func(k Key) bool { return k.ID == id })
	if i < 0 {
		d.ring.unknown.Add(1)
		return made, ErrUnknownKey
	}
	return v.made[i], nil
}

// mustContext panics when there is no context: without one, values of one kind
// could be passed off as values of another.
func mustContext(what, context string) {
	if context == "" {
		panic("keyring: " + what + " without a context; name what the values are for, such as \"password-reset\"")
	}
}

// Subkey is a key that was derived for one context.
type Subkey struct {
	// ID is that of the key it was derived from.
	ID string
	// Key is 32 bytes.
	Key []byte
}

// Subkeys derives keys of [Tokens] for a context of the caller's own, such as
// the name of a token format, the one that makes new values first. It is for
// packages that bring their own cryptography; ask again for each use, since
// keys change.
func (r *Ring) Subkeys(context string) ([]Subkey, error) {
	mustContext("Subkeys", context)
	keys := r.Set().usable(Tokens)
	i := choose(keys, r.now())
	if i < 0 {
		return nil, ErrNoKey
	}
	keys[0], keys[i] = keys[i], keys[0]
	out := make([]Subkey, len(keys))
	for j, k := range keys {
		out[j] = Subkey{ID: k.ID, Key: k.subkey("token", context)}
	}
	return out, nil
}
