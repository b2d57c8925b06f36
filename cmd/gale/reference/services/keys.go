package services

import (
	"context"
	"time"

	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// KeyStore keeps API keys.
type KeyStore interface {
	// CreateKey stores k; a name that the user has already is a [TakenError].
	CreateKey(ctx context.Context, k models.APIKey) error
	// Key returns ErrNotFound for an unknown id; a revoked key is returned.
	Key(ctx context.Context, id string) (models.APIKey, error)
	// Keys lists a user's keys, newest first.
	Keys(ctx context.Context, userID string) ([]models.APIKey, error)
	// RevokeKey ends a key of that user; ErrNotFound when there is none.
	RevokeKey(ctx context.Context, userID, id string, at time.Time) error
	// TouchKey notes when a key was last used.
	TouchKey(ctx context.Context, id string, at time.Time) error
}

// Keys makes and revokes the API keys of users.
type Keys struct {
	Store KeyStore
	Now   func() time.Time
}

// keyPrefix marks relay's keys, so that scanners find one that leaked.
const keyPrefix = "relay"

// Create makes a key for the user and returns its secret, which is shown this
// once and never again.
func (s *Keys) Create(ctx context.Context, userID, name string) (plain string, err error) {
	var bad Invalid
	bad.check("name", models.CheckKeyName(name))
	if err := bad.err(); err != nil {
		return "", err
	}
	k, err := apikey.New(keyPrefix)
	if err != nil {
		return "", err
	}
	return k.Plain, s.Store.CreateKey(ctx, models.APIKey{
		ID: k.ID, UserID: userID, Name: name, Hash: k.Hash, CreatedAt: s.Now().UTC(),
	})
}
