package admin

import (
	"net/http"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

// whyPage says what a user may do and why.
type whyPage struct {
	Tab         string
	User        models.User
	Keys        []models.APIKey
	Key         string // the id of one, or "" for the user in a browser
	KeyState    string // what keeps it from being used at all, or ""
	NoFactor    bool   // one is required and not there, so that nothing below counts
	Permission  string // the one that is asked about, or ""
	Permissions []services.Permission
	Answers     []whyAnswer
}

// whyAnswer is the answer for one permission.
type whyAnswer struct {
	services.Permission
	auth.Explanation
}

// Why explains what a user, or one of the user's API keys, may do.
func (h *Users) Why(w http.ResponseWriter, r *http.Request) error {
	ctx, query := r.Context(), r.URL.Query()
	user, err := h.Accounts.Store.User(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	page := whyPage{Tab: "users", User: user, NoFactor: h.Factors.Required.Lacks(user, true) != services.Nothing, Key: query.Get("key"), Permission: query.Get("permission"), Permissions: services.AllPermissions()}
	if page.Keys, err = h.Keys.Store.Keys(ctx, user.ID); err != nil {
		return err
	}
	caller := models.Caller{User: user}
	if page.Key != "" {
		found := false
		for _, k := range page.Keys {
			if k.ID == page.Key {
				found = true
				caller.KeyName, caller.Scopes, caller.Limited = k.Name, k.ScopeList(), true
				page.KeyState = keyState(k, h.Keys.Now())
			}
		}
		if !found {
			return services.ErrNotFound
		}
	}
	for _, p := range page.Permissions {
		if page.Permission == "" || page.Permission == p.Name {
			page.Answers = append(page.Answers, whyAnswer{p, h.Auth.ExplainUser(caller, p.Name)})
		}
	}
	if len(page.Answers) == 0 {
		return services.ErrNotFound
	}
	return h.Views.Render(w, r, http.StatusOK, "admin/why", page)
}

// keyState says what keeps a key from being used, or "".
func keyState(k models.APIKey, now time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked"
	case k.Expired(now):
		return "expired"
	}
	return ""
}
