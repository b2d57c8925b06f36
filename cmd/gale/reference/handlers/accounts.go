package handlers

import (
	"net/http"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/web"
)

// Accounts are the pages on which people sign up, in and out.
type Accounts struct {
	Site
	Service *services.Accounts
}

type formPage struct{ Form *Form }

// SignUpPage shows the form for a new account.
func (h *Accounts) SignUpPage(w http.ResponseWriter, r *http.Request) error {
	return h.Views.Render(w, r, http.StatusOK, "accounts/sign-up", formPage{newForm()})
}

// SignUp creates an account and signs its owner in.
func (h *Accounts) SignUp(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Name     string `form:"name"`
		Email    string `form:"email"`
		Password string `form:"password,verbatim"`
	}](w, r)
	form := newForm("name", in.Name, "email", in.Email)
	if err == nil {
		user, failed := h.Service.SignUp(r.Context(), in.Name, in.Email, in.Password)
		if failed == nil {
			if err := h.Auth.SignIn(r.Context(), models.Caller{User: user}); err != nil {
				return err
			}
			return h.to(w, r, "home")
		}
		err = failed
	}
	if !form.refuse(err) {
		return err
	}
	return h.Views.Render(w, r, http.StatusUnprocessableEntity, "accounts/sign-up", formPage{form})
}

// SignInPage shows the form for signing in.
func (h *Accounts) SignInPage(w http.ResponseWriter, r *http.Request) error {
	form := newForm("next", web.LocalPath(r.URL.Query().Get("next"), "/"))
	return h.Views.Render(w, r, http.StatusOK, "accounts/sign-in", formPage{form})
}

// SignIn checks a password and begins a session.
func (h *Accounts) SignIn(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Email    string `form:"email"`
		Password string `form:"password,verbatim"`
		Next     string `form:"next"`
	}](w, r)
	next := web.LocalPath(in.Next, "/")
	form := newForm("email", in.Email, "next", next)
	if err == nil {
		user, failed := h.Service.SignIn(r.Context(), in.Email, in.Password)
		if failed == nil {
			if err := h.Auth.SignIn(r.Context(), models.Caller{User: user}); err != nil {
				return err
			}
			return web.Redirect(w, r, next, http.StatusSeeOther)
		}
		err = failed
	}
	if !form.refuse(err) {
		return err
	}
	return h.Views.Render(w, r, http.StatusUnprocessableEntity, "accounts/sign-in", formPage{form})
}

// SignOut ends the session.
func (h *Accounts) SignOut(w http.ResponseWriter, r *http.Request) error {
	if err := h.Auth.SignOut(r.Context()); err != nil {
		return err
	}
	return h.to(w, r, "home")
}
