package database

import (
	"context"
	"iter"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
)

// DeleteUser implements [services.RemovalStore].
func (s *Store) DeleteUser(ctx context.Context, id string, at time.Time) error {
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := next(ctx, tx, "users", 0); err != nil { // locks, as in update
			return err
		}
		if _, err := s.user(ctx, tx, id); err != nil {
			return err
		}
		// No name begins with a tilde, so that it is free.
		for _, statement := range []string{
			"DELETE FROM api_keys WHERE user_id = $1",
			"DELETE FROM mail_links WHERE user_id = $1 OR invited_by = $1",
			"DELETE FROM totp_authenticators WHERE user_id = $1",
			"DELETE FROM recovery_codes WHERE user_id = $1",
			"DELETE FROM passkeys WHERE user_id = $1",
			"DELETE FROM oauth_links WHERE user_id = $1",
			"UPDATE users SET name = '~' || id, email = NULL, email_index = NULL, password_hash = '', role = '', disabled = TRUE WHERE id = $1",
		} {
			if _, err := tx.Exec(ctx, statement, id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE users SET deleted_at = $2 WHERE id = $1", id, at); err != nil {
			return err
		}
		return adminLeft(ctx, tx)
	})
	return known(err, "users")
}

// Owned implements [services.RemovalStore].
func (s *Store) Owned(ctx context.Context, userID string) ([]models.Channel, error) {
	return db.All[models.Channel](ctx, s.db, "SELECT "+channelColumns+" FROM channels WHERE owner_id = $1 ORDER BY name", userID)
}

// sentPage bounds the memory for one page, at 64 KiB each.
const sentPage = 100

// sentRow is a packet with its channel.
type sentRow struct {
	packetRow
	Channel string
}

// Sent implements [services.RemovalStore]. It reads by pages, as an export does,
// and looks at every packet, for which there is no index: it is asked rarely.
func (s *Store) Sent(ctx context.Context, userID string) iter.Seq2[models.SentPacket, error] {
	return func(yield func(models.SentPacket, error) bool) {
		after := int64(0)
		for {
			rows, err := db.All[sentRow](ctx, s.db, `SELECT p.id, p.kind, p.sender, p.client_id, p.payload, p.created_at, c.name AS channel
				FROM packets p JOIN channels c ON c.id = p.channel_id
				WHERE p.id > $2 AND EXISTS (SELECT 1 FROM user_names n WHERE n.user_id = $1
					AND (p.sender = n.name OR substr(p.sender, 1, length(n.name) + 1) = n.name || '/'))
				ORDER BY p.id LIMIT $3`, userID, after, sentPage)
			if err != nil {
				yield(models.SentPacket{}, err)
				return
			}
			for _, r := range rows {
				if !yield(models.SentPacket{Channel: r.Channel, Packet: r.packet()}, nil) {
					return
				}
				after = r.ID
			}
			if len(rows) < sentPage {
				return
			}
		}
	}
}
