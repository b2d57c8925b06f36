package database

import (
	"context"
	"errors"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

// Unchanged implements [services.Standing].
func (s *Store) Unchanged(ctx context.Context, u models.User) context.Context {
	return db.Also(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in update: the user does not change before the commit.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		now, err := s.user(ctx, tx, u.ID)
		if errors.Is(err, services.ErrNotFound) || err == nil && (now.Disabled || now.Stamp() != u.Stamp()) {
			return services.ErrOutdated
		}
		return err
	}, nil)
}
