package models

import "time"

// Caller is who sent a request: a user, by session, through one of the user's
// API keys, or through an app that acts for the user.
type Caller struct {
	User
	KeyName string // of the key, or the id of the app; "" for a session
	Token   string // the id of the access token, where it is an app
	// Scopes are the permissions that are left of the user's where Limited is true.
	Scopes  []string
	Limited bool
	Until   time.Time // when the key, or the app's token, ends; the zero time is never
}

// Sender is the name under which what the caller sends is shown.
func (c Caller) Sender() string {
	if c.KeyName == "" {
		return c.Name
	}
	return c.Name + "/" + c.KeyName
}
