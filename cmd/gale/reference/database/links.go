package database

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/keyring"
)

const linkColumns = "hash, purpose, user_id, '' AS email, email AS sealed, name, role, invited_by, created_at, expires_at"

// linkRow is a link as stored.
type linkRow struct {
	models.Link
	Sealed keyring.Encrypted[string] // the address
}

// openedLink returns a link, or [services.ErrNotFound] when its address cannot
// be read: it leads nowhere then.
func (s *Store) openedLink(ctx context.Context, r linkRow) (models.Link, error) {
	var ok bool
	if r.Email, ok = s.links.open(ctx, r.Sealed, linkID(r.Hash)); !ok {
		return models.Link{}, services.ErrNotFound
	}
	return r.Link, nil
}

// linkID is what the address of a link is bound to.
func linkID(hash []byte) string { return hex.EncodeToString(hash) }

// AddLinks implements [services.LinkStore].
func (s *Store) AddLinks(ctx context.Context, links ...models.Link) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in update, which ends links after that.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		for _, l := range links {
			if _, err := tx.Exec(ctx, "DELETE FROM mail_links WHERE expires_at <= $1", l.CreatedAt); err != nil {
				return err
			}
			if l.Purpose == models.NewEmailLink { // one change at a time
				if err := forgetEmail(ctx, tx, l.UserID); err != nil {
					return err
				}
			}
			if l.Purpose == models.InviteLink {
				if err := s.replaceInvitation(ctx, tx, l); err != nil {
					return err
				}
			}
		}
		for _, l := range links {
			if err := s.addLink(ctx, tx, l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) addLink(ctx context.Context, tx *db.Tx, l models.Link) error {
	sealed, index, err := s.links.seal(l.Email, linkID(l.Hash))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO mail_links (hash, purpose, user_id, email_clear, email, email_index, name, role, invited_by, created_at, expires_at)
		VALUES ($1, $2, $3, '', $4, $5, $6, $7, $8, $9, $10)`,
		l.Hash, l.Purpose, l.UserID, sealed, index, l.Name, l.Role, l.InvitedBy, l.CreatedAt, l.ExpiresAt)
	return err
}

func forgetEmail(ctx context.Context, tx *db.Tx, userID string) error {
	_, err := tx.Exec(ctx, "DELETE FROM mail_links WHERE user_id = $1 AND purpose IN ($2, $3, $4)", userID, models.NewEmailLink, models.OldEmailLink, models.AllowedEmail)
	return err
}

// Link implements [services.LinkStore].
func (s *Store) Link(ctx context.Context, purpose models.Purpose, hash []byte, now time.Time) (models.Link, error) {
	r, err := db.Get[linkRow](ctx, s.db, "SELECT "+linkColumns+" FROM mail_links WHERE hash = $1 AND purpose = $2 AND expires_at > $3", hash, purpose, now)
	if err != nil {
		return models.Link{}, known(err, "mail_links")
	}
	return s.openedLink(ctx, r)
}

// spend takes a link out: of two who come with it at once, one gets it.
func (s *Store) spend(ctx context.Context, tx *db.Tx, purpose models.Purpose, hash []byte, now time.Time) (models.Link, error) {
	r, err := db.Get[linkRow](ctx, tx, "DELETE FROM mail_links WHERE hash = $1 AND purpose = $2 AND expires_at > $3 RETURNING "+linkColumns, hash, purpose, now)
	if err != nil {
		return models.Link{}, err
	}
	return s.openedLink(ctx, r)
}

// ForgetLinks removes the links that have ended by themselves.
func (s *Store) ForgetLinks(ctx context.Context, now time.Time) error {
	_, err := s.db.Exec(ctx, "DELETE FROM mail_links WHERE expires_at <= $1", now)
	return err
}

// UpdateUserByLink implements [services.LinkStore].
func (s *Store) UpdateUserByLink(ctx context.Context, purpose models.Purpose, hash []byte, now time.Time, change func(*models.User) error) (models.User, error) {
	var u models.User
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		// Locks, as in update: of two links of a user at once, each would else wait
		// for the other to end it.
		if _, err := next(ctx, tx, "users", 0); err != nil {
			return err
		}
		l, err := s.spend(ctx, tx, purpose, hash, now)
		if err != nil {
			return err
		}
		u, err = s.update(ctx, tx, l.UserID, change)
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
		l, err := s.spend(ctx, tx, purpose, hash, now)
		if err != nil {
			return err
		}
		if !allow {
			if err := forgetEmail(ctx, tx, l.UserID); err != nil {
				return err
			}
			u, err = s.user(ctx, tx, l.UserID)
			return err
		}
		// The answer of the other end is kept: that its link is gone could also
		// mean that it has expired.
		done, err = db.Get[bool](ctx, tx, "SELECT EXISTS (SELECT 1 FROM mail_links WHERE user_id = $1 AND purpose = $2 AND expires_at > $3)", l.UserID, models.AllowedEmail, now)
		if err != nil {
			return err
		}
		if !done {
			l.Purpose = models.AllowedEmail
			if err := s.addLink(ctx, tx, l); err != nil {
				return err
			}
			u, err = s.user(ctx, tx, l.UserID)
			return err
		}
		u, err = s.update(ctx, tx, l.UserID, func(u *models.User) error {
			u.Email, u.Unproved = l.Email, false
			return nil
		})
		return err
	})
	return u, done && err == nil, known(err, "users")
}

// replaceInvitation ends what the address was invited by before, and makes sure
// that the role exists.
func (s *Store) replaceInvitation(ctx context.Context, tx *db.Tx, l models.Link) error {
	if err := roleExists(ctx, tx, l.Role); err != nil {
		return err
	}
	has, args, err := s.links.is(l.Email, models.InviteLink)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "DELETE FROM mail_links WHERE purpose = $1 AND "+has, args...)
	return err
}

// Invitations implements [services.InviteStore]. One whose address cannot be read
// is listed without.
func (s *Store) Invitations(ctx context.Context, now time.Time, limit int) ([]models.Link, error) {
	rows, err := db.All[linkRow](ctx, s.db, "SELECT "+linkColumns+` FROM mail_links
		WHERE invited_by <> '' AND purpose = $1 AND expires_at > $2 ORDER BY created_at DESC, hash LIMIT $3`, models.InviteLink, now, limit)
	if err != nil {
		return nil, err
	}
	links := make([]models.Link, len(rows))
	for i, r := range rows {
		r.Email, _ = s.links.open(ctx, r.Sealed, linkID(r.Hash))
		links[i] = r.Link
	}
	return links, nil
}

// InvitationOf implements [services.InviteStore].
func (s *Store) InvitationOf(ctx context.Context, email string, now time.Time) (models.Link, error) {
	has, args, err := s.links.is(email, models.InviteLink, now)
	if err != nil {
		return models.Link{}, err
	}
	r, err := db.Get[linkRow](ctx, s.db, "SELECT "+linkColumns+" FROM mail_links WHERE purpose = $1 AND expires_at > $2 AND "+has, args...)
	if err != nil {
		return models.Link{}, known(err, "mail_links")
	}
	l, err := s.openedLink(ctx, r)
	if err == nil && l.Email != email { // the index was moved to another's row
		err = services.ErrNotFound
	}
	return l, err
}

// RevokeInvitation implements [services.InviteStore].
func (s *Store) RevokeInvitation(ctx context.Context, hash []byte, now time.Time) error {
	n, err := s.db.Exec(ctx, "DELETE FROM mail_links WHERE hash = $1 AND purpose = $2 AND expires_at > $3", hash, models.InviteLink, now)
	if err == nil && n == 0 {
		err = services.ErrNotFound
	}
	return err
}
