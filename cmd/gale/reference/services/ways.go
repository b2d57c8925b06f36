package services

import (
	"context"
	"errors"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// ErrLastWay is a change that would leave a user no way to sign in but a mailed
// link.
var ErrLastWay = errors.New("services: the last way to sign in must stay")

// ErrNoPasskey is the removal of a password where no passkey stands in for it.
var ErrNoPasskey = errors.New("services: there is no passkey to sign in with")

// WayStore knows how users can sign in: by a password, a passkey, or an account
// elsewhere.
type WayStore interface {
	// KeepWay returns a context with which a removal is undone, with
	// [ErrLastWay], when no way to sign in would be left to the user. It holds
	// for two removals at the same time.
	KeepWay(ctx context.Context, userID string) context.Context
	// NeedPasskey returns a context with which a change is undone, with
	// [ErrNoPasskey], when the user has no passkey. Of the removal of a password
	// and of the last passkey at the same time, one is undone.
	NeedPasskey(ctx context.Context, userID string) context.Context
}

// RemovePassword has u sign in by passkey from now on, and mails u that. Every
// passkey of relay signs in by itself: it is registered as a discoverable one that
// verifies its user. An account elsewhere would not do in its place: a provider is
// one factor, and whoever gets into the account there would be in this one.
//
// A mailed link sets a password again, as before: it is the way back of who has
// lost the passkey, and asks for the second factor as every way in does, so the
// mailbox opens the account no more than it did. Links that wait to be used end.
// [ErrNoPasskey] is a user without a passkey, ErrNotFound one without a password,
// and [ErrUnreadable] one to whom no link could be mailed. The caller has asked for
// a proof of a moment ago, and ends the user's other sessions and the access of apps.
func (a *Accounts) RemovePassword(ctx context.Context, u models.User) error {
	if u.Email == "" {
		return ErrUnreadable
	}
	removed := record(a.Ways.NeedPasskey(ctx, u.ID), a.Audit, u, "password.removed", u.ID)
	_, err := a.Store.UpdateUser(removed, u.ID, func(now *models.User) error {
		if now.PasswordHash == "" {
			return ErrNotFound
		}
		a.setPassword(now, "")
		return nil
	})
	if err != nil {
		return err
	}
	a.notify(ctx, waysChanged(u, "The password was removed: a passkey signs you in"))
	return nil
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
