package database

import (
	"context"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

const userColumns = "id, name, email, password_hash, role, disabled, created_at, password_changed_at, epoch"

// CreateUser implements [services.SignUpStore].
func (s *Store) CreateUser(ctx context.Context, u models.User, link []byte) (models.User, error) {
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := next(ctx, tx, "users", 1)
		switch {
		case err != nil:
			return err
		case link != nil:
			l, err := spend(ctx, tx, models.SignUpLink, link, u.CreatedAt)
			if err != nil {
				return err
			}
			u.Email = l.Email
		case n > 1:
			return services.ErrNotFirst
		}
		if n == 1 {
			u.Role = models.Admin
		}
		if _, err := tx.Exec(ctx, "INSERT INTO users ("+userColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
			u.ID, u.Name, u.Email, u.PasswordHash, u.Role, u.Disabled, u.CreatedAt, u.PasswordChangedAt, u.Epoch); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM mail_links WHERE purpose = $1 AND email = $2", models.SignUpLink, u.Email); err != nil {
			return err
		}
		return claim(ctx, tx, u)
	})
	return u, known(err, "users")
}

// NameTaken implements [services.SignUpStore].
func (s *Store) NameTaken(ctx context.Context, name string) (bool, error) {
	return db.Get[bool](ctx, s.db, "SELECT EXISTS (SELECT 1 FROM user_names WHERE name = $1)", name)
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
	u, err := db.Get[models.User](ctx, q, "SELECT "+userColumns+" FROM users WHERE "+column+" = $1 AND deleted_at IS NULL", value)
	return u, known(err, "users")
}

// UpdateUser implements [services.UserStore].
func (s *Store) UpdateUser(ctx context.Context, id string, change func(*models.User) error) (models.User, error) {
	var u models.User
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		var err error
		u, err = update(ctx, tx, id, change)
		return err
	})
	return u, known(err, "users")
}

func update(ctx context.Context, tx *db.Tx, id string, change func(*models.User) error) (models.User, error) {
	// Adding nothing locks the row: of two admins who demote each other at
	// once, the second sees what the first did.
	if _, err := next(ctx, tx, "users", 0); err != nil {
		return models.User{}, err
	}
	u, err := user(ctx, tx, "id", id)
	if err != nil {
		return u, err
	}
	was := u
	if err := change(&u); err != nil {
		return u, err
	}
	if u.Role != was.Role {
		if err := roleExists(ctx, tx, u.Role); err != nil {
			return u, err
		}
	}
	if u.Name != was.Name {
		if err := claim(ctx, tx, u); err != nil {
			return u, err
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE users SET name = $2, email = $3, password_hash = $4, role = $5, disabled = $6, password_changed_at = $7,
		epoch = $8 WHERE id = $1`, u.ID, u.Name, u.Email, u.PasswordHash, u.Role, u.Disabled, u.PasswordChangedAt, u.Epoch); err != nil {
		return u, err
	}
	if u.Email != was.Email || u.PasswordChangedAt != was.PasswordChangedAt || u.Disabled {
		// They were mailed to open the account as it was then.
		if _, err := tx.Exec(ctx, "DELETE FROM mail_links WHERE user_id = $1", u.ID); err != nil {
			return u, err
		}
	}
	return u, adminLeft(ctx, tx)
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
	return db.All[models.User](ctx, s.db, "SELECT "+userColumns+" FROM users WHERE name > $1 AND deleted_at IS NULL ORDER BY name LIMIT $2", after, limit)
}
