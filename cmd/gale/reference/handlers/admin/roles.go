package admin

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Roles is where admins say what each role may do.
type Roles struct {
	handlers.Site
	Service *services.Roles
}

type rolesPage struct {
	Tab         string
	Permissions []services.Permission
	Roles       []roleRow
	Form        *handlers.Form // of a new role
	New         []roleCell
}

// roleRow is a role with its form.
type roleRow struct {
	services.Role
	Cells   []roleCell
	Seen    string // the permissions that the page shows, to notice a change by others
	Problem string
	Now     string // with a problem, what the role may do now, where that is not what was seen
}

// roleCell is whether a role has a permission.
type roleCell struct {
	services.Permission
	Checked bool
	// Departs is "given" or "taken" where it is not as the code says.
	Departs string
}

// everything among the permissions of a role stands for all of them.
const everything = "*"

func has(permissions []string, p string) bool {
	return slices.Contains(permissions, p) || slices.Contains(permissions, everything)
}

// words names permissions as the page does.
func words(permissions []string) string {
	var all []string
	for _, p := range services.AllPermissions() {
		if has(permissions, p.Name) {
			all = append(all, p.Words)
		}
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

func cells(role services.Role, checked []string) (row []roleCell) {
	for _, p := range services.AllPermissions() {
		c := roleCell{Permission: p, Checked: has(checked, p.Name)}
		switch now := has(role.Permissions, p.Name); {
		case !role.Builtin || now == has(role.Default, p.Name):
		case now:
			c.Departs = "given"
		default:
			c.Departs = "taken"
		}
		row = append(row, c)
	}
	return row
}

// Show lists the roles.
func (h *Roles) Show(w http.ResponseWriter, r *http.Request) error {
	return h.show(w, r, http.StatusOK, handlers.NewForm("name", ""), nil, nil)
}

// show shows the page; edit alters the row of the role that was sent, and chosen
// is what was chosen for a new one.
func (h *Roles) show(w http.ResponseWriter, r *http.Request, status int, form *handlers.Form, chosen []string, edit func(*roleRow)) error {
	list, err := h.Service.List(r.Context())
	if err != nil {
		return err
	}
	page := rolesPage{Tab: "roles", Permissions: services.AllPermissions(), Form: form, New: cells(services.Role{}, chosen)}
	for _, role := range list {
		row := roleRow{Role: role, Cells: cells(role, role.Permissions), Seen: strings.Join(role.Permissions, " ")}
		if edit != nil && role.Name == r.PathValue("role") {
			edit(&row)
		}
		page.Roles = append(page.Roles, row)
	}
	return h.Views.Render(w, r, status, "admin/roles", page)
}

// Add makes a role.
func (h *Roles) Add(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Name        string   `form:"name"`
		Permissions []string `form:"permissions"`
	}](w, r)
	ctx := r.Context()
	if err == nil {
		err = h.Service.Add(ctx, h.Auth.MustUser(ctx).User, in.Name, in.Permissions)
	}
	if err != nil {
		form := handlers.NewForm("name", in.Name, "permissions", "")
		if problem := refusedRole(err); problem != "" {
			form.Problem = problem
		} else if !form.Refuse(err) {
			return err
		}
		return h.show(w, r, http.StatusUnprocessableEntity, form, in.Permissions, nil)
	}
	session.From(ctx).Flash("success", "There is a new role, "+in.Name+".")
	return h.Redirect(w, r, "admin.roles")
}

// Change gives a role other permissions.
func (h *Roles) Change(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Seen        string   `form:"seen"`
		Permissions []string `form:"permissions"`
	}](w, r)
	ctx, name := r.Context(), r.PathValue("role")
	if err == nil {
		err = h.Service.Change(ctx, h.Auth.MustUser(ctx).User, name, strings.Fields(in.Seen), in.Permissions)
	}
	return h.changed(w, r, err, "The role "+name+" is changed.", func(row *roleRow) { row.Cells = cells(row.Role, in.Permissions) })
}

// RequireFactor says whether a role must use a second factor.
func (h *Roles) RequireFactor(w http.ResponseWriter, r *http.Request) error {
	in, err := web.Form[struct {
		Must bool `form:"must"`
	}](w, r)
	ctx, name := r.Context(), r.PathValue("role")
	if err != nil {
		return err
	}
	if err := h.Service.RequireFactor(ctx, h.Auth.MustUser(ctx).User, name, in.Must); err != nil {
		return err
	}
	message := "Who has the role " + name + " must use a second factor."
	if !in.Must {
		message = "The role " + name + " does not ask for a second factor."
	}
	session.From(ctx).Flash("success", message)
	return h.Redirect(w, r, "admin.roles")
}

// Reset makes a role what the code says.
func (h *Roles) Reset(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), r.PathValue("role")
	err := h.Service.Reset(ctx, h.Auth.MustUser(ctx).User, name)
	return h.changed(w, r, err, "The role "+name+" is as it was at first.", func(*roleRow) {})
}

// Remove ends a role.
func (h *Roles) Remove(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), r.PathValue("role")
	err := h.Service.Remove(ctx, h.Auth.MustUser(ctx).User, name)
	return h.changed(w, r, err, "The role "+name+" is gone.", func(*roleRow) {})
}

// changed shows what came of a change of one role: where it was refused, beside
// the role's form, with what was sent.
func (h *Roles) changed(w http.ResponseWriter, r *http.Request, err error, message string, keep func(*roleRow)) error {
	if err == nil {
		session.From(r.Context()).Flash("success", message)
		return h.Redirect(w, r, "admin.roles")
	}
	form, status := handlers.NewForm("permissions", ""), http.StatusConflict
	problem := refusedRole(err)
	if problem == "" {
		if !form.Refuse(err) {
			return err
		}
		if problem, status = form.Problem, http.StatusUnprocessableEntity; problem == "" {
			problem = "The permissions " + form.Error("permissions") + "."
		}
	}
	return h.show(w, r, status, handlers.NewForm("name", ""), nil, func(row *roleRow) {
		row.Problem = problem
		if errors.Is(err, roles.ErrConflict) {
			row.Now = words(row.Permissions)
		}
		keep(row)
	})
}

// refusedRole says why a change of roles was refused, or nothing.
func refusedRole(err error) string {
	if held, ok := errors.AsType[*services.HeldError](err); ok {
		if held.Users == 1 {
			return "One user has this role. Give them another first."
		}
		return strconv.Itoa(held.Users) + " users have this role. Give them another first."
	}
	switch {
	case errors.Is(err, roles.ErrProtected), errors.Is(err, services.ErrLastAdmin):
		return "Nobody could manage users and roles any more. First give another role that somebody has this permission."
	case errors.Is(err, roles.ErrConflict):
		return "Somebody else has changed this role meanwhile. Your choice is still here, and not saved; save it again to replace theirs."
	}
	return ""
}
