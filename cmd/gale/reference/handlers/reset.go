package handlers

import (
	"errors"
	"net/http"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// AskResetPage shows the form for who has forgotten the password.
func (h *Accounts) AskResetPage(w http.ResponseWriter, r *http.Request) error {
	return h.Views.Render(w, r, http.StatusOK, "accounts/reset", formPage{Form: NewForm()})
}

// AskReset mails a link, if the address has an account.
func (h *Accounts) AskReset(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Email string `form:"email"`
	}](w, r)
	if err == nil {
		err = h.Service.AskReset(r.Context(), in.Email)
	}
	if err != nil {
		return h.again(w, r, "accounts/reset", NewForm("email", in.Email), err)
	}
	return h.sent(w, r, in.Email)
}

// ResetPage is where the mail's link leads; opening it changes nothing.
func (h *Accounts) ResetPage(w http.ResponseWriter, r *http.Request) error {
	private(w)
	token := r.URL.Query().Get("token")
	l, err := h.Service.LinkOf(r.Context(), models.ResetLink, token)
	if errors.Is(err, services.ErrNotFound) {
		return h.dead(w, r)
	}
	if err != nil {
		return err
	}
	return h.Views.Render(w, r, http.StatusOK, "accounts/reset-confirm", formPage{Form: NewForm("token", token, "email", l.Email, "keys", "true")})
}

// Reset sets the password, ends the user's sessions and begins one.
func (h *Accounts) Reset(w http.ResponseWriter, r *http.Request) error {
	private(w)
	in, err := web.Form[struct {
		Token    string `form:"token"`
		Email    string `form:"email"` // for password managers; the link's counts
		Password string `form:"password,verbatim"`
		Keys     bool   `form:"keys"` // are revoked, and own apps disabled
	}](w, r)
	if err == nil {
		user, failed := h.Service.Reset(r.Context(), in.Token, in.Password, in.Keys)
		if failed == nil {
			err := errors.Join(h.Sessions.RevokeAll(r.Context(), user.ID, ""), h.Apps.End(r.Context(), user.ID))
			if in.Keys {
				err = errors.Join(err, h.Apps.DisableOwn(r.Context(), user))
			}
			if err != nil {
				return err
			}
			h.Watchers.AllEnded(r.Context(), user.ID)
			session.From(r.Context()).Flash("success", "The new password is set; your other sessions have ended.")
			return h.enter(w, r, user, auth.MethodMail, false, "/")
		}
		err = failed
	}
	if errors.Is(err, services.ErrNotFound) {
		return h.dead(w, r)
	}
	form := NewForm("token", in.Token, "email", in.Email)
	if in.Keys {
		form.Set("keys", "true")
	}
	return h.again(w, r, "accounts/reset-confirm", form, err)
}
