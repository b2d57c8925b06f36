package database

import (
	"context"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

// factorColumns are what decides whether a user u lacks a second factor. They are
// read with the user, so that what has changed counts at once in every process.
const factorColumns = `EXISTS (SELECT 1 FROM role_factors f WHERE f.role = u.role) AS role_factor,
	(EXISTS (SELECT 1 FROM totp_authenticators t WHERE t.user_id = u.id AND t.confirmed)
		OR EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id)) AS has_factor`

// RequireFactor implements [services.RoleStore].
func (s *Store) RequireFactor(ctx context.Context, role models.Role, must bool) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := next(ctx, tx, "users", 0); err != nil { // locks, as in update
			return err
		}
		if err := roleExists(ctx, tx, role); err != nil {
			return err
		}
		statement := "DELETE FROM role_factors WHERE role = $1"
		if must {
			statement = "INSERT INTO role_factors (role) VALUES ($1) ON CONFLICT (role) DO NOTHING"
		}
		_, err := tx.Exec(ctx, statement, role)
		return err
	})
}

// FactorRoles implements [services.RoleStore].
func (s *Store) FactorRoles(ctx context.Context) ([]models.Role, error) {
	return db.All[models.Role](ctx, s.db, "SELECT role FROM role_factors")
}

// KeepFactor implements [services.FactorStore].
func (s *Store) KeepFactor(ctx context.Context, userID string, must func(models.User) bool) context.Context {
	return db.Also(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in update: of two factors that are removed at once the second
		// sees that the first has gone, and no role begins to ask for one meanwhile.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		u, err := s.user(ctx, tx, userID)
		if err == nil && !u.HasFactor && must(u) {
			err = services.ErrLastFactor
		}
		return err
	}, nil)
}
