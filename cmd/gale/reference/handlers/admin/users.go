package admin

import (
	"errors"
	"net/http"
	"slices"

	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Users is where admins manage users, and invite others.
type Users struct {
	handlers.Site
	Accounts *services.Accounts
	Factors  *services.Factors
	Roles    *services.Roles
	Keys     *services.Keys
}

const usersPerPage = 50

// usersPage is a part of the list of users.
type usersPage struct {
	Tab         string
	Users       []models.User
	Roles       []models.Role
	After, Next string
	Refused     string // the user whose change was refused, and why
	Problem     string
}

// Show lists users by name.
func (h *Users) Show(w http.ResponseWriter, r *http.Request) error {
	return h.show(w, r, http.StatusOK, usersPage{After: r.URL.Query().Get("after")})
}

func (h *Users) show(w http.ResponseWriter, r *http.Request, status int, page usersPage) error {
	users, err := h.Accounts.Store.Users(r.Context(), page.After, usersPerPage+1)
	if err != nil {
		return err
	}
	page.Tab, page.Users = "users", users
	if len(users) > usersPerPage {
		page.Users = users[:usersPerPage]
		page.Next = page.Users[usersPerPage-1].Name
	}
	if id := page.Refused; id != "" && !slices.ContainsFunc(page.Users, func(u models.User) bool { return u.ID == id }) {
		u, err := h.Accounts.Store.User(r.Context(), id)
		if err != nil {
			return err
		}
		page.Users = slices.Insert(page.Users, 0, u)
	}
	for _, name := range h.Roles.Stored.Names() {
		page.Roles = append(page.Roles, models.Role(name))
	}
	for _, u := range page.Users { // a role that another release had must not look like the first of the list
		if !slices.Contains(page.Roles, u.Role) {
			page.Roles = append(page.Roles, u.Role)
		}
	}
	return h.Views.Render(w, r, status, "admin/users", page)
}

// Change sets the role of a user and whether the account is disabled, if that is
// as the page showed it; one that is disabled loses its sessions.
func (h *Users) Change(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Seen     string `form:"seen"` // what the page showed
		Role     string `form:"role"`
		Disabled bool   `form:"disabled"`
		After    string `form:"after"` // the part of the list that is shown
	}](w, r)
	if err != nil {
		return err
	}
	ctx, id := r.Context(), r.PathValue("id")
	user, err := h.Accounts.Change(ctx, h.Auth.MustUser(ctx).User, id, in.Seen, models.Role(in.Role), in.Disabled)
	if _, invalid := errors.AsType[services.Invalid](err); invalid {
		return h.show(w, r, http.StatusUnprocessableEntity, usersPage{After: in.After, Refused: id, Problem: "That role does not exist, or not any more."})
	}
	if errors.Is(err, services.ErrChanged) {
		return h.show(w, r, http.StatusConflict, usersPage{After: in.After, Refused: id, Problem: "Somebody else has changed this account meanwhile. Here it is as it is now, and nothing was saved."})
	}
	if errors.Is(err, services.ErrLastAdmin) {
		return h.show(w, r, http.StatusConflict, usersPage{After: in.After, Refused: id, Problem: "The last admin must stay one."})
	}
	if err != nil {
		return err
	}
	if user.Disabled {
		if err := errors.Join(h.Sessions.RevokeAll(ctx, user.ID, ""), h.Apps.End(ctx, user.ID)); err != nil {
			return err
		}
		h.Watchers.AllEnded(ctx, user.ID)
	}
	h.Watchers.RoleChanged(ctx, user.ID)
	session.From(ctx).Flash("success", "Saved "+user.Name+".")
	return h.Redirect(w, r, "admin.users")
}

// ResetFactors takes the second factors of a user away who has lost them, and
// ends the user's sessions.
func (h *Users) ResetFactors(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	user, err := h.Factors.Reset(ctx, h.Auth.MustUser(ctx).User, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := errors.Join(h.Sessions.RevokeAll(ctx, user.ID, ""), h.Apps.End(ctx, user.ID)); err != nil {
		return err
	}
	h.Watchers.RoleChanged(ctx, user.ID) // keys too may have to wait for another factor
	session.From(ctx).Flash("success", user.Name+" has no second factor any more, and can set up another.")
	return h.Redirect(w, r, "admin.users")
}
