package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Profile is the page on which users see who they are to others: their name and
// their keys. Beside it are Security and Account.
type Profile struct {
	Site
	Accounts *services.Accounts
	Keys     *services.Keys
	Now      func() time.Time
}

// Watchers are those who have live connections. What they may see is checked
// again, at once, when something changed.
type Watchers interface {
	KeyRevoked(ctx context.Context, user string)
	// KeyRotated is told of a key with a new secret, which must work at once.
	KeyRotated(id string)
	RoleChanged(ctx context.Context, user string)
	// SessionsEnded is told that sessions of user have ended, AllEnded that all have.
	SessionsEnded(ctx context.Context, user string)
	AllEnded(ctx context.Context, user string)
}

// profilePage is the page's data; the forms are those last sent, or fresh.
type profilePage struct {
	Keys              []models.APIKey
	NewKey            string
	Rotated           bool // NewKey replaces one that works for a day more
	Scopes            []keyScope
	Lives             []string
	Life              string
	Now               time.Time
	Tab               string
	KeyForm, NameForm *Form
}

// Show shows the profile.
func (h *Profile) Show(w http.ResponseWriter, r *http.Request) error {
	return h.show(w, r, http.StatusOK, profilePage{})
}

func (h *Profile) show(w http.ResponseWriter, r *http.Request, status int, page profilePage) error {
	user := h.Auth.MustUser(r.Context())
	var err error
	if page.Keys, err = h.Keys.Store.Keys(r.Context(), user.ID); err != nil {
		return err
	}
	for _, form := range []**Form{&page.KeyForm, &page.NameForm} {
		if *form == nil {
			*form = NewForm("name", "")
		}
	}
	if page.NameForm.Value("name") == "" {
		page.NameForm.values["name"] = user.Name
	}
	h.offerKeys(&page, user.User)
	page.Tab = "profile"
	w.Header().Set("Cache-Control", "no-store") // a new key may be on it
	return h.Views.Render(w, r, status, "profile/profile", page)
}

// Rename changes the user's name.
func (h *Profile) Rename(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Name string `form:"name"`
	}](w, r)
	if err == nil {
		err = h.Accounts.Rename(r.Context(), h.Auth.MustUser(r.Context()).User, in.Name)
	}
	if err != nil {
		form := NewForm("name", in.Name)
		if !form.Refuse(err) {
			return err
		}
		return h.show(w, r, http.StatusUnprocessableEntity, profilePage{NameForm: form})
	}
	session.From(r.Context()).Flash("success", "Others now see you as "+in.Name+".")
	return h.Redirect(w, r, "profile")
}
