package token

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNotFound is returned for a grant that does not exist, or not any
	// more.
	ErrNotFound = errors.New("token: not found")
	// ErrConflict is returned by [RefreshStore].Save when another request has
	// saved or deleted the grant since it was loaded.
	ErrConflict = errors.New("token: changed by another request")
)

// Hash is a SHA-256. Tokens themselves are not stored, so that whoever reads
// the store can use none.
type Hash [32]byte

// RefreshRecord is a grant as a [RefreshStore] keeps it.
type RefreshRecord struct {
	Grant
	// Lookup is the hash of the part that all tokens of the grant have. It
	// identifies the record.
	Lookup Hash
	// Current is the hash of the token that is valid, Previous of the one
	// before it; zero for none.
	Current, Previous Hash
	// Seed makes the successor of Previous again, with Previous itself; nil
	// without [RefreshOptions].Grace, else 32 bytes.
	Seed []byte
	// Version is 0 for a record that was never saved, and grows by one with
	// every save.
	Version int64
}

// RefreshStore keeps grants. Implementations are safe for concurrent use, and
// neither keep nor hand out a slice that a caller may change. They need no
// clock: [Refresh] decides what has expired. The suite in galetest/conform
// checks them.
type RefreshStore interface {
	// Load returns ErrNotFound for an unknown lookup. It must see the last
	// Save, also one of another instance: not a replica.
	Load(ctx context.Context, lookup Hash) (RefreshRecord, error)
	// Save inserts r when r.Version is 0; otherwise it replaces the record
	// with r's lookup and version. It stores r with Version+1, or returns
	// ErrConflict when there is a record already or no such version: of two
	// uses one wins, and what was deleted does not come back.
	Save(ctx context.Context, r RefreshRecord) error
	// Delete is a no-op for an unknown lookup.
	Delete(ctx context.Context, lookup Hash) error
	// ByUser returns the grants of a user, the last seen first. user is not
	// empty.
	ByUser(ctx context.Context, user string) ([]RefreshRecord, error)
	// DeleteExpired removes records whose Expires is not after now. It may
	// leave some for the next call.
	DeleteExpired(ctx context.Context, now time.Time) error
}
