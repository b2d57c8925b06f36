package database

import (
	"context"

	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

// KeepWay implements [services.WayStore].
func (s *Store) KeepWay(ctx context.Context, userID string) context.Context {
	return db.Also(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in update: of two removals at once the second sees the first.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		left, err := db.Get[bool](ctx, tx, `SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND password_hash <> '')
			OR EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1) OR EXISTS (SELECT 1 FROM oauth_links WHERE user_id = $1)`, userID)
		if err == nil && !left {
			err = services.ErrLastWay
		}
		return err
	}, nil)
}

// NeedPasskey implements [services.WayStore].
func (s *Store) NeedPasskey(ctx context.Context, userID string) context.Context {
	return db.Also(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := next(ctx, tx, "users", 0); err != nil { // locks, as in KeepWay
			return err
		}
		has, err := db.Get[bool](ctx, tx, "SELECT EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1)", userID)
		if err == nil && !has {
			err = services.ErrNoPasskey
		}
		return err
	}, nil)
}
