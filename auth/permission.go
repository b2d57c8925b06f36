package auth

import (
	"context"
	"maps"
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

// grants returns what u may do.
func (a *Auth[U]) grants(u U) map[string]bool {
	grants := map[string]bool{}
	for _, role := range a.o.Roles(u) {
		maps.Copy(grants, a.granted[role])
	}
	return grants
}

// Allows reports whether u has the permission, for those who are not making a
// request: the watchers of a topic, a job. It does not ask Options.Active.
func (a *Auth[U]) Allows(u U, permission string) bool { return a.grants(u)[permission] }

// Can reports whether the user of the request has the permission. Nobody has
// one that [Options].Permissions does not list, not even by "*": what is
// misspelt is denied.
func (a *Auth[U]) Can(ctx context.Context, permission string) bool {
	p, ok := a.key.Value(ctx)
	if !ok {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.grants[permission]
}
