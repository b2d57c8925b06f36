package models

import (
	"strings"
	"time"
)

// APIKey lets a program act as the user who made it. Only the hash of the
// secret is kept.
type APIKey struct {
	ID         string // the part that is shown and looked up
	UserID     string
	Name       string // what the user calls it; unique for the user
	Hash       []byte
	CreatedAt  time.Time
	LastUsedAt *time.Time
	RevokedAt  *time.Time
	Scopes     string     // the permissions that it is limited to, with spaces between
	ExpiresAt  *time.Time // nil for never
	// Previous is the hash from before the last rotation; it is accepted until
	// PreviousUntil.
	Previous      []byte
	PreviousUntil *time.Time
}

// ScopeList is Scopes as a list.
func (k APIKey) ScopeList() []string { return strings.Fields(k.Scopes) }

// Expired reports whether the key has ended by itself.
func (k APIKey) Expired(now time.Time) bool { return k.ExpiresAt != nil && !now.Before(*k.ExpiresAt) }

// CheckKeyName returns what is wrong with the name of a key, or "".
func CheckKeyName(name string) string {
	if !userName.MatchString(name) {
		return "must be 1 to 32 of a-z, 0-9 and -, and neither begin nor end with -"
	}
	return ""
}
