package handlers

import (
	"net/http"
	"slices"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Accounts are the pages on which people sign up (signup.go), in and out, show a
// second factor (second.go) or who they are once more (confirm.go), set a
// forgotten password (reset.go), and answer a change of address (email.go).
type Accounts struct {
	Site
	Service *services.Accounts
	Factors *services.Factors
	Devices *auth.Devices
	Trust   *auth.Trust
	Linked  *Providers // sign-in by accounts elsewhere
}

// formPage is the data of a page with a form.
type formPage struct {
	Form   *Form
	First  bool // nobody has an account yet
	Setup  bool // and it is made with the token of services.Setup
	Closed bool // visitors make none
}

// attempt says who tries a password of the account.
func attempt(r *http.Request, devices *auth.Devices, email string) auth.Attempt {
	return auth.Attempt{Account: email, Addr: middleware.ClientAddr(r.Context()), Device: devices.Known(r, email)}
}

// enter signs u in, who has shown one factor, and goes on to next; where the
// account has a second factor and the browser is not trusted, by the page that
// asks for it. Every way into an account ends here or in second.go.
func (h *Accounts) enter(w http.ResponseWriter, r *http.Request, u models.User, by auth.Method, remember bool, next string) error {
	ctx := r.Context()
	session.From(ctx).EndWithBrowser(!remember)
	factors, err := h.Factors.Of(ctx, u.ID)
	if err != nil {
		return err
	}
	methods := []auth.Method{by}
	if factors.Any() && h.Trust.Trusted(r, u.ID, u.Stamp()) {
		methods = append(methods, trusted)
	} else if factors.Any() {
		if err := h.Auth.Begin(ctx, models.Caller{User: u}, by); err != nil {
			return err
		}
		return h.toSecond(w, r, next)
	}
	if err := h.complete(w, r, models.Caller{User: u}, methods...); err != nil {
		return err
	}
	return web.Redirect(w, r, next, http.StatusSeeOther)
}

// trusted is the way in of a browser in which a second factor was shown before.
const trusted auth.Method = "browser"

// SecondShown reports whether one of the methods is a second factor, or stands in
// for one. A passkey does even alone: it is something that one has, opened by
// something that one is or knows.
func SecondShown(methods []auth.Method) bool {
	return slices.ContainsFunc(methods, func(m auth.Method) bool {
		return m == auth.MethodTOTP || m == auth.MethodPasskey || m == auth.MethodRecovery || m == trusted
	})
}

// complete signs in who has shown all that the account asks for, at last by the
// first of methods.
func (h *Accounts) complete(w http.ResponseWriter, r *http.Request, c models.Caller, methods ...auth.Method) error {
	ctx := h.with(r.Context(), c.User, "signin."+string(methods[0]), "")
	if err := h.Auth.SignIn(ctx, c, methods...); err != nil {
		return err
	}
	return h.Devices.Remember(w, r, c.Email)
}

// SignInPage shows the form for signing in.
func (h *Accounts) SignInPage(w http.ResponseWriter, r *http.Request) error {
	form := NewForm("next", web.LocalPath(r.URL.Query().Get("next"), "/"))
	return h.Views.Render(w, r, http.StatusOK, "accounts/sign-in", formPage{Form: form})
}

// SignIn checks a password and begins a session.
func (h *Accounts) SignIn(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Email    string `form:"email"`
		Password string `form:"password,verbatim"`
		Remember bool   `form:"remember"`
		Next     string `form:"next"`
	}](w, r)
	next := web.LocalPath(in.Next, "/")
	form := NewForm("email", in.Email, "next", next)
	if err == nil {
		user, failed := h.Service.SignIn(r.Context(), attempt(r, h.Devices, in.Email), in.Password)
		if failed == nil {
			return h.enter(w, r, user, auth.MethodPassword, in.Remember, next)
		}
		if err := h.noteRefused(r, failed, "signin.password"); err != nil {
			return err
		}
		err = failed
	}
	if in.Remember {
		form.Set("remember", "true")
	}
	return h.again(w, r, "accounts/sign-in", form, err)
}

// again shows a form with what is wrong with it.
func (s *Site) again(w http.ResponseWriter, r *http.Request, page string, form *Form, err error) error {
	if !form.Refuse(err) {
		return err
	}
	return s.Views.Render(w, r, form.Status(w), page, formPage{Form: form})
}

// SignOut ends the session.
func (h *Accounts) SignOut(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if c, ok := h.Auth.User(ctx); ok {
		ctx = h.with(ctx, c.User, "signout", "")
	}
	if err := h.Auth.SignOut(ctx); err != nil {
		return err
	}
	return h.Redirect(w, r, "home")
}

// sent says that a mail is on its way, or not: the page is the same.
func (h *Accounts) sent(w http.ResponseWriter, r *http.Request, email string) error {
	return h.Views.Render(w, r, http.StatusOK, "accounts/sent", struct{ Email string }{email})
}

// private keeps a page with a token in its address from caches, and the address
// from the sites that the page links to.
func private(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
}

// dead shows that a link does not work, or not any more.
func (h *Accounts) dead(w http.ResponseWriter, r *http.Request) error {
	return h.Views.Render(w, r, http.StatusNotFound, "accounts/dead-link", nil)
}
