package handlers

import (
	"errors"
	"net/http"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/auth/totp"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Factors are the pages on which users manage their second factors. All of them
// ask for a recent proof of who it is.
type Factors struct {
	Site
	Factors *services.Factors
	Devices *auth.Devices
}

// RequiredPage tells who must use a second factor, and has none or has not shown
// it, what to do before anything else.
func (h *Factors) RequiredPage(w http.ResponseWriter, r *http.Request) error {
	lack := h.Lacks(r.Context())
	if lack == services.Nothing {
		return h.Redirect(w, r, "home")
	}
	return h.Views.Render(w, r, http.StatusOK, "factors/required", struct{ SetUp bool }{lack == services.ToSetUp})
}

// NewAppPage asks for a name.
func (h *Factors) NewAppPage(w http.ResponseWriter, r *http.Request) error {
	return h.Views.Render(w, r, http.StatusOK, "factors/new-app", formPage{Form: NewForm()})
}

// appPage shows what the app needs, this once.
type appPage struct {
	Form       *Form
	Enrollment totp.Enrollment
}

// AddApp makes an authenticator and shows its QR code.
func (h *Factors) AddApp(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Name string `form:"name"`
	}](w, r)
	u := h.Auth.MustUser(r.Context()).User
	form := NewForm("name", in.Name)
	if err == nil {
		e, failed := h.Factors.Apps.Enroll(r.Context(), u.ID, u.Label(), in.Name)
		if failed == nil {
			return h.showApp(w, r, http.StatusOK, appPage{NewForm(), e})
		}
		if errors.Is(failed, totp.ErrTooMany) {
			failed = services.Invalid{{Field: "name", Detail: "cannot be added: these are many apps already, remove one first"}}
		} else if e, ok := errors.AsType[*web.Error](failed); ok && e.Status == http.StatusUnprocessableEntity {
			failed = services.Invalid{{Field: "name", Detail: "must be 1 to 64 characters that can be shown"}}
		}
		err = failed
	}
	if !form.Refuse(err) {
		return err
	}
	return h.Views.Render(w, r, form.Status(w), "factors/new-app", formPage{Form: form})
}

func (h *Factors) showApp(w http.ResponseWriter, r *http.Request, status int, page appPage) error {
	private(w)
	return h.Views.Render(w, r, status, "factors/app", page)
}

// ConfirmApp checks the first code, from which on the app counts.
func (h *Factors) ConfirmApp(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Code string `form:"code"`
	}](w, r)
	ctx, u, id := r.Context(), h.Auth.MustUser(r.Context()).User, r.PathValue("id")
	if err == nil {
		codes, failed := h.Factors.ConfirmApp(ctx, u, from(r, h.Devices, u), id, in.Code)
		if failed == nil {
			// The session has shown a second factor from now on.
			stays, err := h.endOthers(ctx, u.ID, auth.MethodTOTP)
			if err != nil {
				return err
			}
			const message = "The app is set up: from now on it is asked for when you sign in. Your other sessions have ended."
			if len(codes) > 0 {
				session.From(ctx).Flash("success", message)
				return h.showCodes(w, r, codes)
			}
			return h.after(w, r, stays, message)
		}
		err = failed
	}
	form := NewForm("code", "")
	if !form.Refuse(err) {
		return err
	}
	e, err := h.Factors.Apps.Resume(ctx, u.ID, u.Label(), id)
	if errors.Is(err, totp.ErrNotFound) {
		return h.Redirect(w, r, "apps.new")
	}
	if err != nil {
		return err
	}
	return h.showApp(w, r, form.Status(w), appPage{form, e})
}

// RemoveApp ends an app.
func (h *Factors) RemoveApp(w http.ResponseWriter, r *http.Request) error {
	u, id := h.Auth.MustUser(r.Context()).User, r.PathValue("id")
	if err := h.Factors.RemoveApp(r.Context(), u, id); err != nil {
		return h.lastFactor(w, r, err)
	}
	return h.done(w, r, "The app is removed.")
}

// lastFactor says why the last factor stays.
func (h *Factors) lastFactor(w http.ResponseWriter, r *http.Request, err error) error {
	if !errors.Is(err, services.ErrLastFactor) {
		return err
	}
	session.From(r.Context()).Flash("error", "Your role must use a second factor, and this is your last. Set another up first.")
	return h.Redirect(w, r, "security")
}

