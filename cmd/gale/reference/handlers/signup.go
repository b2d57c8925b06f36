package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/web"
)

// SignUpPage shows the form for a new account.
func (h *Accounts) SignUpPage(w http.ResponseWriter, r *http.Request) error {
	return h.signUp(w, r, http.StatusOK, NewForm("setup", r.URL.Query().Get("setup")))
}

func (h *Accounts) signUp(w http.ResponseWriter, r *http.Request, status int, form *Form) error {
	first, err := h.Service.IsNew(r.Context())
	if err != nil {
		return err
	}
	page := formPage{Form: form, First: first, Setup: first && h.Service.Setup != nil, Closed: !first && !h.Service.Open}
	if page.Setup {
		private(w)
	}
	return h.Views.Render(w, r, status, "accounts/sign-up", page)
}

// SignUp makes the very first account and signs its owner in; to everybody else
// it mails a link.
func (h *Accounts) SignUp(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Name     string `form:"name"`
		Email    string `form:"email"`
		Password string `form:"password,verbatim"`
		Setup    string `form:"setup"`
	}](w, r)
	form := NewForm("name", in.Name, "email", in.Email, "setup", in.Setup)
	if err == nil {
		user, first, failed := h.Service.SignUp(r.Context(), in.Name, in.Email, in.Password, in.Setup)
		switch {
		case failed == nil && first:
			return h.enter(w, r, user, auth.MethodPassword, true, "/")
		case failed == nil:
			return h.sent(w, r, in.Email)
		}
		err = failed
	}
	if !form.Refuse(err) {
		return err
	}
	return h.signUp(w, r, form.Status(w), form)
}

// ConfirmSignUpPage is where the mail's link leads. Opening it changes nothing:
// mail servers open links to look for malware.
func (h *Accounts) ConfirmSignUpPage(w http.ResponseWriter, r *http.Request) error {
	private(w)
	token := r.URL.Query().Get("token")
	l, err := h.Service.LinkOf(r.Context(), models.SignUpLink, token)
	if errors.Is(err, services.ErrNotFound) {
		return h.dead(w, r)
	}
	if err != nil {
		return err
	}
	form := NewForm("token", token, "name", l.Name, "email", l.Email)
	return h.Views.Render(w, r, http.StatusOK, "accounts/sign-up-confirm", formPage{Form: form})
}

// ConfirmSignUp makes the account and signs its owner in.
func (h *Accounts) ConfirmSignUp(w http.ResponseWriter, r *http.Request) error {
	return h.join(w, r, "accounts/sign-up-confirm", h.Service.ConfirmSignUp)
}

// join takes the form of a page that a mail's link has led to, and signs the owner
// of the account in that it makes.
func (h *Accounts) join(w http.ResponseWriter, r *http.Request, page string, open func(ctx context.Context, token, name, password string) (models.User, error)) error {
	private(w)
	in, err := web.Form[struct {
		Token    string `form:"token"`
		Email    string `form:"email"` // for password managers; the link's counts
		Name     string `form:"name"`
		Password string `form:"password,verbatim"`
	}](w, r)
	if err == nil {
		user, failed := open(r.Context(), in.Token, in.Name, in.Password)
		if failed == nil {
			return h.enter(w, r, user, auth.MethodPassword, false, "/")
		}
		err = failed
	}
	if errors.Is(err, services.ErrNotFound) {
		return h.dead(w, r)
	}
	return h.again(w, r, page, NewForm("token", in.Token, "name", in.Name, "email", in.Email), err)
}
