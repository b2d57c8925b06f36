package models

import "time"

// Purpose says what a mailed link is for; a link is good for nothing else.
type Purpose string

// The purposes.
const (
	SignUpLink   Purpose = "sign-up"
	ResetLink    Purpose = "reset"
	NewEmailLink Purpose = "email-new" // proves the address that an account is to have
	OldEmailLink Purpose = "email-old" // has the change allowed at the address of before
)

// Link is a link that was mailed. It works once. Only the hash of its token is
// kept, so that who reads the database cannot follow it.
type Link struct {
	Hash      []byte // SHA-256
	Purpose   Purpose
	UserID    string // "" for a sign-up
	Email     string // of the new account, or that the account is to have
	Name      string // of the new account, as wished for
	CreatedAt time.Time
	ExpiresAt time.Time
}
