// Package takeout gives users all that is theirs.
package takeout

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/web"
)

// Handler answers for the account of who is signed in.
type Handler struct {
	handlers.Site
	Accounts *services.Accounts
	Keys     *services.Keys
	Factors  *services.Factors
	Links    oauth.Links // to accounts elsewhere
}

// Export gives users all that is theirs, as one JSON object.
func (h *Handler) Export(w http.ResponseWriter, r *http.Request) error {
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
	out := Content{
		Name: user.Name, Email: user.Email, Role: string(user.Role), CreatedAt: user.CreatedAt, Password: user.PasswordHash != "",
		Keys: []Key{}, Sessions: []Session{}, Channels: []Channel{}, Links: []Link{},
		Apps: []App{}, Factors: []Factor{}, Codes: factors.Codes,
	}
	for _, a := range factors.Apps {
		out.Factors = append(out.Factors, Factor{Kind: "totp", Name: a.Name, CreatedAt: a.Created, LastUsedAt: used(a.LastUsed)})
	}
	for _, p := range factors.Passkeys {
		out.Factors = append(out.Factors, Factor{Kind: "passkey", Name: p.Name, CreatedAt: p.Created, LastUsedAt: used(p.LastUsed)})
	}
	for _, k := range keys {
		out.Keys = append(out.Keys, Key{ID: k.ID, Name: k.Name, CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt, ExpiresAt: k.ExpiresAt, Scopes: k.ScopeList()})
	}
	for _, s := range sessions {
		out.Sessions = append(out.Sessions, Session{UserAgent: s.UserAgent, Address: s.Addr, CreatedAt: s.Created, SeenAt: s.Seen})
	}
	for _, c := range channels {
		out.Channels = append(out.Channels, Channel{Name: c.Name, Title: c.Title, Public: c.Public, CreatedAt: c.CreatedAt})
	}
	for _, l := range links {
		out.Links = append(out.Links, Link{Provider: l.Provider, Issuer: l.Issuer, Subject: l.Subject, Email: l.Email, LinkedAt: l.Created, UsedAt: l.Used})
	}
	for _, g := range apps {
		out.Apps = append(out.Apps, App{ID: g.ClientID, Name: g.ClientName, Scopes: g.Scopes, AllowedAt: g.Created, UsedAt: g.Used})
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
func (h *Handler) events(ctx context.Context, user string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for filter := (audit.Filter{Of: user, Limit: 500}); ; {
			page, err := h.Audit.List(ctx, filter)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range handlers.EventsOf(user, page.Items) {
				out := Event{At: e.At, Action: e.Action, Outcome: string(e.Outcome), By: e.By, Target: e.Target, UserAgent: e.UserAgent, Detail: e.Detail}
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
		if now := time.Now(); now.Sub(moved) > handlers.Stall/8 { // see unstalled
			if err := control.SetWriteDeadline(now.Add(handlers.Stall)); err != nil {
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
