package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/keyring"
)

const userColumns = "id, name, '' AS email, email AS sealed, password_hash, role, disabled, created_at, password_changed_at, epoch, unproved, " + factorColumns

// userRow is a user as stored.
type userRow struct {
	models.User
	Sealed keyring.Encrypted[string] // the address
}

func (s *Store) opened(ctx context.Context, r userRow) models.User {
	r.Email, _ = s.users.open(ctx, r.Sealed, r.ID)
	return r.User
}

// CreateUser implements [services.SignUpStore].
func (s *Store) CreateUser(ctx context.Context, u models.User, link []byte) (models.User, error) {
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := next(ctx, tx, "users", 1)
		switch {
		case err != nil:
			return err
		case link != nil:
			l, err := s.spend(ctx, tx, models.SignUpLink, link, u.CreatedAt)
			u.Email = l.Email
			if errors.Is(err, db.ErrNotFound) {
				u, err = s.invited(ctx, tx, u, link)
			}
			if err != nil {
				return err
			}
		case n > 1:
			return services.ErrNotFirst
		}
		u, err = s.join(ctx, tx, u, n)
		return err
	})
	return u, known(err, "users")
}

// join stores a new user, the nth of all, under a name for ever; the very first is
// an admin. Mailed links to sign up with the address end, and invitations. The caller holds the
// lock of update.
func (s *Store) join(ctx context.Context, tx *db.Tx, u models.User, n int64) (models.User, error) {
	if n == 1 {
		u.Role = models.Admin
	}
	if err := s.insert(ctx, tx, u); err != nil {
		return u, err
	}
	has, args, err := s.links.is(u.Email, models.SignUpLink, models.InviteLink)
	if err != nil {
		return u, err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM mail_links WHERE purpose IN ($1, $2) AND "+has, args...); err != nil {
		return u, err
	}
	_, err = claim(ctx, tx, u)
	return u, err
}

// insert stores a new user; the caller holds the lock of update.
func (s *Store) insert(ctx context.Context, tx *db.Tx, u models.User) error {
	if err := s.emailFree(ctx, tx, u); err != nil {
		return err
	}
	sealed, index, err := s.users.seal(u.Email, u.ID)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO users (id, name, email_clear, email, email_index, password_hash, role, disabled, created_at, password_changed_at, epoch, unproved)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		u.ID, u.Name, "~"+u.ID, sealed, index, u.PasswordHash, u.Role, u.Disabled, u.CreatedAt, u.PasswordChangedAt, u.Epoch, u.Unproved)
	return err
}

// NameTaken implements [services.SignUpStore].
func (s *Store) NameTaken(ctx context.Context, name string) (bool, error) {
	return db.Get[bool](ctx, s.db, "SELECT EXISTS (SELECT 1 FROM user_names WHERE name = $1)", name)
}

// User implements [services.UserStore].
func (s *Store) User(ctx context.Context, id string) (models.User, error) {
	return s.user(ctx, s.db, id)
}

func (s *Store) user(ctx context.Context, q db.Querier, id string) (models.User, error) {
	if !storable(id) {
		return models.User{}, services.ErrNotFound
	}
	r, err := db.Get[userRow](ctx, q, "SELECT "+userColumns+" FROM users u WHERE id = $1 AND deleted_at IS NULL", id)
	if err != nil {
		return models.User{}, known(err, "users")
	}
	return s.opened(ctx, r), nil
}

// UserByEmail implements [services.UserStore].
func (s *Store) UserByEmail(ctx context.Context, email string) (models.User, error) {
	has, args, err := s.users.is(email)
	if err != nil {
		return models.User{}, err
	}
	r, err := db.Get[userRow](ctx, s.db, "SELECT "+userColumns+" FROM users u WHERE deleted_at IS NULL AND "+has, args...)
	if err != nil {
		return models.User{}, known(err, "users")
	}
	// Only the address is bound to its row. The hash could have been moved to
	// it from another, to have that one's owner taken for this one's.
	u := s.opened(ctx, r)
	if u.Email == "" || models.NormalizeEmail(u.Email) != models.NormalizeEmail(email) {
		return models.User{}, fmt.Errorf("user %s: %w", r.ID, services.ErrUnreadable)
	}
	return u, nil
}

