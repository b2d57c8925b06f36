package services

import (
	"context"
	"sync"
	"time"

	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// KeyStore keeps API keys.
type KeyStore interface {
	// CreateKey stores k; a name that the user has already is a [TakenError].
	CreateKey(ctx context.Context, k models.APIKey) error
	// Key returns a key and its owner, or ErrNotFound for an unknown id; a
	// revoked key is returned.
	Key(ctx context.Context, id string) (models.APIKey, models.User, error)
	// Keys lists a user's keys, newest first.
	Keys(ctx context.Context, userID string) ([]models.APIKey, error)
	// RevokeKey ends a key of that user; ErrNotFound when there is none.
	RevokeKey(ctx context.Context, userID, id string, at time.Time) error
	// TouchKey notes that a key was used at a time, unless an earlier use after
	// since is noted already.
	TouchKey(ctx context.Context, id string, at, since time.Time) error
}

// Keys makes and revokes the API keys of users.
type Keys struct {
	Store KeyStore
	Now   func() time.Time

	used sync.Map // key id to the time.Time last noted
}

// KeyPrefix marks the keys, so that scanners find one that leaked.
const KeyPrefix = "pkt"

// Create makes a key for the user and returns its secret, which is shown this
// once and never again.
func (s *Keys) Create(ctx context.Context, userID, name string) (plain string, err error) {
	var bad Invalid
	bad.check("name", models.CheckKeyName(name))
	if err := bad.err(); err != nil {
		return "", err
	}
	k, err := apikey.New(KeyPrefix)
	if err != nil {
		return "", err
	}
	return k.Plain, s.Store.CreateKey(ctx, models.APIKey{
		ID: k.ID, UserID: userID, Name: name, Hash: k.Hash, CreatedAt: s.Now().UTC(),
	})
}

// Used notes the use of a key, at most once in every period: a busy key must not
// write with each request.
func (s *Keys) Used(ctx context.Context, id string, every time.Duration) error {
	now := s.Now().UTC()
	if last, ok := s.used.Load(id); ok && now.Sub(last.(time.Time)) < every {
		return nil
	}
	s.used.Store(id, now)
	return s.Store.TouchKey(ctx, id, now, now.Add(-every))
}
