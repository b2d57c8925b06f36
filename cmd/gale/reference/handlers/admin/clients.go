package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Clients is where admins say which apps may ask users for access.
type Clients struct{ handlers.Site }

// clientScope is one that an app can have.
type clientScope struct {
	Name, Words string
	Chosen      bool
}

// clientSecret is shown once.
type clientSecret struct {
	Name, ID, Secret string
	Rotated, AtOnce  bool // the old one has ended, too
}

// Show lists the apps.
func (h *Clients) Show(w http.ResponseWriter, r *http.Request) error {
	return h.show(w, r, http.StatusOK, clientSecret{})
}

func (h *Clients) show(w http.ResponseWriter, r *http.Request, status int, made clientSecret) error {
	all, err := h.Apps.Registered(r.Context(), h.Auth.MustUser(r.Context()).User)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store") // a secret may be on it
	return h.Views.Render(w, r, status, "admin/clients", struct {
		Tab     string
		Clients []services.RegisteredApp
		Made    clientSecret
		Issuer  string
	}{"apps", all, made, h.Apps.Issuer})
}

// New shows the form for an app.
func (h *Clients) New(w http.ResponseWriter, r *http.Request) error {
	return h.form(w, r, http.StatusOK, handlers.NewForm("users", "on"), nil)
}

func (h *Clients) form(w http.ResponseWriter, r *http.Request, status int, form *handlers.Form, chosen []string) error {
	return h.Views.Render(w, r, status, "admin/client", struct {
		Tab    string
		Form   *handlers.Form
		Scopes []clientScope
	}{"apps", form, clientScopes(chosen)})
}

func clientScopes(chosen []string) (all []clientScope) {
	for _, s := range services.AppScopes() {
		all = append(all, clientScope{s, handlers.ScopeWord(s), slices.Contains(chosen, s)})
	}
	return all
}

// Create makes an app and shows its secret, this once.
func (h *Clients) Create(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Name      string   `form:"name"`
		Kind      string   `form:"kind" validate:"oneof=server public"`
		Redirects string   `form:"redirects"`
		Scopes    []string `form:"scopes"`
		Users     bool     `form:"users"`
		Refresh   bool     `form:"refresh"`
		Self      bool     `form:"self"`
		Asks      bool     `form:"asks"`
	}](w, r)
	u := h.Auth.MustUser(r.Context()).User
	var (
		c      galeoidc.Client
		secret string
	)
	if err == nil {
		c, secret, err = h.Apps.Register(r.Context(), u, services.AppWish{
			Name: in.Name, Public: in.Kind == "public", Redirects: lines(in.Redirects), Scopes: in.Scopes,
			Users: in.Users, Refresh: in.Refresh, Self: in.Self, Asks: in.Asks,
		})
	}
	if err != nil {
		form := handlers.NewForm("name", in.Name, "kind", in.Kind, "redirects", in.Redirects, "scopes", "")
		tick(form, map[string]bool{"users": in.Users, "refresh": in.Refresh, "self": in.Self, "asks": in.Asks})
		if !form.Refuse(err) {
			return err
		}
		return h.form(w, r, form.Status(w), form, in.Scopes)
	}
	return h.show(w, r, http.StatusCreated, clientSecret{Name: c.Name, ID: c.ID, Secret: secret})
}

// tick has a form show which boxes are ticked.
func tick(form *handlers.Form, boxes map[string]bool) {
	for name, on := range boxes {
		form.Set(name, "")
		if on {
			form.Set(name, "on")
		}
	}
}

