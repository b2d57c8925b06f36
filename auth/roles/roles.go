package roles

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galeweb/gale/internal/reload"
	"github.com/galeweb/gale/obs"
)

var (
	// ErrConflict is returned by a [Store] when somebody else has changed a
	// role since the version that was given, by [Roles.Add] and [Roles.Replace]
	// when the role is not as the caller has seen it, and by [Roles.Set] when
	// others change roles on and on.
	ErrConflict = errors.New("roles: changed by somebody else")
	// ErrProtected is in the error of a change that would leave no role with
	// Options.Protected.
	ErrProtected = errors.New("roles: no role would keep the protected permission")
)

// State is what a [Store] holds: the roles that differ from the code.
type State struct {
	// Version grows by one with every change.
	Version int64
	// Roles has the permissions of each role that was changed; "*" stands for
	// all.
	Roles map[string][]string
}

// Store keeps the changed roles. Implementations are safe for concurrent use.
// The suite in galetest/conform checks them.
type Store interface {
	// Version returns the version only: it is asked all the time.
	Version(ctx context.Context) (int64, error)
	// Load returns everything. The roles may be newer than the version, never
	// older.
	Load(ctx context.Context) (State, error)
	// Save stores the permissions of one role if the version is still the one
	// given, and otherwise returns ErrConflict.
	Save(ctx context.Context, version int64, role string, permissions []string) error
	// Delete removes one role likewise.
	Delete(ctx context.Context, version int64, role string) error
}

// Options configure [Open].
type Options struct {
	// Store keeps the changes. Required.
	Store Store
	// Permissions are the catalogue and the defaults: the ones given to
	// auth.Options. "*" stands for every permission that is listed somewhere.
	// Required.
	Permissions map[string][]string
	// Protected is the permission to change roles, which at least one role
	// keeps. Optional, but without it an administrator can lock everybody out.
	Protected string
	// Held reports whether any active user has the role; only such roles count
	// as keepers of Protected. Defaults to all roles counting.
	Held func(ctx context.Context, role string) (bool, error)
	// Interval is how often Run asks the store for its version. Defaults to
	// 10 s.
	Interval time.Duration
	// Changed is called after roles have changed, by this process or as far as
	// it has noticed by another, such as to check live connections again. Calls
	// may overlap. Optional.
	Changed func(ctx context.Context)
}

// Role is a role as administrators see it.
type Role struct {
	Name string
	// Permissions are sorted; "*" stands for all, also those of later releases.
	Permissions []string
	// Changed is true when the permissions are those of the store, and not of
	// the code.
	Changed bool
	// Builtin is true for a role of the code; [Roles.Reset] removes others.
	Builtin bool
}

const (
	all          = "*"
	maxName      = 64
	maxRoles     = 200
	storeTimeout = 5 * time.Second
)

// Roles are the roles of the application. It is safe for concurrent use.
type Roles struct {
	o     Options
	known map[string]bool
	snap  atomic.Pointer[snapshot]
	// mu is held from reading the store until snap is replaced: of two loads
	// the slower must not bring old rights back. No wait for it is longer than
	// storeTimeout.
	mu   sync.Mutex
	loop reload.Loop
}

// snapshot is never changed.
type snapshot struct {
	state State
	lists map[string][]string        // of all roles, as written
	sets  map[string]map[string]bool // of all roles, resolved
}

