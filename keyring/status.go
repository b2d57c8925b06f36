package keyring

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Counter is a store of values that were encrypted or indexed. Package
// reencrypt has one for tables.
type Counter interface {
	// CountKeys returns how many stored values are under each key, by its ID,
	// as [KeyOf] reads it.
	CountKeys(ctx context.Context) (map[string]int64, error)
}

// Role is what a key does at a moment.
type Role string

// The roles.
const (
	Signs    Role = "signs"    // or encrypts, or indexes: it makes the new values
	Next     Role = "next"     // will make them from Since on
	Verifies Role = "verifies" // reads what it made
	Unused   Role = "retired"
	Missing  Role = "missing" // stored values need it, and the set has it not
)

// Status is a key and what it is needed for.
type Status struct {
	Key
	Role Role
	// Values is how many values the counters found under the key.
	Values int64
}

// Statuses returns the status of each key at now, in the order of the set, and
// of keys that stored values need and the set has not.
func Statuses(ctx context.Context, s Set, now time.Time, counters ...Counter) ([]Status, error) {
	counts := map[string]int64{}
	for _, c := range counters {
		byKey, err := c.CountKeys(ctx)
		if err != nil {
			return nil, fmt.Errorf("keyring: count keys: %w", err)
		}
		for id, n := range byKey {
			counts[id] += n
		}
	}
	out := make([]Status, 0, len(s.keys))
	for _, k := range s.keys {
		out = append(out, Status{Key: k, Role: s.role(k, now), Values: counts[k.ID]})
		delete(counts, k.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		if counts[id] > 0 {
			out = append(out, Status{Key: Key{ID: id}, Role: Missing, Values: counts[id]})
		}
	}
	return out, nil
}

func (s Set) role(k Key, now time.Time) Role {
	current, _ := s.Current(k.Purpose, now)
	switch {
	case k.State == Retired:
		return Unused
	case k.ID == current.ID:
		return Signs
	case k.State == Active && k.Since.After(now):
		return Next
	default:
		return Verifies
	}
}
