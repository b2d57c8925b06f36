package database

import (
	"context"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/keyring"
)

const keyColumns = "id, user_id, name, hash, created_at, last_used_at, revoked_at, scopes, expires_at, previous, previous_until"

// CreateKey implements [services.KeyStore].
func (s *Store) CreateKey(ctx context.Context, k models.APIKey, max int) error {
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := next(ctx, tx, "users", 0); err != nil { // locks, as in update
			return err
		}
		n, err := db.Get[int](ctx, tx, "SELECT COUNT(*) FROM api_keys WHERE user_id = $1 AND revoked_at IS NULL", k.UserID)
		if err != nil {
			return err
		}
		if n >= max {
			return services.ErrTooManyKeys
		}
		_, err = tx.Exec(ctx, "INSERT INTO api_keys (id, user_id, name, hash, created_at, scopes, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			k.ID, k.UserID, k.Name, k.Hash, k.CreatedAt, k.Scopes, k.ExpiresAt)
		return err
	})
	return known(err, "api_keys")
}

// Key implements [services.KeyStore].
func (s *Store) Key(ctx context.Context, id string) (models.APIKey, models.User, error) {
	// One query: it is asked with every request that brings a key.
	row, err := db.Get[struct {
		models.APIKey
		Owner, OwnerName string
		Sealed           keyring.Encrypted[string]
		Role             models.Role
		Disabled         bool

		RoleFactor, HasFactor bool
	}](ctx, s.db, `SELECT k.id, k.user_id, k.name, k.hash, k.created_at, k.last_used_at, k.revoked_at,
			k.scopes, k.expires_at, k.previous, k.previous_until,
			u.id AS owner, u.name AS owner_name, u.email AS sealed, u.role, u.disabled, `+factorColumns+`
		FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id = $1`, id)
	if err != nil {
		return models.APIKey{}, models.User{}, known(err, "api_keys")
	}
	u := models.User{ID: row.Owner, Name: row.OwnerName, Role: row.Role, Disabled: row.Disabled, RoleFactor: row.RoleFactor, HasFactor: row.HasFactor}
	u.Email, _ = s.users.open(ctx, row.Sealed, u.ID)
	return row.APIKey, u, nil
}

// Keys implements [services.KeyStore].
func (s *Store) Keys(ctx context.Context, userID string) ([]models.APIKey, error) {
	return db.All[models.APIKey](ctx, s.db, "SELECT "+keyColumns+" FROM api_keys WHERE user_id = $1 ORDER BY revoked_at IS NOT NULL, created_at DESC, id LIMIT 200", userID)
}

// RevokeKey implements [services.KeyStore].
func (s *Store) RevokeKey(ctx context.Context, userID, id string, at time.Time) error {
	if !storable(id) {
		return services.ErrNotFound
	}
	n, err := s.db.Exec(ctx, "UPDATE api_keys SET revoked_at = $3 WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL", userID, id, at)
	if err == nil && n == 0 {
		return services.ErrNotFound
	}
	return err
}

// RevokeKeys implements [services.KeyEnder].
func (s *Store) RevokeKeys(ctx context.Context, userID string, at time.Time) context.Context {
	return db.Also(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE api_keys SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL", userID, at)
		return err
	}, nil)
}

// RotateKey implements [services.KeyRotation].
func (s *Store) RotateKey(ctx context.Context, userID, id string, hash []byte, at, until time.Time) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in update, which ends keys after that: a thief's rotations in the
		// other order would have the owner's reset fail as a deadlock.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `UPDATE api_keys SET previous = hash, previous_until = $4, hash = $3
			WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $5)`, userID, id, hash, until, at)
		if err == nil && n == 0 {
			return services.ErrNotFound
		}
		return err
	})
}

// TouchKey implements [services.KeyStore].
func (s *Store) TouchKey(ctx context.Context, id string, at, since time.Time) error {
	_, err := s.db.Exec(ctx, "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)", id, at, since)
	return err
}
