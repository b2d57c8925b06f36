package session

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNotFound is returned for a session that does not exist, or not any
	// more.
	ErrNotFound = errors.New("session: not found")
	// ErrConflict is returned by [Store].Save when another request has saved
	// or deleted the session since it was loaded.
	ErrConflict = errors.New("session: changed by another request")
)

// Hash is the SHA-256 of a session's token. The token itself exists only in
// the cookie, so that whoever reads the store can sign in as nobody.
type Hash [32]byte

// Record is a session as a [Store] keeps it. The times are UTC and whole
// milliseconds.
type Record struct {
	// Hash identifies the session.
	Hash Hash
	// ID is the public name of the session in lists; it opens nothing.
	ID string
	// User is the id of the signed-in user, "" for an anonymous session. It
	// never changes: signing in makes a new session. Nor does ID.
	User string
	// Stamp is that of [Session.Bind].
	Stamp string
	// Created is when the user signed in or the session began.
	Created time.Time
	// Seen is when the session was last used, give or take
	// [Options].TouchEvery.
	Seen time.Time
	// Expires is when the record may be removed if it is not saved before.
	Expires time.Time
	// UserAgent and Addr are where the session was last used.
	UserAgent string
	Addr      string
	// Data holds the values, in at most [Options].MaxBytes bytes of JSON.
	Data []byte
	// Version is 0 for a record that was never saved, and grows by one with
	// every save.
	Version int64
}

// Store keeps sessions. Implementations are safe for concurrent use, keep no
// reference to a Data they are given and return one that the caller may
// change. They need no clock: the [Manager] decides what has expired. One whose
// server does not remove by itself what has expired is a [Sweeper] too. The
// suite in galetest/conform checks them.
type Store interface {
	// Load returns ErrNotFound for an unknown hash. It may do so for a record
	// that has expired.
	Load(ctx context.Context, h Hash) (Record, error)
	// Save inserts r when r.Version is 0; otherwise it replaces the record
	// that has the hash was, r's version and r's user and ID. Where r.Hash is
	// another, was opens nothing from then on. It stores r with Version+1, or
	// returns ErrConflict when there is a record already or no such version: a
	// deleted session must not come back by a late save. All that is one step,
	// which comes before or after any other, and of DeleteByUser above all.
	Save(ctx context.Context, was Hash, r Record) error
	// Delete is a no-op for an unknown hash.
	Delete(ctx context.Context, h Hash) error
	// ByUser returns the sessions of a user, the last seen first, without
	// Data. user is not empty.
	ByUser(ctx context.Context, user string) ([]Record, error)
	// DeleteByUser removes, in one step, the session of a user whose ID is
	// only, or, where only is "", all but that whose ID is except: whoever has
	// a session saved with another hash at the same time, again and again, must
	// not keep it. It returns Hash and ID of what it has removed. user is not
	// empty.
	DeleteByUser(ctx context.Context, user, only, except string) ([]Record, error)
}

// Sweeper is a [Store] that must be told to remove what has expired.
type Sweeper interface {
	// DeleteExpired removes records whose Expires is not after now. It may
	// leave some for the next call.
	DeleteExpired(ctx context.Context, now time.Time) error
}

// sweep has store remove what has expired, where it does not do so by itself.
func sweep(ctx context.Context, store Store, now time.Time) error {
	if s, ok := store.(Sweeper); ok {
		return s.DeleteExpired(ctx, now)
	}
	return nil
}
