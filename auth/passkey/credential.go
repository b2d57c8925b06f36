package passkey

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrNotFound is returned for a passkey that does not exist, or is not the
	// user's.
	ErrNotFound = errors.New("passkey: not found")
	// ErrExists is returned by [Store].Create when the ID is taken.
	ErrExists = errors.New("passkey: credential exists already")
	// ErrConflict is returned by [Store].Update when the credential was changed
	// or deleted since it was read.
	ErrConflict = errors.New("passkey: changed by another request")
	// ErrName is in the error for a name that is too long or has characters
	// that are not text.
	ErrName = errors.New("passkey: bad name")

	// ErrExpired is the cause when a challenge is older than 5 minutes, of
	// another browser, user or purpose, or was never made.
	ErrExpired = errors.New("passkey: no such challenge")
	// ErrReplayed is the cause when a challenge was used before.
	ErrReplayed = errors.New("passkey: challenge was used before")
	// ErrSignCount is the cause when the signature counter did not grow: the
	// authenticator may have been copied.
	ErrSignCount = errors.New("passkey: signature counter did not grow; the authenticator may be copied")
	// ErrRefused is the cause when a response is not valid.
	ErrRefused = errors.New("passkey: response refused")
)

// Credential is a passkey of a user. Times are UTC and whole milliseconds.
type Credential struct {
	// ID is the credential id in base64url without padding, as browsers write
	// it.
	ID string
	// UserID is the application's id of the owner, as in [Account].
	UserID string
	// UserHandle is what authenticators know the user by: 64 random bytes, the
	// same for all passkeys of a user.
	UserHandle []byte
	// Name is what the user called it.
	Name string
	// PublicKey is a COSE_Key (RFC 9052).
	PublicKey []byte
	// SignCount is the signature counter of the last use; 0 where the
	// authenticator has none, as synced passkeys do.
	SignCount uint32
	// Transports are hints for browsers on how the authenticator is reached,
	// such as "internal" or "usb".
	Transports []string
	// UserVerified says that it verified its user by PIN or biometrics when it
	// was registered.
	UserVerified bool
	// BackupEligible says that the passkey may be synced between devices, and
	// BackedUp that it is, by its last use.
	BackupEligible, BackedUp bool
	// Created is when it was registered, LastUsed when it last signed in or
	// confirmed; the zero time when it never did.
	Created, LastUsed time.Time
	// Suspected is when the signature counter last went back, the zero time
	// when it never did. Show it to the owner.
	Suspected time.Time
	// Recent names the challenges accepted in the last 5 minutes. Stores keep it
	// as it is.
	Recent string
	// Version is 1 for a new credential and grows by one with every Update.
	Version int64
}

// Store keeps credentials; [SQLStore] is one. It must pass the suite in
// galetest/conform and be safe for concurrent use.
type Store interface {
	// ByID returns the credential with an id, or ErrNotFound.
	ByID(ctx context.Context, id string) (Credential, error)
	// ByUser returns the credentials of a user, the oldest first.
	ByUser(ctx context.Context, user string) ([]Credential, error)
	// Create stores c with Version 1, or returns ErrExists.
	Create(ctx context.Context, c Credential) error
	// Update stores Name, SignCount, BackedUp, LastUsed, Suspected and Recent,
	// and adds one to Version, if Version is still that of c; otherwise it
	// returns ErrConflict.
	Update(ctx context.Context, c Credential) error
	// Delete removes the credential if it is the user's, or returns
	// ErrNotFound.
	Delete(ctx context.Context, user, id string) error
}
