package keyring

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/galeweb/gale/config"
)

// Set is a list of keys, as one secret holds it. It does not change: its
// methods return new ones. The zero Set is empty.
type Set struct{ keys []Key }

// NewSet returns a set with one random key for each purpose, which make new
// values from since on. Without purposes it has a key for every one.
func NewSet(since time.Time, purposes ...Purpose) Set {
	if len(purposes) == 0 {
		purposes = Purposes()
	}
	var s Set
	for _, p := range purposes {
		s, _ = s.Rotate(p, since)
	}
	return s
}

// Keys returns the keys in the order of the text.
func (s Set) Keys() []Key { return slices.Clone(s.keys) }

// Same reports whether both are one and the same set, not merely equal ones: a
// quick test for whoever keeps what it made of the keys.
func (s Set) Same(t Set) bool {
	return len(s.keys) == len(t.keys) && (len(s.keys) == 0 || &s.keys[0] == &t.keys[0])
}

// Find returns the key with the ID.
func (s Set) Find(id string) (Key, bool) {
	i := s.index(id)
	if i < 0 {
		return Key{}, false
	}
	return s.keys[i], true
}

func (s Set) index(id string) int {
	return slices.IndexFunc(s.keys, func(k Key) bool { return k.ID == id })
}

// Current returns the key that makes new values for the purpose at now.
func (s Set) Current(p Purpose, now time.Time) (Key, bool) {
	keys := s.usable(p)
	i := choose(keys, now)
	if i < 0 {
		return Key{}, false
	}
	return keys[i], true
}

// usable returns the keys for the purpose that are not retired.
func (s Set) usable(p Purpose) []Key {
	var keys []Key
	for _, k := range s.keys {
		if k.Purpose == p && k.State != Retired {
			keys = append(keys, k)
		}
	}
	return keys
}

// Rotate returns the set with a new random key for the purpose, which makes
// new values from since on. The others stay, and verify what they made. Let
// since be later than the time until every instance has the new set: one that
// has not would refuse what the new key makes.
func (s Set) Rotate(p Purpose, since time.Time) (Set, Key) {
	if !slices.Contains(Purposes(), p) {
		panic(fmt.Sprintf("keyring: there is no purpose %q; see Purposes", string(p)))
	}
	k := newKey(p, since)
	for s.index(k.ID) >= 0 {
		k = newKey(p, since)
	}
	return Set{append(s.Keys(), k)}, k
}

// Mark returns the set with the key in the state. It refuses to take the last
// active key from a purpose.
func (s Set) Mark(id string, state State) (Set, error) {
	if !slices.Contains([]State{Active, VerifyOnly, Retired}, state) {
		return Set{}, fmt.Errorf("keyring: there is no state %q", string(state))
	}
	i := s.index(id)
	if i < 0 {
		return Set{}, fmt.Errorf("keyring: the set has no key %q", id)
	}
	out := Set{s.Keys()}
	out.keys[i].State = state
	return out, out.stillActive(s.keys[i])
}

// Remove returns the set without the key, whose material is then lost. It
// refuses to take the last active key from a purpose.
func (s Set) Remove(id string) (Set, error) {
	i := s.index(id)
	if i < 0 {
		return Set{}, fmt.Errorf("keyring: the set has no key %q", id)
	}
	out := Set{slices.Delete(s.Keys(), i, i+1)}
	return out, out.stillActive(s.keys[i])
}

func (s Set) stillActive(changed Key) error {
	if _, ok := s.Current(changed.Purpose, time.Time{}); !ok && changed.State == Active {
		return fmt.Errorf("keyring: %v is the last active one of its purpose; add another before", changed)
	}
	return nil
}

// Text returns the form that [ParseSet] reads, on one line for an environment
// variable: keys separated by commas.
func (s Set) Text() config.Secret { return config.NewSecret(s.join(",")) }

// Lines returns the form that [ParseSet] reads, a line for each key, for a
// file.
func (s Set) Lines() config.Secret { return config.NewSecret(s.join("\n")) }

func (s Set) join(separator string) string {
	lines := make([]string, len(s.keys))
	for i, k := range s.keys {
		lines[i] = formatKey(k)
	}
	return strings.Join(lines, separator)
}

// String lists the keys without their material.
func (s Set) String() string {
	names := make([]string, len(s.keys))
	for i, k := range s.keys {
		names[i] = k.String()
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// GoString is [Set.String], for %#v.
func (s Set) GoString() string { return s.String() }

// LogValue is [Set.String], for slog.
func (s Set) LogValue() slog.Value { return slog.StringValue(s.String()) }
