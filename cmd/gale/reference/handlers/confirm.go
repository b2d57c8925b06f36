package handlers

import (
	"net/http"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/web"
)

// ConfirmPage asks who is signed in to show once more that it is they, before
// what cannot be undone.
func (h *Accounts) ConfirmPage(w http.ResponseWriter, r *http.Request) error {
	return h.confirm(w, r, http.StatusOK, NewForm("next", web.LocalPath(r.URL.Query().Get("next"), "/")))
}

func (h *Accounts) confirm(w http.ResponseWriter, r *http.Request, status int, form *Form) error {
	user := h.Auth.MustUser(r.Context()).ID
	factors, err := h.Factors.Of(r.Context(), user)
	if err != nil {
		return err
	}
	providers, err := h.Linked.confirmBy(r.Context(), user)
	if err != nil {
		return err
	}
	return h.Views.Render(w, r, status, "accounts/confirm", struct {
		Form      *Form
		Factors   services.UserFactors
		Providers []Provider
		Show      bool // the second factor, nothing else
	}{form, factors, providers, h.Lacks(r.Context()) == services.ToShow})
}

// Confirm checks the password or, of who has a second factor, a code: the password
// was shown to sign in, and alone it must not be enough to take the factor away.
func (h *Accounts) Confirm(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Email    string `form:"email"` // for password managers
		Password string `form:"password,verbatim"`
		Code     string `form:"code"`
		Next     string `form:"next"`
	}](w, r)
	ctx, u := r.Context(), h.Auth.MustUser(r.Context()).User
	next := web.LocalPath(in.Next, "/")
	if err == nil {
		factors, broken := h.Factors.Of(ctx, u.ID)
		if broken != nil {
			return broken
		}
		by := auth.MethodPassword
		var failed error
		if factors.Any() || in.Password == "" && in.Code != "" {
			by, failed = h.Factors.Check(ctx, u, from(r, h.Devices, u), in.Code)
		} else {
			failed = h.Service.Prove(ctx, u, from(r, h.Devices, u), in.Password)
		}
		if failed == nil {
			if err := h.Auth.Confirm(h.with(ctx, u, "confirm."+string(by), ""), by); err != nil {
				return err
			}
			return web.Redirect(w, r, next, http.StatusSeeOther)
		}
		if err := h.noteWrong(r, u, failed, "confirm."+string(by)); err != nil {
			return err
		}
		err = failed
	}
	form := NewForm("next", next, "code", "")
	if !form.Refuse(err) {
		return err
	}
	return h.confirm(w, r, form.Status(w), form)
}
