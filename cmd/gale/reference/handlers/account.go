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

// Account is the page on which users change their address, take what is theirs,
// and leave.
type Account struct {
	Site
	Accounts *services.Accounts
	Devices  *auth.Devices
}

type accountPage struct {
	Tab                   string
	EmailForm, DeleteForm *Form
}

// Show shows the page.
func (h *Account) Show(w http.ResponseWriter, r *http.Request) error {
	return h.Views.Render(w, r, http.StatusOK, "profile/account", accountPage{"account", NewForm(), NewForm()})
}

// ChangeEmail begins a change of address.
func (h *Account) ChangeEmail(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Email    string `form:"email"`
		Password string `form:"password,verbatim"`
	}](w, r)
	ctx, user := r.Context(), h.Auth.MustUser(r.Context()).User
	if err == nil {
		err = h.Accounts.AskEmail(ctx, user, from(r, h.Devices, user), in.Password, in.Email)
	}
	if err != nil {
		form := NewForm("email", in.Email)
		if !form.Refuse(err) {
			return err
		}
		return h.Views.Render(w, r, form.Status(w), "profile/account", accountPage{"account", form, NewForm()})
	}
	if err := h.note(r, user, "email.asked", audit.OK, user.ID); err != nil {
		return err
	}
	session.From(ctx).Flash("info", "We have sent a mail to both addresses; the change is made when both are answered.")
	return h.Redirect(w, r, "account")
}

// Delete deletes the account.
func (h *Account) Delete(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Name     string `form:"name"`
		Password string `form:"password,verbatim"`
	}](w, r)
	ctx, user := r.Context(), h.Auth.MustUser(r.Context()).User
	if err == nil {
		err = h.Accounts.Delete(ctx, user, from(r, h.Devices, user), in.Name, in.Password)
	}
	if err != nil {
		form := NewForm("name", in.Name)
		if !form.Refuse(err) {
			return err
		}
		return h.Views.Render(w, r, form.Status(w), "profile/account", accountPage{"account", NewForm(), form})
	}
	if err := errors.Join(h.Sessions.RevokeAll(ctx, user.ID, session.From(ctx).ID()), h.Apps.End(ctx, user.ID)); err != nil {
		return err
	}
	h.Watchers.KeyRevoked(ctx, user.ID)
	h.Watchers.AllEnded(ctx, user.ID)
	if err := h.Auth.SignOut(ctx); err != nil { // takes the cookie back too
		return err
	}
	return h.Redirect(w, r, "home")
}
