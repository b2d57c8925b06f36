package roles

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/galeweb/gale/web"
)

// maxTries bounds how often a change is made again after somebody else's.
const maxTries = 10

// Set replaces the permissions of a role, or makes a new one. It returns a
// [*web.Error]: 422 for a permission that does not exist or a name that will
// not do, 409 with [ErrProtected] or [ErrConflict].
func (r *Roles) Set(ctx context.Context, role string, permissions []string) error {
	return r.set(ctx, role, permissions, func([]string, bool) (bool, error) { return true, nil })
}

// Add makes a new role. The errors are those of [Roles.Set]; a role that exists
// is 409 with [ErrConflict].
func (r *Roles) Add(ctx context.Context, role string, permissions []string) error {
	return r.set(ctx, role, permissions, func(_ []string, exists bool) (bool, error) {
		if exists {
			return false, conflict("There is such a role already.")
		}
		return true, nil
	})
}

// Replace gives a role other permissions, if those that it has are still seen,
// as [Role] had them: of two administrators who look at one page and change the
// same role, the second is told. With the same permissions nothing is changed,
// and a role of the code goes on to follow the code. The errors are those of [Roles.Set]; a role
// that has changed or gone meanwhile is 409 with [ErrConflict].
func (r *Roles) Replace(ctx context.Context, role string, seen, permissions []string) error {
	seen = sorted(seen)
	return r.set(ctx, role, permissions, func(now []string, exists bool) (bool, error) {
		if !exists || !slices.Equal(now, seen) {
			return false, conflict("Somebody else has changed this role. Look at it again.")
		}
		return !slices.Equal(now, sorted(permissions)), nil
	})
}

func (r *Roles) set(ctx context.Context, role string, permissions []string, from func(now []string, exists bool) (change bool, err error)) error {
	permissions = sorted(permissions)
	for _, perm := range permissions {
		if perm != all && !r.known[perm] {
			return web.Invalid("permissions", fmt.Sprintf("has %q, which does not exist", perm))
		}
	}
	if _, builtin := r.o.Permissions[role]; !builtin && !validName(role) {
		return web.Invalid("role", fmt.Sprintf("must be 1 to %d letters, digits, and any of .-_", maxName))
	}
	return r.change(ctx, func(roles map[string][]string) (bool, error) {
		now, exists := roles[role]
		if !exists {
			now, exists = r.o.Permissions[role]
		}
		if change, err := from(sorted(now), exists); err != nil || !change {
			return false, err
		}
		roles[role] = permissions
		if len(roles) > maxRoles {
			return false, web.Invalid("role", fmt.Sprintf("is one too many; there can be %d", maxRoles))
		}
		return true, nil
	}, func(ctx context.Context, version int64) error {
		return r.o.Store.Save(ctx, version, role, permissions)
	})
}

// Reset makes a role what the code says; one that the code does not know is
// removed. The errors are those of [Roles.Set].
func (r *Roles) Reset(ctx context.Context, role string) error {
	return r.change(ctx, func(roles map[string][]string) (bool, error) {
		_, stored := roles[role]
		delete(roles, role)
		return stored, nil
	}, func(ctx context.Context, version int64) error {
		return r.o.Store.Delete(ctx, version, role)
	})
}

// change makes one change to what is stored now, whatever this process knows,
// and tries again when somebody else was first: what must hold is checked
// against the very version that is replaced.
func (r *Roles) change(ctx context.Context, edit func(map[string][]string) (bool, error), save func(context.Context, int64) error) error {
	changed, err := r.try(ctx, edit, save)
	if changed {
		r.tell(ctx)
	}
	return err
}

func (r *Roles) try(ctx context.Context, edit func(map[string][]string) (bool, error), save func(context.Context, int64) error) (changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for range maxTries {
		st, err := r.o.Store.Load(ctx)
		if err != nil {
			return false, fmt.Errorf("roles: load: %w", err)
		}
		if st.Roles == nil {
			st.Roles = map[string][]string{}
		}
		before := r.resolve(st)
		if changed, err := edit(st.Roles); err != nil || !changed {
			return false, err
		}
		after := r.resolve(st)
		if err := r.protect(ctx, before, after); err != nil {
			return false, err
		}
		err = save(ctx, st.Version)
		if err == nil {
			after.state.Version++
			r.snap.Store(after)
			return true, nil
		}
		if !errors.Is(err, ErrConflict) {
			return false, fmt.Errorf("roles: save: %w", err)
		}
	}
	return false, conflict("Somebody else is changing roles. Try again.")
}

func conflict(message string) error {
	return &web.Error{Status: http.StatusConflict, Code: "roles_changed", Message: message, Err: ErrConflict}
}

// protect refuses a change after which nobody could make another.
func (r *Roles) protect(ctx context.Context, before, after *snapshot) error {
	if r.o.Protected == "" || len(r.keepers(after)) >= len(r.keepers(before)) {
		return nil // one change takes the permission from one role at most
	}
	for _, role := range r.keepers(after) {
		if r.o.Held == nil {
			return nil
		}
		held, err := r.o.Held(ctx, role)
		if err != nil {
			return fmt.Errorf("roles: who has role %q: %w", role, err)
		}
		if held {
			return nil
		}
	}
	return &web.Error{
		Status: http.StatusConflict, Code: "last_keeper",
		Message: fmt.Sprintf("Somebody must keep the permission %s.", r.o.Protected), Err: ErrProtected,
	}
}

func validName(role string) bool {
	return role != "" && len(role) <= maxName && !strings.ContainsFunc(role, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(".-_", c)
	})
}

func sorted(permissions []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(permissions)))
}
