package services

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// RoleStore says who has which role. What the roles may do is kept by package
// roles.
type RoleStore interface {
	// Holders returns who has each role.
	Holders(ctx context.Context) (map[models.Role]Holders, error)
	// Held reports whether an account that is not disabled has the role.
	Held(ctx context.Context, role string) (bool, error)
	// Guard returns a context with which a change of roles is undone, with
	// [ErrLastAdmin], when nobody who is not disabled would have [MayAdmin] any
	// more, and with a [HeldError] when accounts have the role that is removed,
	// if one is. Both hold for changes of users at the same time.
	Guard(ctx context.Context, removed string) context.Context
	// RequireFactor says whether a role asks for a second factor, and FactorRoles
	// which do. A role that does not exist is [ErrNoRole]; one that is removed
	// asks for nothing any more.
	RequireFactor(ctx context.Context, role models.Role, must bool) error
	FactorRoles(ctx context.Context) ([]models.Role, error)
}

// Holders are the accounts with a role, disabled ones too.
type Holders struct {
	N       int
	Without int // a second factor
}

// ErrNoRole is a role for a user that does not exist.
var ErrNoRole = errors.New("services: no such role")

// HeldError says that a role cannot be removed: somebody has it.
type HeldError struct{ Users int }

// Error says how many.
func (e *HeldError) Error() string { return fmt.Sprintf("services: %d users have the role", e.Users) }

// Gate returns an error, for the client, unless who asks has the permission; in
// relay it is auth.Auth.Allow. Routes ask too: this is for what another route, or
// a job, may lead to one day. The zero value lets nobody through.
type Gate func(ctx context.Context, permission string) error

func (g Gate) require(ctx context.Context, permission string) error {
	if g == nil {
		return ErrForbidden
	}
	return g(ctx, permission)
}

// Roles lets admins say what each role may do.
type Roles struct {
	Stored *roles.Roles
	Store  RoleStore
	Audit  Recorder
	May    Gate
	// Standing has what an admin allows a role undone where the account of the admin
	// was secured meanwhile.
	Standing Standing
	// Required is who must use a second factor.
	Required Requirement
	// Changed is told when other users than before must.
	Changed func(ctx context.Context)
}

// Role is a role as admins see it.
type Role struct {
	roles.Role
	Holders Holders
	// Factor is whether admins ask for a second factor, FactorConfigured whether
	// the configuration does.
	Factor, FactorConfigured bool
	// Default is what the code says it may do; nil for a role that it does not know.
	Default []string
}

// List returns all roles, by name. The caller must hold [MayAdmin].
func (s *Roles) List(ctx context.Context) ([]Role, error) {
	if err := s.May.require(ctx, MayAdmin); err != nil {
		return nil, err
	}
	held, err := s.Store.Holders(ctx)
	if err != nil {
		return nil, err
	}
	factors, err := s.Store.FactorRoles(ctx)
	if err != nil {
		return nil, err
	}
	var list []Role
	for _, r := range s.Stored.List() {
		name := models.Role(r.Name)
		list = append(list, Role{
			Role: r, Holders: held[name], Default: Permissions()[r.Name],
			Factor: slices.Contains(factors, name), FactorConfigured: s.Required.Configured(name),
		})
	}
	return list, nil
}

// Add makes a role. A name that is in use is a [TakenError]. As by the other
// changes, the caller must hold [MayAdmin].
func (s *Roles) Add(ctx context.Context, by models.User, name string, permissions []string) error {
	if err := s.May.require(ctx, MayAdmin); err != nil {
		return err
	}
	var bad Invalid
	bad.check("name", models.CheckRoleName(name))
	bad.check("permissions", s.checkPermissions(permissions))
	if err := bad.err(); err != nil {
		return err
	}
	err := s.Stored.Add(s.change(ctx, by, "role.added", name, permissions), name, permissions)
	if errors.Is(err, roles.ErrConflict) {
		return &TakenError{"name"}
	}
	return err
}

// Change gives a role other permissions, if it still has those that were seen;
// otherwise it is [roles.ErrConflict].
func (s *Roles) Change(ctx context.Context, by models.User, name string, seen, permissions []string) error {
	if err := s.May.require(ctx, MayAdmin); err != nil {
		return err
	}
	var bad Invalid
	bad.check("permissions", s.checkPermissions(permissions))
	if err := bad.err(); err != nil {
		return err
	}
	if _, ok := s.find(name); !ok {
		return ErrNotFound
	}
	return s.Stored.Replace(s.change(ctx, by, "role.changed", name, permissions), name, seen, permissions)
}

// Reset makes a role of the code what the code says.
func (s *Roles) Reset(ctx context.Context, by models.User, name string) error {
	if err := s.May.require(ctx, MayAdmin); err != nil {
		return err
	}
	if r, ok := s.find(name); !ok || !r.Builtin {
		return ErrNotFound
	}
	return s.Stored.Reset(s.change(ctx, by, "role.reset", name, Permissions()[name]), name)
}

// Remove ends a role that admins have made. While somebody has it, it is a
// [HeldError].
func (s *Roles) Remove(ctx context.Context, by models.User, name string) error {
	if err := s.May.require(ctx, MayAdmin); err != nil {
		return err
	}
	if r, ok := s.find(name); !ok || r.Builtin {
		return ErrNotFound
	}
	return s.Stored.Reset(record(s.Store.Guard(ctx, name), s.Audit, by, "role.removed", name), name)
}

func (s *Roles) find(name string) (roles.Role, bool) {
	all := s.Stored.List()
	i := slices.IndexFunc(all, func(r roles.Role) bool { return r.Name == name })
	if i < 0 {
		return roles.Role{}, false
	}
	return all[i], true
}

// checkPermissions returns what is wrong with a choice, or "".
func (s *Roles) checkPermissions(permissions []string) string {
	known := s.Stored.Permissions()
	if slices.ContainsFunc(permissions, func(p string) bool { return !slices.Contains(known, p) }) {
		return "must be some of " + strings.Join(known, ", ")
	}
	return ""
}

// change has a change of roles undone when it would lock everybody out, and
// written down. The record comes last, as with every change: it takes the lock
// that all wait for.
func (s *Roles) change(ctx context.Context, by models.User, action, role string, permissions []string) context.Context {
	return record(s.Store.Guard(s.Standing.Unchanged(ctx, by), ""), s.Audit, by, action, role, "permissions", strings.Join(permissions, " "))
}

// Recorder has records stored with the next change of the database, or neither;
// *[audit.Log] is one.
type Recorder interface {
	With(ctx context.Context, records ...audit.Record) context.Context
}

// record returns a context for one call that changes something: what by does is
// then in the audit log exactly when it is done. Detail is name and value in
// turn. Without a Recorder, in tests, nothing is written.
func record(ctx context.Context, to Recorder, by models.User, action, target string, detail ...string) context.Context {
	if to == nil {
		return ctx
	}
	r := audit.Record{Actor: audit.Actor{ID: by.ID, Name: by.Name}, Action: action, Target: target, Outcome: audit.OK}
	for i := 0; i+1 < len(detail); i += 2 {
		if r.Detail == nil {
			r.Detail = map[string]string{}
		}
		r.Detail[detail[i]] = detail[i+1]
	}
	return to.With(ctx, r)
}
