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
		if _, err := tx.Exec(ctx, "INSERT INTO users ("+userColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7)",
			u.ID, u.Name, u.Email, u.PasswordHash, u.Role, u.Disabled, u.CreatedAt); err != nil {
			return err
		}
		return claim(ctx, tx, u)
	})
	return u, known(err, "users")
}

// User implements [services.UserStore].
func (s *Store) User(ctx context.Context, id string) (models.User, error) {
	return user(ctx, s.db, "id", id)
}

// UserByEmail implements [services.UserStore].
func (s *Store) UserByEmail(ctx context.Context, email string) (models.User, error) {
	return user(ctx, s.db, "email", email)
}

func user(ctx context.Context, q db.Querier, column, value string) (models.User, error) {
	if !storable(value) {
		return models.User{}, services.ErrNotFound
	}
	u, err := db.Get[models.User](ctx, q, "SELECT "+userColumns+" FROM users WHERE "+column+" = $1", value)
	return u, known(err, "users")
}

// UpdateUser implements [services.UserStore].
func (s *Store) UpdateUser(ctx context.Context, id string, change func(*models.User) error) (models.User, error) {
	var u models.User
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Adding nothing locks the row: of two admins who demote each other at
		// once, the second sees what the first did.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		var err error
		if u, err = user(ctx, tx, "id", id); err != nil {
			return err
		}
		was := u.Name
		if err := change(&u); err != nil {
			return err
		}
		if u.Name != was {
			if err := claim(ctx, tx, u); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE users SET name = $2, password_hash = $3, role = $4, disabled = $5 WHERE id = $1",
			u.ID, u.Name, u.PasswordHash, u.Role, u.Disabled); err != nil {
			return err
		}
		admins, err := db.Get[int](ctx, tx, "SELECT COUNT(*) FROM users WHERE role = $1 AND NOT disabled", models.Admin)
		if err == nil && admins == 0 {
			return services.ErrLastAdmin
		}
		return err
	})
	return u, known(err, "users")
}

// claim gives u its name for ever. Packets are kept under the name of their
// sender: were it given to another once its owner has renamed, the newcomer's
// packets would pass as the owner's, and count as repetitions of them.
func claim(ctx context.Context, tx *db.Tx, u models.User) error {
	n, err := tx.Exec(ctx, "INSERT INTO user_names (name, user_id) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", u.Name, u.ID)
	if err != nil || n == 1 {
		return err
	}
	owner, err := db.Get[string](ctx, tx, "SELECT user_id FROM user_names WHERE name = $1", u.Name)
	if err == nil && owner != u.ID {
		return &services.TakenError{Field: "name"}
	}
	return err
}

// Users implements [services.UserStore].
func (s *Store) Users(ctx context.Context, after string, limit int) ([]models.User, error) {
	if !storable(after) {
		return nil, nil // no name comes after it
	}
	return db.All[models.User](ctx, s.db, "SELECT "+userColumns+" FROM users WHERE name > $1 ORDER BY name LIMIT $2", after, limit)
}
