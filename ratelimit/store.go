package ratelimit

import (
	"context"
	"time"
)

// MaxTakes is how many limits can be taken at once.
const MaxTakes = 32

// Charge asks a [Store] to add to one bucket. A bucket holds time and drains by
// itself, a second each second: it is empty again when all that was used has
// been given back.
type Charge struct {
	// Limit and Key name the bucket. Limit is a [Limit].Name, Key has 1 to 128
	// bytes of printable ASCII.
	Limit, Key string
	// Cost is added to the bucket. It is 0 to look without adding, and
	// negative to give back; that never fails and never goes below empty.
	Cost time.Duration
	// Capacity is what the bucket holds. It is above 0; a level above it, left
	// by a limit that was larger or a clock that was set back, counts as full.
	Capacity time.Duration
	// Level is set by the Store: how full the bucket is now.
	Level time.Duration
}

// Store keeps buckets. Implementations are safe for concurrent use, have a
// clock of their own, and forget a bucket once it has drained. The suite in
// galetest/conform checks them.
type Store interface {
	// Charge adds each Cost to its bucket and returns true, or, when one that
	// is above 0 does not fit, adds nothing and returns false. No other call
	// sees or causes half of it. It sets each Level to that after the call.
	// The buckets of one call differ, and are at most [MaxTakes].
	Charge(ctx context.Context, charges []Charge) (bool, error)
}

// fits reports whether c can be added to a bucket at its Level.
func (c *Charge) fits() bool { return c.Cost <= 0 || c.Level+c.Cost <= c.Capacity }

// id returns the name of the bucket for stores that keep names. A limit's name
// has no colon.
func (c *Charge) id() string { return c.Limit + ":" + c.Key }
