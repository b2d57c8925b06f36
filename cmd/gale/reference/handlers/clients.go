package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Clients is where admins say which apps may ask users for access.
type Clients struct{ Site }

// clientScope is one that a new app can have.
type clientScope struct {
	Name, Words string
	Chosen      bool
}

// clientSecret is shown once.
type clientSecret struct {
	Name, ID, Secret string
	Rotated          bool
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
	return h.form(w, r, http.StatusOK, newForm("users", "on"), nil)
}

func (h *Clients) form(w http.ResponseWriter, r *http.Request, status int, form *Form, chosen []string) error {
	page := struct {
		Tab    string
		Form   *Form
		Scopes []clientScope
	}{Tab: "apps", Form: form}
	for _, s := range services.AppScopes() {
		page.Scopes = append(page.Scopes, clientScope{s, scopeWord(s), slices.Contains(chosen, s)})
	}
	return h.Views.Render(w, r, status, "admin/client", page)
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
		form := newForm("name", in.Name, "kind", in.Kind, "redirects", in.Redirects, "scopes", "")
		for name, on := range map[string]bool{"users": in.Users, "refresh": in.Refresh, "self": in.Self, "asks": in.Asks} {
			form.values[name] = ""
			if on {
				form.values[name] = "on"
			}
		}
		if !form.refuse(err) {
			return err
		}
		return h.form(w, r, form.status(w), form, in.Scopes)
	}
	if err := h.note(r, u, "client.created", audit.OK, c.ID+" "+c.Name); err != nil {
		return err
	}
	return h.show(w, r, http.StatusCreated, clientSecret{Name: c.Name, ID: c.ID, Secret: secret})
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

// Rotate gives an app a new secret and shows it, this once.
func (h *Clients) Rotate(w http.ResponseWriter, r *http.Request) error {
	u := h.Auth.MustUser(r.Context()).User
	c, secret, err := h.Apps.Rotate(r.Context(), u, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := h.note(r, u, "client.rotated", audit.OK, c.ID+" "+c.Name); err != nil {
		return err
	}
	return h.show(w, r, http.StatusOK, clientSecret{Name: c.Name, ID: c.ID, Secret: secret, Rotated: true})
}

// Delete ends an app and all access that users have given it.
func (h *Clients) Delete(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	c, err := h.Apps.Delete(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := h.note(r, h.Auth.MustUser(ctx).User, "client.deleted", audit.OK, c.ID+" "+c.Name); err != nil {
		return err
	}
	session.From(ctx).Flash("success", c.Name+" is deleted, with all access that it had.")
	return h.to(w, r, "clients")
}
