package handlers

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/web"
)

// Takeout is what relay has of a user, but for the events and packets, which
// follow it.
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
	Factors   []TakeoutFactor  `json:"factors"`
	Codes     int              `json:"recovery_codes"` // that are left
}

// TakeoutFactor is a second factor without what proves it.
type TakeoutFactor struct {
	Kind       string     `json:"kind"` // "totp" or "passkey"
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}

// TakeoutEvent is a record of the audit log by or about the user. Where others
// were when they did it is theirs.
type TakeoutEvent struct {
	At        time.Time         `json:"at"`
	Action    string            `json:"action"`
	Outcome   string            `json:"outcome"`
	By        string            `json:"by,omitempty"` // another who did it
	Target    string            `json:"target,omitempty"`
	Address   string            `json:"address,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
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
	factors, err := h.Factors.Of(ctx, user.ID)
	if err != nil {
		return err
	}
	out := Takeout{
		Name: user.Name, Email: user.Email, Role: string(user.Role), CreatedAt: user.CreatedAt,
		Keys: []TakeoutKey{}, Sessions: []TakeoutSession{}, Channels: []TakeoutChannel{}, Links: []TakeoutLink{},
		Apps: []TakeoutApp{}, Factors: []TakeoutFactor{}, Codes: factors.Codes,
	}
	for _, a := range factors.Apps {
		out.Factors = append(out.Factors, TakeoutFactor{"totp", a.Name, a.Created, used(a.LastUsed)})
	}
	for _, p := range factors.Passkeys {
		out.Factors = append(out.Factors, TakeoutFactor{"passkey", p.Name, p.Created, used(p.LastUsed)})
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
	control := http.NewResponseController(w)
	if _, err := w.Write(head[:len(head)-1]); err != nil {
		return err
	}
	if err := writeArray(w, control, "events", h.events(ctx, user.ID)); err != nil {
		return err
	}
	if err := writeArray(w, control, "packets", h.Accounts.Removal.Sent(ctx, user.ID)); err != nil {
		return err
	}
	if _, err := io.WriteString(w, "}\n"); err != nil {
		return err
	}
	if err := control.Flush(); err != nil {
		return err
	}
	return control.SetWriteDeadline(time.Time{}) // the connection goes on
}

// used returns nil for never.
func used(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// events yields the records by or about a user, the newest first.
func (h *Account) events(ctx context.Context, user string) iter.Seq2[TakeoutEvent, error] {
	return func(yield func(TakeoutEvent, error) bool) {
		for filter := (audit.Filter{Of: user, Limit: 500}); ; {
			page, err := h.Audit.List(ctx, filter)
			if err != nil {
				yield(TakeoutEvent{}, err)
				return
			}
			for _, e := range eventsOf(user, page.Items) {
				out := TakeoutEvent{At: e.At, Action: e.Action, Outcome: string(e.Outcome), By: e.By, Target: e.Target, UserAgent: e.UserAgent, Detail: e.Detail}
				if e.Addr.IsValid() {
					out.Address = e.Addr.String()
				}
				if !yield(out, nil) {
					return
				}
			}
			if filter.Before = page.Next; page.Next == "" {
				return
			}
		}
	}
}

// writeArray writes one field more of an object that is open. What it has is
// written as it is read: there may be more than fits into memory.
func writeArray[T any](w io.Writer, control *http.ResponseController, name string, all iter.Seq2[T, error]) error {
	if _, err := io.WriteString(w, `,"`+name+`":[`); err != nil {
		return err
	}
	separator := "\n"
	var moved time.Time
	for p, err := range all {
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
	_, err := io.WriteString(w, "]")
	return err
}
