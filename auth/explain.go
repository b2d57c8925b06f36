package auth

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Explanation says why a user may do something or may not, for pages of
// administrators, logs and tests. It is not for the user: it names roles.
type Explanation struct {
	// User is the id, "" when nobody is signed in.
	User string `json:"user"`
	// Permission is the one that was asked about.
	Permission string `json:"permission"`
	// Allowed is the answer, that of a guard.
	Allowed bool `json:"allowed"`
	// Active is Options.Active of the user.
	Active bool `json:"active"`
	// Listed is false for a permission that Options.Permissions lists nowhere,
	// mostly a misspelt one; nobody has it.
	Listed bool `json:"listed"`
	// Roles are the user's, GrantedBy those of them that grant the permission,
	// and Grantors all roles that do.
	Roles     []string `json:"roles"`
	GrantedBy []string `json:"granted_by"`
	Grantors  []string `json:"grantors"`
	// Limited is true for a credential that has only Scopes.
	Limited bool     `json:"limited"`
	Scopes  []string `json:"scopes"`
}

// Explain says why who makes the request has the permission or not.
func (a *Auth[U]) Explain(ctx context.Context, permission string) Explanation {
	u, ok := a.User(ctx)
	if !ok {
		return Explanation{Permission: permission, Listed: a.known[permission], Grantors: a.grantors(permission)}
	}
	return a.ExplainUser(u, permission)
}

// ExplainUser says why u has the permission or not, as if u made a request.
func (a *Auth[U]) ExplainUser(u U, permission string) Explanation {
	r := a.rights(u)
	e := Explanation{
		User: a.o.ID(u), Permission: permission, Active: a.o.Active(u), Listed: a.known[permission],
		Roles: a.o.Roles(u), Grantors: a.grantors(permission), Limited: r.limited, Scopes: r.scopes,
	}
	e.Allowed = e.Active && r.allow(permission)
	for _, role := range e.Roles {
		if e.Listed && a.permissionsOf(role)[permission] {
			e.GrantedBy = append(e.GrantedBy, role)
		}
	}
	return e
}

func (a *Auth[U]) grantors(permission string) (roles []string) {
	if !a.known[permission] {
		return nil
	}
	names := slices.Sorted(maps.Keys(a.granted))
	if a.o.RoleNames != nil {
		names = a.o.RoleNames()
	}
	for _, role := range names {
		if a.permissionsOf(role)[permission] {
			roles = append(roles, role)
		}
	}
	return roles
}

// String returns one line, in which no name can forge another.
func (e Explanation) String() string {
	may := "may"
	if !e.Allowed {
		may = "may not"
	}
	return fmt.Sprintf("user %q %s %q: %s", e.User, may, e.Permission, e.Why())
}

// Why returns the part of String after the colon: the reason.
func (e Explanation) Why() string {
	if e.Allowed {
		s := "granted by " + quoted(e.GrantedBy)
		if e.Limited {
			s += ", within the scopes " + quoted(e.Scopes)
		}
		return s
	}
	var why []string
	if !e.Listed {
		why = append(why, "no role lists this permission; is it misspelt?")
	}
	switch {
	case e.User == "":
		why = append(why, "nobody is signed in")
	case !e.Active:
		why = append(why, "the user is not active")
	}
	if e.User != "" && e.Listed && len(e.GrantedBy) == 0 {
		why = append(why, fmt.Sprintf("none of the roles %s grants it; those that do: %s", quoted(e.Roles), quoted(e.Grantors)))
	}
	if e.Limited && !slices.Contains(e.Scopes, e.Permission) && !slices.Contains(e.Scopes, all) {
		why = append(why, "it is not among the scopes "+quoted(e.Scopes)+" of the credential")
	}
	return strings.Join(why, "; ")
}

func quoted(names []string) string { return fmt.Sprintf("%q", names) }
