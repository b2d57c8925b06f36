package database

import (
	"context"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/db"
)

const channelColumns = "id, name, title, public, owner_id, created_at"

// CreateChannel implements [services.ChannelStore].
func (s *Store) CreateChannel(ctx context.Context, c models.Channel) (models.Channel, error) {
	err := s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		var err error
		if c.ID, err = next(ctx, tx, "channels", 1); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO channels ("+channelColumns+") VALUES ($1, $2, $3, $4, $5, $6)",
			c.ID, c.Name, c.Title, c.Public, c.OwnerID, c.CreatedAt)
		return err
	})
	return c, known(err, "channels")
}

// Channel implements [services.ChannelStore].
func (s *Store) Channel(ctx context.Context, name string) (models.Channel, error) {
	c, err := db.Get[models.Channel](ctx, s.db, "SELECT "+channelColumns+" FROM channels WHERE name = $1", name)
	return c, known(err, "channels")
}

// Channels implements [services.ChannelStore].
func (s *Store) Channels(ctx context.Context, all bool, after string, limit int) ([]models.Channel, error) {
	if !storable(after) {
		return nil, nil // no name comes after it
	}
	return db.All[models.Channel](ctx, s.db,
		"SELECT "+channelColumns+" FROM channels WHERE name > $1 AND (public OR $2) ORDER BY name LIMIT $3", after, all, limit)
}
