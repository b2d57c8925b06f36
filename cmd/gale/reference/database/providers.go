package database

import (
	"context"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

// CreateLinkedUser implements [services.ProviderStore].
func (s *Store) CreateLinkedUser(ctx context.Context, u models.User, link oauth.Record, onlyFirst bool, invitation []byte) (models.User, error) {
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := next(ctx, tx, "users", 1)
		if err != nil {
			return err
		}
		if invitation != nil {
			if u, err = s.invited(ctx, tx, u, invitation); err != nil {
				return err
			}
		} else if onlyFirst && n > 1 {
			return services.ErrNotFirst
		}
		if u, err = s.join(ctx, tx, u, n); err != nil {
			return err
		}
		return s.LinkedAccounts().AddTx(ctx, tx, link)
	})
	return u, known(err, "users")
}

// invited uses an invitation up, and gives u its address and role.
func (s *Store) invited(ctx context.Context, tx *db.Tx, u models.User, hash []byte) (models.User, error) {
	l, err := s.spend(ctx, tx, models.InviteLink, hash, u.CreatedAt)
	if err != nil {
		return u, err
	}
	u.Email, u.Role = l.Email, l.Role
	return u, stillInvited(ctx, tx, l)
}
