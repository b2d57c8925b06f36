package database

import (
	"context"

	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

// KeepWay implements [services.WayStore].
func (s *Store) KeepWay(ctx context.Context, userID string) context.Context {
	return leaving(ctx, services.ErrLastWay, `SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND password_hash <> '')
		OR EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1) OR EXISTS (SELECT 1 FROM oauth_links WHERE user_id = $1)`, userID)
}

// NeedPasskey implements [services.WayStore].
func (s *Store) NeedPasskey(ctx context.Context, userID string) context.Context {
	return leaving(ctx, services.ErrNoPasskey, "SELECT EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1)", userID)
}

// leaving returns a context with which a change is undone, with an error, unless the
// query says that it leaves the user what it asks for.
func leaving(ctx context.Context, none error, query, userID string) context.Context {
	return db.Also(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in update: of two removals at once the second sees the first.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		left, err := db.Get[bool](ctx, tx, query, userID)
		if err == nil && !left {
			err = none
		}
		return err
	}, nil)
}
