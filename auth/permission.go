package auth

import (
	"context"
	"maps"
	"slices"
)

// all in a list of permissions stands for every one that is listed anywhere.
const all = "*"

// resolve returns the permissions that exist, and those of each role.
func resolve(permissions map[string][]string) (known map[string]bool, granted map[string]map[string]bool) {
	known, granted = map[string]bool{}, map[string]map[string]bool{}
	for role, perms := range permissions {
		granted[role] = map[string]bool{}
		for _, perm := range perms {
			if perm == "" {
				panic("auth: role " + role + " has an empty permission; remove it")
			}
			if perm != all {
				known[perm], granted[role][perm] = true, true
			}
		}
	}
	for role, perms := range permissions {
		for _, perm := range perms {
			if perm == all {
				maps.Copy(granted[role], known)
			}
		}
	}
	return known, granted
}

// rights are what a user may do.
type rights struct {
	known   map[string]bool
	role    map[string]bool   // what the first role grants; shared, so only read
	more    []map[string]bool // and the others: most users have one
	scopes  []string
	limited bool // to scopes
}

func (a *Auth[U]) rights(u U) rights {
	r := rights{known: a.known}
	for i, role := range a.o.Roles(u) {
		if i == 0 {
			r.role = a.permissionsOf(role)
		} else {
			r.more = append(r.more, a.permissionsOf(role))
		}
	}
	if a.o.Scopes != nil {
		r.scopes, r.limited = a.o.Scopes(u)
	}
	return r
}

func (a *Auth[U]) permissionsOf(role string) map[string]bool {
	if a.o.PermissionsOf != nil {
		return a.o.PermissionsOf(role)
	}
	return a.granted[role]
}

func (r rights) allow(permission string) bool {
	return r.within(permission) && (r.role[permission] ||
		slices.ContainsFunc(r.more, func(role map[string]bool) bool { return role[permission] }))
}

// within reports whether neither a spelling nor a scope forbids permission.
func (r rights) within(permission string) bool {
	return r.known[permission] && (!r.limited || slices.Contains(r.scopes, permission) || slices.Contains(r.scopes, all))
}

// Allows reports whether u has the permission, for those who are not making a
// request: the watchers of a topic, a job. It does not ask Options.Active.
func (a *Auth[U]) Allows(u U, permission string) bool { return a.rights(u).allow(permission) }

// Can reports whether the user of the request has the permission, by a role
// and within the scopes of the credential. Nobody has one that
// [Options].Permissions does not list, not even by "*": what is misspelt is
// denied.
func (a *Auth[U]) Can(ctx context.Context, permission string) bool {
	return a.identity(ctx).rights.allow(permission)
}
