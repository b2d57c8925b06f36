package app

import (
	"context"
	"errors"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func isNotFound(err error) bool { return errors.Is(err, services.ErrNotFound) }

// findUser is the user of a session.
func (a *App) findUser(ctx context.Context, id string) (models.Caller, error) {
	u, err := a.accounts.Store.User(ctx, id)
	if isNotFound(err) {
		return models.Caller{}, auth.ErrNoUser
	}
	return models.Caller{User: u}, handlers.Told(err)
}

// findKey is an API key and its owner.
func (a *App) findKey(ctx context.Context, id string) (apikey.Record, models.Caller, error) {
	k, u, err := a.keys.Store.Key(ctx, id)
	if isNotFound(err) {
		return apikey.Record{}, models.Caller{}, apikey.ErrNotFound
	}
	rec := keyRecord(k)
	return rec, models.Caller{User: u, KeyName: k.Name, Scopes: k.ScopeList(), Limited: true, Until: rec.Expires}, handlers.Told(err)
}

// keyUsed notes the use of a key.
func (a *App) keyUsed(_ context.Context, id string) error {
	a.keys.Used(id, time.Minute)
	return nil
}
