package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// secondPage asks for a second factor.
type secondPage struct {
	Form    *Form
	Factors services.UserFactors
}

// toSecond goes to the page that asks for the second factor.
func (h *Accounts) toSecond(w http.ResponseWriter, r *http.Request, next string) error {
	path, err := h.URL("sign-in.second")
	if err != nil {
		return err
	}
	return web.Redirect(w, r, path+"?next="+url.QueryEscape(next), http.StatusSeeOther)
}

// SecondPage asks for the second factor of who has shown the first.
func (h *Accounts) SecondPage(w http.ResponseWriter, r *http.Request) error {
	c, _, ok := h.Auth.Pending(r.Context())
	if !ok {
		return h.Redirect(w, r, "sign-in")
	}
	form := NewForm("next", web.LocalPath(r.URL.Query().Get("next"), "/"))
	return h.second(w, r, http.StatusOK, c, form)
}

func (h *Accounts) second(w http.ResponseWriter, r *http.Request, status int, c models.Caller, form *Form) error {
	factors, err := h.Factors.Of(r.Context(), c.ID)
	if err != nil {
		return err
	}
	return h.Views.Render(w, r, status, "accounts/second", secondPage{form, factors})
}

// Second checks a code of an app or for recovery.
func (h *Accounts) Second(w http.ResponseWriter, r *http.Request) error {
	c, _, ok := h.Auth.Pending(r.Context())
	if !ok {
		return h.Redirect(w, r, "sign-in")
	}
	in, err := web.Form[struct {
		Code  string `form:"code"`
		Trust bool   `form:"trust"`
		Next  string `form:"next"`
	}](w, r)
	next := web.LocalPath(in.Next, "/")
	if err == nil {
		by, failed := h.Factors.Check(r.Context(), c.User, from(r, h.Devices, c.User), in.Code)
		if failed == nil {
			if err := h.complete(w, r, c, by); err != nil {
				return err
			}
			if in.Trust {
				if err := h.Trust.Remember(w, r, c.ID, c.Stamp()); err != nil {
					return err
				}
			}
			return web.Redirect(w, r, next, http.StatusSeeOther)
		}
		if err := h.noteWrong(r, c.User, failed, "signin."+string(by)); err != nil {
			return err
		}
		err = failed
	}
	form := NewForm("next", next, "code", "")
	if !form.Refuse(err) {
		return err
	}
	return h.second(w, r, form.Status(w), c, form)
}

// from says who tries a code of u, or the password once more. The account is what
// its browsers are remembered under: by another name none would be known. Those
// whose addresses cannot be read must not share one.
func from(r *http.Request, devices *auth.Devices, u models.User) auth.Attempt {
	return attempt(r, devices, cmp.Or(u.Email, u.ID))
}

// PasskeySignedIn is passkey.Options.SignedIn: a passkey is all that an account
// asks for.
func (h *Accounts) PasskeySignedIn(w http.ResponseWriter, r *http.Request, p passkey.Credential) (string, error) {
	u, err := h.Service.Store.User(r.Context(), p.UserID)
	if err == nil && u.Disabled {
		err = services.ErrDisabled
	}
	if err == nil {
		session.From(r.Context()).EndWithBrowser(r.URL.Query().Get("remember") != "true")
		err = h.complete(w, r, models.Caller{User: u}, auth.MethodPasskey)
	}
	return web.LocalPath(r.URL.Query().Get("next"), "/"), Told(err)
}

// PasskeyOf is passkey.Options.Pending: whose passkey is asked for, as the second
// factor or to show once more who it is.
func (h *Accounts) PasskeyOf(r *http.Request) (string, error) {
	if c, _, ok := h.Auth.Pending(r.Context()); ok {
		return c.ID, nil
	}
	if c, ok := h.Auth.User(r.Context()); ok && h.Auth.Credential(r.Context()) == "session" {
		return c.ID, nil
	}
	return "", &web.Error{Status: http.StatusUnauthorized, Message: "Sign in first.", Err: errors.New("nobody to confirm")}
}

// PasskeyConfirmed is passkey.Options.Confirmed.
func (h *Accounts) PasskeyConfirmed(w http.ResponseWriter, r *http.Request, _ passkey.Credential) (string, error) {
	next := web.LocalPath(r.URL.Query().Get("next"), "/")
	if c, _, ok := h.Auth.Pending(r.Context()); ok {
		err := h.complete(w, r, c, auth.MethodPasskey)
		if err == nil && r.URL.Query().Get("trust") == "true" {
			err = h.Trust.Remember(w, r, c.ID, c.Stamp())
		}
		return next, err
	}
	ctx := r.Context()
	return next, h.Auth.Confirm(h.with(ctx, h.Auth.MustUser(ctx).User, "confirm.passkey", ""), auth.MethodPasskey)
}
