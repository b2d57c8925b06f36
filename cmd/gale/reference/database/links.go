package database

import (
	"context"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
)

const linkColumns = "hash, purpose, user_id, email, name, created_at, expires_at"

// AddLinks implements [services.LinkStore].
func (s *Store) AddLinks(ctx context.Context, links ...models.Link) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, l := range links {
			if _, err := tx.Exec(ctx, "DELETE FROM mail_links WHERE expires_at <= $1", l.CreatedAt); err != nil {
				return err
			}
			if l.Purpose == models.NewEmailLink { // one change at a time
				if err := forgetEmail(ctx, tx, l.UserID); err != nil {
					return err
				}
			}
		}
		for _, l := range links {
			if _, err := tx.Exec(ctx, "INSERT INTO mail_links ("+linkColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7)",
				l.Hash, l.Purpose, l.UserID, l.Email, l.Name, l.CreatedAt, l.ExpiresAt); err != nil {
				return err
			}
		}
		return nil
	})
}

func forgetEmail(ctx context.Context, tx *db.Tx, userID string) error {
	_, err := tx.Exec(ctx, "DELETE FROM mail_links WHERE user_id = $1 AND purpose IN ($2, $3)", userID, models.NewEmailLink, models.OldEmailLink)
	return err
}

// Link implements [services.LinkStore].
func (s *Store) Link(ctx context.Context, purpose models.Purpose, hash []byte, now time.Time) (models.Link, error) {
	l, err := db.Get[models.Link](ctx, s.db, "SELECT "+linkColumns+" FROM mail_links WHERE hash = $1 AND purpose = $2 AND expires_at > $3", hash, purpose, now)
	return l, known(err, "mail_links")
}

// spend takes a link out: of two who come with it at once, one gets it.
func spend(ctx context.Context, tx *db.Tx, purpose models.Purpose, hash []byte, now time.Time) (models.Link, error) {
	return db.Get[models.Link](ctx, tx, "DELETE FROM mail_links WHERE hash = $1 AND purpose = $2 AND expires_at > $3 RETURNING "+linkColumns, hash, purpose, now)
}

// UpdateUserByLink implements [services.LinkStore].
func (s *Store) UpdateUserByLink(ctx context.Context, purpose models.Purpose, hash []byte, now time.Time, change func(*models.User) error) (models.User, error) {
	var u models.User
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		l, err := spend(ctx, tx, purpose, hash, now)
		if err != nil {
			return err
		}
		u, err = update(ctx, tx, l.UserID, change)
		return err
	})
	return u, known(err, "users")
}

// ChangeEmail implements [services.LinkStore].
func (s *Store) ChangeEmail(ctx context.Context, purpose models.Purpose, hash []byte, now time.Time, allow bool) (u models.User, done bool, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in update: of both ends at once, the second sees the first.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		l, err := spend(ctx, tx, purpose, hash, now)
		if err != nil {
			return err
		}
		if !allow {
			if err := forgetEmail(ctx, tx, l.UserID); err != nil {
				return err
			}
			u, err = user(ctx, tx, "id", l.UserID)
			return err
		}
		other := models.NewEmailLink
		if purpose == other {
			other = models.OldEmailLink
		}
		waits, err := db.Get[bool](ctx, tx, "SELECT EXISTS (SELECT 1 FROM mail_links WHERE user_id = $1 AND purpose = $2)", l.UserID, other)
		if err != nil {
			return err
		}
		if waits {
			u, err = user(ctx, tx, "id", l.UserID)
			return err
		}
		done = true
		u, err = update(ctx, tx, l.UserID, func(u *models.User) error {
			u.Email = l.Email
			return nil
		})
		return err
	})
	return u, done && err == nil, known(err, "users")
}
