package handlers

import (
	"net/http"
	"slices"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// keyScope is one permission that a new key can have.
type keyScope struct {
	Name   string
	Chosen bool
}

// offerKeys fills in what the form for a new key lets the user choose from, with
// what was sent last or else the defaults.
func (h *Profile) offerKeys(page *profilePage, user models.User) {
	chosen := services.DefaultKeyScopes()
	for _, s := range page.Scopes {
		chosen = append(chosen, s.Name)
	}
	if page.Scopes != nil {
		chosen = chosen[len(services.DefaultKeyScopes()):]
	}
	page.Scopes = nil
	for _, name := range h.Keys.Scopes(user) {
		page.Scopes = append(page.Scopes, keyScope{name, slices.Contains(chosen, name)})
	}
	page.Lives, page.Now = services.KeyLives(), h.Now()
	if page.Life == "" {
		page.Life = page.Lives[1]
	}
}

// CreateKey makes an API key and shows its secret, this once.
func (h *Profile) CreateKey(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Name   string   `form:"name"`
		Scopes []string `form:"scopes"`
		Life   string   `form:"life"`
	}](w, r)
	user, plain := h.Auth.MustUser(r.Context()).User, ""
	if err == nil {
		plain, err = h.Keys.Create(r.Context(), user, services.KeyWish{Name: in.Name, Scopes: in.Scopes, Life: in.Life})
	}
	if err != nil {
		form := NewForm("name", in.Name, "scopes", "", "life", in.Life)
		if !form.Refuse(err) {
			return err
		}
		page := profilePage{KeyForm: form, Life: in.Life, Scopes: []keyScope{}}
		for _, name := range in.Scopes {
			page.Scopes = append(page.Scopes, keyScope{Name: name})
		}
		return h.show(w, r, http.StatusUnprocessableEntity, page)
	}
	return h.show(w, r, http.StatusCreated, profilePage{NewKey: plain})
}

// RotateKey gives an API key a new secret and shows it, this once.
func (h *Profile) RotateKey(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), r.PathValue("id")
	user := h.Auth.MustUser(ctx).User
	plain, err := h.Keys.Rotate(ctx, user, id)
	if err != nil {
		return err
	}
	h.Watchers.KeyRotated(id)
	return h.show(w, r, http.StatusOK, profilePage{NewKey: plain, Rotated: true})
}

// RevokeKey ends an API key at once.
func (h *Profile) RevokeKey(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	user := h.Auth.MustUser(ctx).User
	if err := h.Keys.Revoke(ctx, user, r.PathValue("id")); err != nil {
		return err
	}
	h.Watchers.KeyRevoked(ctx, user.ID)
	session.From(ctx).Flash("success", "The key is revoked.")
	return h.Redirect(w, r, "profile")
}
