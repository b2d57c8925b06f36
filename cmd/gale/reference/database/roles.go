package database

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

// Holders implements [services.RoleStore].
func (s *Store) Holders(ctx context.Context) (map[models.Role]services.Holders, error) {
	rows, err := db.All[struct {
		Role models.Role
		services.Holders
	}](ctx, s.db, `SELECT role, COUNT(*) AS n, SUM(CASE WHEN has_factor THEN 0 ELSE 1 END) AS without
		FROM (SELECT u.role, `+factorColumns+` FROM users u WHERE deleted_at IS NULL) AS held GROUP BY role`)
	if err != nil {
		return nil, err
	}
	held := map[models.Role]services.Holders{}
	for _, r := range rows {
		held[r.Role] = r.Holders
	}
	return held, nil
}

// Held implements [services.RoleStore].
func (s *Store) Held(ctx context.Context, role string) (bool, error) {
	return db.Get[bool](ctx, s.db, "SELECT EXISTS (SELECT 1 FROM users WHERE role = $1 AND NOT disabled)", role)
}

// Guard implements [services.RoleStore].
func (s *Store) Guard(ctx context.Context, removed string) context.Context {
	return db.Also(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in update: nobody gets or loses a role meanwhile.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		if removed != "" {
			n, err := db.Get[int](ctx, tx, "SELECT COUNT(*) FROM users WHERE role = $1 AND deleted_at IS NULL", removed)
			if err == nil && n > 0 {
				err = &services.HeldError{Users: n}
			}
			if err != nil {
				return err
			}
			// Lest a role that is made later under the name asks for what nobody said.
			if _, err := tx.Exec(ctx, "DELETE FROM role_factors WHERE role = $1", removed); err != nil {
				return err
			}
		}
		return adminLeft(ctx, tx)
	}, nil)
}

// storedRoles returns the permissions of all roles: those of the code, and what
// was made of them. It is read in the transaction that relies on it, since what a
// process remembers may be some seconds old.
func storedRoles(ctx context.Context, tx *db.Tx) (map[string][]string, error) {
	rows, err := db.All[struct{ Role, Permissions string }](ctx, tx, "SELECT role, permissions FROM role_permissions")
	if err != nil {
		return nil, err
	}
	all := services.Permissions()
	for _, row := range rows {
		var permissions []string
		if err := json.Unmarshal([]byte(row.Permissions), &permissions); err != nil {
			return nil, fmt.Errorf("permissions of role %q: %w", row.Role, err)
		}
		all[row.Role] = permissions
	}
	return all, nil
}

// roleExists makes sure that nobody gets a role that is not there, or not any more.
func roleExists(ctx context.Context, tx *db.Tx, role models.Role) error {
	all, err := storedRoles(ctx, tx)
	if err != nil {
		return err
	}
	if _, ok := all[string(role)]; !ok {
		return services.ErrNoRole
	}
	return nil
}

// adminLeft makes sure that somebody can undo what was done.
func adminLeft(ctx context.Context, tx *db.Tx) error {
	all, err := storedRoles(ctx, tx)
	if err != nil {
		return err
	}
	held, err := db.All[string](ctx, tx, "SELECT DISTINCT role FROM users WHERE NOT disabled")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(held, func(role string) bool { return mayAdmin(all[role]) }) {
		return services.ErrLastAdmin
	}
	return nil
}

func mayAdmin(permissions []string) bool {
	return slices.Contains(permissions, services.MayAdmin) || slices.Contains(permissions, "*")
}

// stillInvited makes sure that an invitation is used with the rights that its
// sender has now: a role can lose them, or go, while the mail lies in a mailbox. The
// caller holds the lock of update.
func stillInvited(ctx context.Context, tx *db.Tx, l models.Link) error {
	all, err := storedRoles(ctx, tx)
	if err != nil {
		return err
	}
	if _, ok := all[string(l.Role)]; !ok {
		return services.ErrNoRole
	}
	role, err := db.Get[string](ctx, tx, "SELECT role FROM users WHERE id = $1 AND NOT disabled AND deleted_at IS NULL", l.InvitedBy)
	if err == nil && !mayAdmin(all[role]) {
		err = services.ErrNotFound
	}
	return err
}
