package services

import (
	"context"
	"errors"
)

// ErrLastWay is a change that would leave a user no way to sign in but a mailed
// link.
var ErrLastWay = errors.New("services: the last way to sign in must stay")

// WayStore knows how users can sign in: by a password, a passkey, or an account
// elsewhere.
type WayStore interface {
	// KeepWay returns a context with which a removal is undone, with
	// [ErrLastWay], when no way to sign in would be left to the user. It holds
	// for two removals at the same time.
	KeepWay(ctx context.Context, userID string) context.Context
}

// RefusedError is a refusal to sign in somebody who has an account, for the audit
// log: who asks must not be told more than what it wraps.
type RefusedError struct {
	User string // the id
	Err  error
}

// Error is what it wraps.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.Err }

// RefusedUser returns the id of the user whom somebody failed to sign in as, or
// "" where there is none.
func RefusedUser(err error) string {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused.User
	}
	return ""
}
