package database

import (
	"context"

	"github.com/galeweb/gale/db"
)

// EndCodes implements [services.LeftCodes].
func (s *Store) EndCodes(ctx context.Context, userID string) context.Context {
	return db.Also(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in update: of two factors that are removed at once the second
		// sees that the first has gone.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1
			AND NOT EXISTS (SELECT 1 FROM totp_authenticators WHERE user_id = $1 AND confirmed)
			AND NOT EXISTS (SELECT 1 FROM passkeys WHERE user_id = $1)`, userID)
		return err
	}, nil)
}
