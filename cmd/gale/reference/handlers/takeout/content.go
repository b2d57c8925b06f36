package takeout

import "time"

// Content is what relay has of a user, but for the events and packets, which
// follow it.
type Content struct {
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	Role      string    `json:"role"`
	CreatedAt time.Time `json:"created_at"`
	Password  bool      `json:"has_password"`
	Keys      []Key     `json:"keys"`
	Sessions  []Session `json:"sessions"`
	Channels  []Channel `json:"channels"`
	Links     []Link    `json:"linked_accounts"`
	Apps      []App     `json:"apps"`
	Factors   []Factor  `json:"factors"`
	Codes     int       `json:"recovery_codes"` // that are left
}

// Factor is a second factor without what proves it.
type Factor struct {
	Kind       string     `json:"kind"` // "totp" or "passkey"
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}

// Event is a record of the audit log by or about the user. Where others
// were when they did it is theirs.
type Event struct {
	At        time.Time         `json:"at"`
	Action    string            `json:"action"`
	Outcome   string            `json:"outcome"`
	By        string            `json:"by,omitempty"` // another who did it
	Target    string            `json:"target,omitempty"`
	Address   string            `json:"address,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
}

// App is an app that has access to the account.
type App struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	AllowedAt time.Time `json:"allowed_at"`
	UsedAt    time.Time `json:"used_at"`
}

// Key is an API key without its hash.
type Key struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	Scopes     []string   `json:"scopes"`
}

// Session is where the user is signed in.
type Session struct {
	UserAgent string    `json:"user_agent"`
	Address   string    `json:"address"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
}

// Channel is a channel that the user has made.
type Channel struct {
	Name      string    `json:"name"`
	Title     string    `json:"title"`
	Public    bool      `json:"public"`
	CreatedAt time.Time `json:"created_at"`
}

// Link is an account elsewhere that signs the user in.
type Link struct {
	Provider string    `json:"provider"`
	Issuer   string    `json:"issuer"`
	Subject  string    `json:"subject"`
	Email    string    `json:"email,omitempty"`
	LinkedAt time.Time `json:"linked_at"`
	UsedAt   time.Time `json:"used_at"`
}
