package models

import "time"

// Caller is who sent a request: a user, by session or through one of the
// user's API keys.
type Caller struct {
	User
	KeyName string // "" for a session
	// Scopes are the permissions that are left of the user's where Limited is true.
	Scopes  []string
	Limited bool
	Until   time.Time // when the key ends; the zero time is never
}

// Sender is the name under which what the caller sends is shown.
func (c Caller) Sender() string {
	if c.KeyName == "" {
		return c.Name
	}
	return c.Name + "/" + c.KeyName
}