// lines are those of a text that are not empty.
func lines(text string) (all []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// Edit shows all that can be changed of an app.
func (h *Clients) Edit(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	app, err := h.Apps.App(ctx, h.Auth.MustUser(ctx).User, r.PathValue("id"))
	if err != nil {
		return err
	}
	form := handlers.NewForm("name", app.Name, "redirects", strings.Join(app.RedirectURIs, "\n"))
	tick(form, map[string]bool{"users": app.Acts(), "refresh": app.Refreshes(), "self": app.Self})
	return h.edit(w, r, http.StatusOK, app, form, app.Scopes)
}

func (h *Clients) edit(w http.ResponseWriter, r *http.Request, status int, app services.RegisteredApp, form *handlers.Form, chosen []string) error {
	return h.Views.Render(w, r, status, "admin/client-edit", struct {
		Tab    string
		App    services.RegisteredApp
		Form   *handlers.Form
		Scopes []clientScope
	}{"apps", app, form, clientScopes(chosen)})
}

// Change gives an app another name, and other addresses, scopes and grant types.
func (h *Clients) Change(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Name      string   `form:"name"`
		Redirects string   `form:"redirects"`
		Scopes    []string `form:"scopes"`
		Users     bool     `form:"users"`
		Refresh   bool     `form:"refresh"`
		Self      bool     `form:"self"`
		Seen      string   `form:"seen"`
	}](w, r)
	ctx := r.Context()
	u, id := h.Auth.MustUser(ctx).User, r.PathValue("id")
	var (
		c      galeoidc.Client
		secret string
	)
	if err == nil {
		c, secret, err = h.Apps.Change(ctx, u, id, services.AppWish{
			Name: in.Name, Redirects: lines(in.Redirects), Scopes: in.Scopes, Users: in.Users, Refresh: in.Refresh, Self: in.Self, Seen: in.Seen,
		})
	}
	if err != nil {
		form := handlers.NewForm("name", in.Name, "redirects", in.Redirects, "scopes", "")
		tick(form, map[string]bool{"users": in.Users, "refresh": in.Refresh, "self": in.Self})
		if errors.Is(err, galeoidc.ErrChanged) {
			form.Problem = "Somebody has changed this app since you opened the page. The list shows what it is now; save again to have it as it is here."
		} else if !form.Refuse(err) {
			return err
		}
		app, err := h.Apps.App(ctx, u, id)
		if err != nil {
			return err
		}
		return h.edit(w, r, form.Status(w), app, form, in.Scopes)
	}
	if secret != "" {
		return h.show(w, r, http.StatusOK, clientSecret{Name: c.Name, ID: c.ID, Secret: secret, Rotated: true, AtOnce: true})
	}
	session.From(ctx).Flash("success", c.Name+" is saved.")
	return h.Redirect(w, r, "clients")
}

// Rotate gives an app a new secret and shows it, this once.
func (h *Clients) Rotate(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		AtOnce bool `form:"at_once"`
	}](w, r)
	if err != nil {
		return err
	}
	c, secret, err := h.Apps.Rotate(r.Context(), h.Auth.MustUser(r.Context()).User, r.PathValue("id"), in.AtOnce)
	if err != nil {
		return err
	}
	return h.show(w, r, http.StatusOK, clientSecret{Name: c.Name, ID: c.ID, Secret: secret, Rotated: true, AtOnce: in.AtOnce})
}

// Disable has nothing of an app work until Enable.
func (h *Clients) Disable(w http.ResponseWriter, r *http.Request) error {
	return h.stop(w, r, h.Apps.Disable, " is disabled, and what it has does not work.")
}

// Enable has it work again.
func (h *Clients) Enable(w http.ResponseWriter, r *http.Request) error {
	return h.stop(w, r, h.Apps.Enable, " works again.")
}

// Delete ends an app and all access that users have given it.
func (h *Clients) Delete(w http.ResponseWriter, r *http.Request) error {
	return h.stop(w, r, h.Apps.Delete, " is deleted, with all access that it had.")
}

func (h *Clients) stop(w http.ResponseWriter, r *http.Request, change func(context.Context, models.User, string) (galeoidc.Client, error), done string) error {
	ctx := r.Context()
	c, err := change(ctx, h.Auth.MustUser(ctx).User, r.PathValue("id"))
	if err != nil {
		return err
	}
	session.From(ctx).Flash("success", c.Name+done)
	return h.Redirect(w, r, "clients")
}
