package handlers

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/galeweb/gale/web"
)

// Takeout is what relay has of a user, but for the packets, which follow it.
type Takeout struct {
	Name      string           `json:"name"`
	Email     string           `json:"email"`
	Role      string           `json:"role"`
	CreatedAt time.Time        `json:"created_at"`
	Keys      []TakeoutKey     `json:"keys"`
	Sessions  []TakeoutSession `json:"sessions"`
	Channels  []TakeoutChannel `json:"channels"`
	Links     []TakeoutLink    `json:"linked_accounts"`
	Apps      []TakeoutApp     `json:"apps"`
}

// TakeoutApp is an app that has access to the account.
type TakeoutApp struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	AllowedAt time.Time `json:"allowed_at"`
	UsedAt    time.Time `json:"used_at"`
}

// TakeoutKey is an API key without its hash.
type TakeoutKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	Scopes     []string   `json:"scopes"`
}

// TakeoutSession is where the user is signed in.
type TakeoutSession struct {
	UserAgent string    `json:"user_agent"`
	Address   string    `json:"address"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
}

// TakeoutChannel is a channel that the user has made.
type TakeoutChannel struct {
	Name      string    `json:"name"`
	Title     string    `json:"title"`
	Public    bool      `json:"public"`
	CreatedAt time.Time `json:"created_at"`
}

// TakeoutLink is an account elsewhere that signs the user in.
type TakeoutLink struct {
	Provider string    `json:"provider"`
	Issuer   string    `json:"issuer"`
	Subject  string    `json:"subject"`
	Email    string    `json:"email,omitempty"`
	LinkedAt time.Time `json:"linked_at"`
	UsedAt   time.Time `json:"used_at"`
}

// Export gives users all that is theirs, as one JSON object.
func (h *Account) Export(w http.ResponseWriter, r *http.Request) error {
	ctx, user := r.Context(), h.Auth.MustUser(r.Context())
	keys, err := h.Keys.Store.Keys(ctx, user.ID)
	if err != nil {
		return err
	}
	sessions, err := h.Sessions.List(ctx, user.ID)
	if err != nil {
		return err
	}
	channels, err := h.Accounts.Removal.Owned(ctx, user.ID)
	if err != nil {
		return err
	}
	links, err := h.Links.ByUser(ctx, user.ID)
	if err != nil {
		return err
	}
	apps, err := h.Apps.Store.Grants(ctx, user.ID)
	if err != nil {
		return err
	}
	out := Takeout{
		Name: user.Name, Email: user.Email, Role: string(user.Role), CreatedAt: user.CreatedAt,
		Keys: []TakeoutKey{}, Sessions: []TakeoutSession{}, Channels: []TakeoutChannel{}, Links: []TakeoutLink{},
		Apps: []TakeoutApp{},
	}
	for _, k := range keys {
		out.Keys = append(out.Keys, TakeoutKey{k.ID, k.Name, k.CreatedAt, k.LastUsedAt, k.RevokedAt, k.ExpiresAt, k.ScopeList()})
	}
	for _, s := range sessions {
		out.Sessions = append(out.Sessions, TakeoutSession{s.UserAgent, s.Addr, s.Created, s.Seen})
	}
	for _, c := range channels {
		out.Channels = append(out.Channels, TakeoutChannel{c.Name, c.Title, c.Public, c.CreatedAt})
	}
	for _, l := range links {
		out.Links = append(out.Links, TakeoutLink{l.Provider, l.Issuer, l.Subject, l.Email, l.Created, l.Used})
	}
	for _, g := range apps {
		out.Apps = append(out.Apps, TakeoutApp{g.ClientID, g.ClientName, g.Scopes, g.Created, g.Used})
	}
	head, err := json.Marshal(out)
	if err != nil {
		return err
	}
	web.Attachment(w, user.Name+".json")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	return h.writeSent(w, r, user.ID, head)
}

// writeSent writes head, an object, with the user's packets as one field more.
// They are written as they are read: there may be more than fits into memory.
func (h *Account) writeSent(w http.ResponseWriter, r *http.Request, userID string, head []byte) error {
	control := http.NewResponseController(w)
	if _, err := io.WriteString(w, string(head[:len(head)-1])+`,"packets":[`); err != nil {
		return err
	}
	separator := "\n"
	var moved time.Time
	for p, err := range h.Accounts.Removal.Sent(r.Context(), userID) {
		if err != nil {
			return err
		}
		if now := time.Now(); now.Sub(moved) > stall/8 { // see unstalled
			if err := control.SetWriteDeadline(now.Add(stall)); err != nil {
				return err
			}
			moved = now
		}
		line, err := json.Marshal(p)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, separator+string(line)); err != nil {
			return err
		}
		separator = ",\n"
	}
	if _, err := io.WriteString(w, "]}\n"); err != nil {
		return err
	}
	if err := control.Flush(); err != nil {
		return err
	}
	return control.SetWriteDeadline(time.Time{}) // the connection goes on
}
