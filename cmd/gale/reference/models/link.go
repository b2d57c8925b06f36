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
	AllowedEmail Purpose = "email-yes" // no link any more: one of these two was followed, and waits for the other
	ProofLink    Purpose = "proof"     // proves the address that the very first account has
	InviteLink   Purpose = "invite"    // makes an account, at the wish of an admin
)

// Link is a link that was mailed. It works once. Only the hash of its token is
// kept, so that who reads the database cannot follow it.
type Link struct {
	Hash      []byte // SHA-256
	Purpose   Purpose
	UserID    string // "" for a sign-up and an invitation
	Email     string // of the new account, or that the account is to have
	Name      string // of the new account, as wished for
	Role      Role   // of the new account, for an invitation
	InvitedBy string // the id of who invites, for an invitation
	CreatedAt time.Time
	ExpiresAt time.Time
}