// NewPasskeyPage has the browser make a passkey.
func (h *Factors) NewPasskeyPage(w http.ResponseWriter, r *http.Request) error {
	return h.Views.Render(w, r, http.StatusOK, "factors/new-passkey", nil)
}

// PasskeyAccount is passkey.Options.Account.
func (h *Factors) PasskeyAccount(r *http.Request) (passkey.Account, error) {
	u := h.Auth.MustUser(r.Context()).User
	return passkey.Account{ID: u.ID, Name: u.Email, DisplayName: u.Name}, nil
}

// PasskeyAdded is passkey.Options.Registered.
func (h *Factors) PasskeyAdded(_ http.ResponseWriter, r *http.Request, _ passkey.Credential) (string, error) {
	u := h.Auth.MustUser(r.Context()).User
	needsCodes, err := h.Factors.AddedPasskey(r.Context(), u)
	if err != nil {
		return "", err
	}
	stays, err := h.endOthers(r.Context(), u.ID, auth.MethodPasskey)
	if err != nil {
		return "", err
	}
	session.From(r.Context()).Flash("success", "The passkey is set up. Your other sessions have ended.")
	if !stays {
		return h.URL("sign-in")
	}
	if needsCodes {
		return h.URL("codes.new")
	}
	return h.URL("security")
}

// RenamePasskey gives a passkey another name.
func (h *Factors) RenamePasskey(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Name string `form:"name"`
	}](w, r)
	if err != nil {
		return err
	}
	err = h.Factors.Passkeys.Rename(r.Context(), h.Auth.MustUser(r.Context()).ID, r.PathValue("id"), in.Name)
	switch {
	case errors.Is(err, passkey.ErrNotFound):
		return services.ErrNotFound
	case errors.Is(err, passkey.ErrName):
		return &web.Error{Status: http.StatusUnprocessableEntity, Message: "A name has at most 64 characters that can be shown.", Err: err}
	case err != nil:
		return err
	}
	return h.Redirect(w, r, "security")
}

// RemovePasskey ends a passkey.
func (h *Factors) RemovePasskey(w http.ResponseWriter, r *http.Request) error {
	u, id := h.Auth.MustUser(r.Context()).User, r.PathValue("id")
	err := h.Factors.RemovePasskey(r.Context(), u, id)
	if errors.Is(err, services.ErrLastWay) {
		return h.lastWay(w, r)
	}
	if err != nil {
		return h.lastFactor(w, r, err)
	}
	return h.done(w, r, "The passkey is removed.")
}

// NewCodesPage offers recovery codes to who has set up a passkey and has none.
// They are not made at once, as with an app: the browser comes here by a GET,
// which must not change anything.
func (h *Factors) NewCodesPage(w http.ResponseWriter, r *http.Request) error {
	return h.Views.Render(w, r, http.StatusOK, "factors/new-codes", nil)
}

// NewCodes makes recovery codes and shows them, this once.
func (h *Factors) NewCodes(w http.ResponseWriter, r *http.Request) error {
	u := h.Auth.MustUser(r.Context()).User
	codes, err := h.Factors.NewCodes(r.Context(), u)
	if err != nil {
		return err
	}
	return h.showCodes(w, r, codes)
}

func (h *Factors) showCodes(w http.ResponseWriter, r *http.Request, codes []string) error {
	private(w)
	return h.Views.Render(w, r, http.StatusOK, "factors/codes", struct{ Codes []string }{codes})
}

// ForgetBrowsers ends the trust in all browsers.
func (h *Factors) ForgetBrowsers(w http.ResponseWriter, r *http.Request) error {
	if err := h.Factors.Forget(r.Context(), h.Auth.MustUser(r.Context()).User); err != nil {
		return err
	}
	return h.done(w, r, "All browsers are asked for the second factor again.")
}

// done ends what relied on the factors of before.
func (h *Factors) done(w http.ResponseWriter, r *http.Request, message string) error {
	stays, err := h.endOthers(r.Context(), h.Auth.MustUser(r.Context()).ID)
	if err != nil {
		return err
	}
	return h.after(w, r, stays, message+" Your other sessions have ended.")
}