// UpdateUser implements [services.UserStore].
func (s *Store) UpdateUser(ctx context.Context, id string, change func(*models.User) error) (models.User, error) {
	var u models.User
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		var err error
		u, err = s.update(ctx, tx, id, change)
		return err
	})
	return u, known(err, "users")
}

func (s *Store) update(ctx context.Context, tx *db.Tx, id string, change func(*models.User) error) (models.User, error) {
	// Adding nothing locks the row: of two admins who demote each other at
	// once, the second sees what the first did.
	if _, err := next(ctx, tx, "users", 0); err != nil {
		return models.User{}, err
	}
	u, err := s.user(ctx, tx, id)
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
		if err := rename(ctx, tx, u); err != nil {
			return u, err
		}
	}
	if u.Email != was.Email {
		if err := s.move(ctx, tx, u); err != nil {
			return u, err
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE users SET name = $2, password_hash = $3, role = $4, disabled = $5, password_changed_at = $6,
		epoch = $7, unproved = $8 WHERE id = $1`, u.ID, u.Name, u.PasswordHash, u.Role, u.Disabled, u.PasswordChangedAt, u.Epoch, u.Unproved); err != nil {
		return u, err
	}
	if u.Email != was.Email || u.PasswordChangedAt != was.PasswordChangedAt || u.Disabled {
		// They were mailed to open the account as it was then.
		if _, err := tx.Exec(ctx, "DELETE FROM mail_links WHERE user_id = $1", u.ID); err != nil {
			return u, err
		}
	}
	if u.Role != was.Role || u.Disabled {
		// Who may not invite any more has invited nobody.
		if _, err := tx.Exec(ctx, "DELETE FROM mail_links WHERE invited_by = $1", u.ID); err != nil {
			return u, err
		}
	}
	return u, adminLeft(ctx, tx)
}

// move gives u another address.
func (s *Store) move(ctx context.Context, tx *db.Tx, u models.User) error {
	if err := s.emailFree(ctx, tx, u); err != nil {
		return err
	}
	sealed, index, err := s.users.seal(u.Email, u.ID)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE users SET email = $2, email_index = $3 WHERE id = $1", u.ID, sealed, index)
	return err
}

// claim gives u its name for ever. Packets are kept under the name of their
// sender: were it given to another once its owner has renamed, the newcomer's
// packets would pass as the owner's, and count as repetitions of them.
// It reports whether the name is one more.
func claim(ctx context.Context, tx *db.Tx, u models.User) (more bool, err error) {
	n, err := tx.Exec(ctx, "INSERT INTO user_names (name, user_id) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", u.Name, u.ID)
	if err != nil || n == 1 {
		return true, err
	}
	owner, err := db.Get[string](ctx, tx, "SELECT user_id FROM user_names WHERE name = $1", u.Name)
	if err == nil && owner != u.ID {
		err = &services.TakenError{Field: "name"}
	}
	return false, err
}

// rename claims a new name for u. Since it is for ever, nobody gets many.
func rename(ctx context.Context, tx *db.Tx, u models.User) error {
	more, err := claim(ctx, tx, u)
	if err != nil || !more {
		return err
	}
	n, err := db.Get[int64](ctx, tx, "SELECT COUNT(*) FROM user_names WHERE user_id = $1", u.ID)
	if err == nil && n > services.MaxNames {
		err = services.ErrManyNames
	}
	return err
}

// Users implements [services.UserStore].
func (s *Store) Users(ctx context.Context, after string, limit int) ([]models.User, error) {
	if !storable(after) {
		return nil, nil // no name comes after it
	}
	rows, err := db.All[userRow](ctx, s.db, "SELECT "+userColumns+" FROM users u WHERE name > $1 AND deleted_at IS NULL ORDER BY name LIMIT $2", after, limit)
	if err != nil {
		return nil, err
	}
	users := make([]models.User, len(rows))
	for i, r := range rows {
		users[i] = s.opened(ctx, r)
	}
	return users, nil
}
