package oauth

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotFound is returned for a link that does not exist.
	ErrNotFound = errors.New("oauth: no such link")
	// ErrLinked is returned by [Links].Add for an identity that is linked
	// already, to whomever.
	ErrLinked = errors.New("oauth: identity is linked already")
	// ErrLast is returned by [Links].Remove for a user's last link, when it is
	// to be kept.
	ErrLast = errors.New("oauth: the last way to sign in")
)

// Record is the link between an identity and a user. The times are UTC and whole
// milliseconds.
type Record struct {
	// User is the id of the user.
	User string
	// Issuer and Subject are the identity.
	Issuer, Subject string
	// Provider is the [Provider].Name.
	Provider string
	// Email is the address at the time of linking, for people who want to know
	// which of their accounts it is. It is never compared with anything.
	Email string
	// Created is when it was linked, Used when somebody last signed in by it.
	Created, Used time.Time
}

// Links keeps which identity is which user. Implementations are safe for
// concurrent use; the suite in galetest/conform checks them.
type Links interface {
	// Find returns the link of an identity, or ErrNotFound.
	Find(ctx context.Context, issuer, subject string) (Record, error)
	// Add stores a link, or returns ErrLinked when the identity has one: of two
	// that add it at once, one succeeds.
	Add(ctx context.Context, r Record) error
	// Touch notes that the link was used. It is a no-op for one that is gone.
	Touch(ctx context.Context, issuer, subject string, at time.Time) error
	// ByUser returns the links of a user, the oldest first.
	ByUser(ctx context.Context, user string) ([]Record, error)
	// Remove removes a link of the user, or returns ErrNotFound. With keepLast
	// it returns ErrLast instead of removing the user's only link, also when
	// two are removed at once; the application passes true unless the user can
	// sign in otherwise, as with a password or a passkey.
	Remove(ctx context.Context, user, issuer, subject string, keepLast bool) error
}

// NewRecord returns the link between id and user as [Links].Add takes it.
func NewRecord(user string, id Identity, now time.Time) Record {
	now = now.UTC().Truncate(time.Millisecond)
	return Record{
		User: user, Issuer: id.Issuer, Subject: id.Subject, Provider: id.Provider, Email: id.Email,
		Created: now, Used: now,
	}
}

// Resolve returns the id of the user that somebody who came back is, by the
// rules of the package's part on accounts:
//
//   - [SignIn]: the user that the identity is linked to, or [ErrUnknown]. The
//     mail address is not looked at.
//   - [Link]: res.User, once the identity is linked to that user; [ErrOtherUser]
//     when it is another's.
//   - [StepUp]: res.User, when the identity is linked to that user; else
//     [ErrOtherUser] or ErrUnknown.
//
// The user may still be one who must not sign in, and may have a second factor
// to be asked for: both are the application's to check.
func Resolve(ctx context.Context, links Links, res Result, now time.Time) (user string, err error) {
	id := res.Identity
	if id.Issuer == "" || id.Subject == "" || res.Purpose != SignIn && res.User == "" {
		return "", errors.New("oauth: resolve a result that no callback has made")
	}
	rec, err := links.Find(ctx, id.Issuer, id.Subject)
	if errors.Is(err, ErrNotFound) && res.Purpose == Link {
		err = links.Add(ctx, NewRecord(res.User, id, now))
		if err == nil {
			return res.User, nil
		}
		if errors.Is(err, ErrLinked) { // meanwhile, by whom?
			rec, err = links.Find(ctx, id.Issuer, id.Subject)
		}
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return "", ErrUnknown
	case err != nil:
		return "", fmt.Errorf("oauth: resolve: %w", err)
	case res.Purpose != SignIn && rec.User != res.User:
		return "", ErrOtherUser
	}
	if err := links.Touch(ctx, id.Issuer, id.Subject, now); err != nil {
		return "", fmt.Errorf("oauth: resolve: %w", err)
	}
	return rec.User, nil
}