// Open reads the roles from the store. It panics when an option is missing or
// contradicts another.
func Open(ctx context.Context, o Options) (*Roles, error) {
	switch {
	case o.Store == nil:
		panic("roles: Options.Store is missing; use NewSQLStore")
	case len(o.Permissions) == 0:
		panic("roles: Options.Permissions is missing; pass those of auth.Options")
	case o.Interval < 0:
		panic("roles: Options.Interval is negative; leave it 0 for the default of 10 s")
	}
	o.Interval = cmp.Or(o.Interval, 10*time.Second)
	r := &Roles{o: o, known: map[string]bool{}, loop: reload.Loop{Name: "roles", What: "roles"}}
	for _, perms := range o.Permissions {
		for _, perm := range perms {
			if perm != all {
				r.known[perm] = true
			}
		}
	}
	if o.Protected != "" && !r.known[o.Protected] {
		panic(fmt.Sprintf("roles: Options.Protected %q is listed nowhere in Permissions; correct one of them", o.Protected))
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// PermissionsOf returns what a role may do, for auth.Options; nothing for a role
// that does not exist. The set must not be changed.
func (r *Roles) PermissionsOf(role string) map[string]bool { return r.snap.Load().sets[role] }

// Permissions returns every permission that exists, sorted.
func (r *Roles) Permissions() []string { return slices.Sorted(maps.Keys(r.known)) }

// Names returns the names of all roles, sorted, for auth.Options.
func (r *Roles) Names() []string { return slices.Sorted(maps.Keys(r.snap.Load().lists)) }

// List returns all roles, sorted by name.
func (r *Roles) List() []Role {
	s := r.snap.Load()
	var list []Role
	for _, name := range slices.Sorted(maps.Keys(s.lists)) {
		_, changed := s.state.Roles[name]
		_, builtin := r.o.Permissions[name]
		list = append(list, Role{name, slices.Clone(s.lists[name]), changed, builtin})
	}
	return list
}

// Run looks for changes of other instances until ctx is done, and then returns
// nil. A failure leaves the roles as they are, is logged once, and is tried
// again.
func (r *Roles) Run(ctx context.Context) error { return r.loop.Run(ctx, r.o.Interval, r.Reload) }

// Reload asks the store now whether anything has changed. When it fails the
// roles stay as they are.
func (r *Roles) Reload(ctx context.Context) error {
	changed, err := r.refresh(ctx)
	r.loop.Note(ctx, obs.Logger(ctx), err)
	if changed {
		r.tell(ctx)
	}
	return err
}

// tell must not be called with r.mu held: the function may ask for roles.
func (r *Roles) tell(ctx context.Context) {
	if r.o.Changed != nil {
		r.o.Changed(ctx)
	}
}

func (r *Roles) refresh(ctx context.Context) (changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	version, err := r.o.Store.Version(ctx)
	if err != nil {
		return false, fmt.Errorf("roles: version: %w", err)
	}
	// Not only a newer one: a database that was restored goes back.
	if version == r.snap.Load().state.Version {
		return false, nil
	}
	err = r.load(ctx)
	return err == nil, err
}

// load needs r.mu.
func (r *Roles) load(ctx context.Context) error {
	st, err := r.o.Store.Load(ctx)
	if err != nil {
		return fmt.Errorf("roles: load: %w", err)
	}
	for name, perms := range st.Roles {
		for _, perm := range perms {
			if perm != all && !r.known[perm] {
				obs.Logger(ctx).WarnContext(ctx, "roles: a stored permission does not exist here and is ignored", "role", name, "permission", perm)
			}
		}
	}
	s := r.resolve(st)
	if r.o.Protected != "" && len(r.keepers(s)) == 0 {
		obs.Logger(ctx).WarnContext(ctx, "roles: no role has the permission to change roles", "permission", r.o.Protected)
	}
	r.snap.Store(s)
	return nil
}

// resolve returns what each role may do under st.
func (r *Roles) resolve(st State) *snapshot {
	s := &snapshot{state: st, lists: maps.Clone(r.o.Permissions), sets: map[string]map[string]bool{}}
	maps.Copy(s.lists, st.Roles)
	for name, perms := range s.lists {
		perms = sorted(perms)
		set := map[string]bool{}
		for _, perm := range perms {
			if perm == all {
				maps.Copy(set, r.known)
			} else if r.known[perm] {
				set[perm] = true
			}
		}
		s.lists[name], s.sets[name] = perms, set
	}
	return s
}

// keepers returns the roles with the protected permission.
func (r *Roles) keepers(s *snapshot) (names []string) {
	for name, set := range s.sets {
		if set[r.o.Protected] {
			names = append(names, name)
		}
	}
	return names
}
