package services

import (
	"context"
	"strings"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// ChannelStore keeps channels.
type ChannelStore interface {
	// CreateChannel stores c and returns it with its id; a name in use is a
	// [TakenError].
	CreateChannel(ctx context.Context, c models.Channel) (models.Channel, error)
	// Channel returns ErrNotFound for an unknown name.
	Channel(ctx context.Context, name string) (models.Channel, error)
	// Channels lists channels by name, after the name given, at most limit;
	// only public ones unless all is set.
	Channels(ctx context.Context, all bool, after string, limit int) ([]models.Channel, error)
}

// Channels creates channels and decides who may watch.
type Channels struct {
	Store ChannelStore
	Now   func() time.Time
}

// Create makes a channel. The caller must hold [MayOperate].
func (s *Channels) Create(ctx context.Context, ownerID, name, title string, public bool) (models.Channel, error) {
	title = strings.TrimSpace(title)
	var bad Invalid
	bad.check("name", models.CheckChannelName(name))
	bad.check("title", models.CheckTitle(title))
	if err := bad.err(); err != nil {
		return models.Channel{}, err
	}
	return s.Store.CreateChannel(ctx, models.Channel{
		Name: name, Title: title, Public: public, OwnerID: ownerID, CreatedAt: s.Now().UTC(),
	})
}

// Visible returns the channel when it is public or mayWatch holds; otherwise
// ErrNotFound, so that private names cannot be found by trying.
func (s *Channels) Visible(ctx context.Context, name string, mayWatch bool) (models.Channel, error) {
	if models.CheckChannelName(name) != "" {
		return models.Channel{}, ErrNotFound
	}
	c, err := s.Store.Channel(ctx, name)
	if err != nil {
		return models.Channel{}, err
	}
	if !c.Public && !mayWatch {
		return models.Channel{}, ErrNotFound
	}
	return c, nil
}
