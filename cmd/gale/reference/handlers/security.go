package handlers

import (
	"errors"
	"net/http"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Security is the page on which users see who is in their account, and keep
// others out.
type Security struct {
	Site
	Accounts *services.Accounts
	Factors  *services.Factors
	Devices  *auth.Devices
	Linked   *Providers // sign-in by accounts elsewhere
}

type securityPage struct {
	Tab      string
	Form     *Form
	Sessions []session.Info
	Factors  services.UserFactors
	Linked   []LinkedAccount
	Events   []Event
}

// recentEvents is how many of the events by or about the user the page shows.
const recentEvents = 15

// Show shows the sessions and the form for a new password.
func (h *Security) Show(w http.ResponseWriter, r *http.Request) error {
	return h.show(w, r, http.StatusOK, NewForm())
}

func (h *Security) show(w http.ResponseWriter, r *http.Request, status int, form *Form) error {
	ctx, user := r.Context(), h.Auth.MustUser(r.Context()).ID
	page := securityPage{Tab: "security", Form: form}
	var err error
	if page.Sessions, err = h.Sessions.List(ctx, user); err != nil {
		return err
	}
	if page.Factors, err = h.Factors.Of(ctx, user); err != nil {
		return err
	}
	if page.Linked, err = h.Linked.Linked(ctx, user); err != nil {
		return err
	}
	events, err := h.Audit.List(ctx, audit.Filter{Of: user, Limit: recentEvents})
	if err != nil {
		return err
	}
	page.Events = EventsOf(user, events.Items)
	return h.Views.Render(w, r, status, "profile/security", page)
}

// ChangePassword sets a new password and ends the user's other sessions.
func (h *Security) ChangePassword(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Email    string `form:"email"` // for password managers
		Old      string `form:"old,verbatim"`
		Password string `form:"password,verbatim"`
	}](w, r)
	ctx, user := r.Context(), h.Auth.MustUser(r.Context()).User
	if err == nil {
		err = h.Accounts.ChangePassword(ctx, user, from(r, h.Devices, user), in.Old, in.Password)
	}
	if err != nil {
		form := NewForm()
		if !form.Refuse(err) {
			return err
		}
		return h.show(w, r, form.Status(w), form)
	}
	stays, err := h.endOthers(ctx, user.ID)
	if err := errors.Join(err, h.Apps.End(ctx, user.ID)); err != nil {
		return err
	}
	if err := h.Devices.Remember(w, r, user.Email); err != nil {
		return err
	}
	return h.after(w, r, stays, "The new password is set; your other sessions have ended.")
}

// RemovePassword leaves the user's passkeys as the way to sign in.
func (h *Security) RemovePassword(w http.ResponseWriter, r *http.Request) error {
	ctx, user := r.Context(), h.Auth.MustUser(r.Context()).User
	err := h.Accounts.RemovePassword(ctx, user)
	if errors.Is(err, services.ErrNoPasskey) {
		session.From(ctx).Flash("error", "The password is your way to sign in. Add a passkey first.")
		return h.Redirect(w, r, "security")
	}
	if err != nil {
		return err
	}
	stays, err := h.endOthers(ctx, user.ID)
	if err := errors.Join(err, h.Apps.End(ctx, user.ID)); err != nil {
		return err
	}
	return h.after(w, r, stays, "The password is removed; your other sessions have ended.")
}

// RevokeSession signs the user out somewhere else.
func (h *Security) RevokeSession(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), r.PathValue("id")
	u := h.Auth.MustUser(ctx).User
	if err := h.Sessions.Revoke(h.with(ctx, u, "session.revoked", id), u.ID, id); err != nil {
		return err
	}
	session.From(ctx).Flash("success", "That session has ended.")
	return h.Redirect(w, r, "security")
}

// RevokeOthers signs the user out everywhere else.
func (h *Security) RevokeOthers(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	u := h.Auth.MustUser(ctx).User
	stays, err := h.endOthers(ctx, u.ID)
	if err := errors.Join(err, h.Apps.End(ctx, u.ID)); err != nil {
		return err
	}
	if err := h.note(r, u, "session.revoked", audit.OK, "others"); err != nil {
		return err
	}
	return h.after(w, r, stays, "Your other sessions have ended.")
}
