package totp

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNotFound is returned for an authenticator that the user does not have,
	// or that is not in the state for what was asked.
	ErrNotFound = errors.New("totp: no such authenticator")
	// ErrTooMany is returned by [TOTP.Enroll] to a user who has as many
	// authenticators as [Options].MaxPerUser.
	ErrTooMany = errors.New("totp: too many authenticators")
)

// Record is an authenticator as a [Store] keeps it. The times are UTC and whole
// milliseconds.
type Record struct {
	ID   string // unique
	User string
	Name string
	// Sealed is the encrypted secret, bound to User.
	Sealed  []byte
	Created time.Time
	// Confirmed is false until a first code was accepted.
	Confirmed bool
	// LastUsed is the zero time until then.
	LastUsed time.Time
	// LastStep is the step of the last code that was accepted; no code of it or
	// of an earlier one is accepted again.
	LastStep int64
}

// Store keeps authenticators. Implementations are safe for concurrent use. The
// suite in galetest/conform checks them.
type Store interface {
	// Add stores a record that is not confirmed in the place of the user's other
	// ones that are not, or returns ErrTooMany when max are confirmed.
	Add(ctx context.Context, r Record, max int) error
	// ByUser returns all records of a user, the oldest first.
	ByUser(ctx context.Context, user string) ([]Record, error)
	// Confirm sets Confirmed, LastStep and LastUsed of a record that is not
	// confirmed, in one step, and reports whether there was one.
	Confirm(ctx context.Context, user, id string, step int64, at time.Time) (bool, error)
	// Advance sets LastStep and LastUsed of a confirmed record whose LastStep is
	// less than step, in one step, and reports whether there was one: of
	// several calls with one step at once exactly one is told true.
	Advance(ctx context.Context, user, id string, step int64, at time.Time) (bool, error)
	// Delete removes a record and reports whether there was one.
	Delete(ctx context.Context, user, id string) (bool, error)
}
