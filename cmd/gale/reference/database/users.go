package database

import (
	"context"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

const userColumns = "id, name, email, password_hash, role, disabled, created_at"

// CreateUser implements [services.UserStore].
func (s *Store) CreateUser(ctx context.Context, u models.User) (models.User, error) {
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := next(ctx, tx, "users", 1)
		if err != nil {
			return err
		}
		if n == 1 {
			u.Role = models.Admin
		}
		_, err = tx.Exec(ctx, "INSERT INTO users ("+userColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7)",
			u.ID, u.Name, u.Email, u.PasswordHash, u.Role, u.Disabled, u.CreatedAt)
		return err
	})
	return u, known(err, "users")
}

// User implements [services.UserStore].
func (s *Store) User(ctx context.Context, id string) (models.User, error) {
	u, err := db.Get[models.User](ctx, s.db, "SELECT "+userColumns+" FROM users WHERE id = $1", id)
	return u, known(err, "users")
}

// UserByEmail implements [services.UserStore].
func (s *Store) UserByEmail(ctx context.Context, email string) (models.User, error) {
	u, err := db.Get[models.User](ctx, s.db, "SELECT "+userColumns+" FROM users WHERE email = $1", email)
	return u, known(err, "users")
}

// UpdateUser implements [services.UserStore].
func (s *Store) UpdateUser(ctx context.Context, u models.User) error {
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Adding nothing locks the row: of two admins who demote each other at
		// once, the second sees what the first did.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "UPDATE users SET name = $2, password_hash = $3, role = $4, disabled = $5 WHERE id = $1",
			u.ID, u.Name, u.PasswordHash, u.Role, u.Disabled)
		if err != nil {
			return err
		}
		if n == 0 {
			return services.ErrNotFound
		}
		admins, err := db.Get[int](ctx, tx, "SELECT COUNT(*) FROM users WHERE role = $1 AND NOT disabled", models.Admin)
		if err == nil && admins == 0 {
			return services.ErrLastAdmin
		}
		return err
	})
	return known(err, "users")
}

// Users implements [services.UserStore].
func (s *Store) Users(ctx context.Context, after string, limit int) ([]models.User, error) {
	return db.All[models.User](ctx, s.db, "SELECT "+userColumns+" FROM users WHERE name > $1 ORDER BY name LIMIT $2", after, limit)
}
