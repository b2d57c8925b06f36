package app

import (
	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

// newKeys accepts API keys.
func (a *App) newKeys() *apikey.Authenticator[models.Caller] {
	return apikey.NewAuthenticator(apikey.Options[models.Caller]{
		Prefix: services.KeyPrefix, Find: a.findKey, FindAge: a.o.Config.SessionCache, Used: a.keyUsed, Clock: a.o.Now,
	})
}

// keyRecord is what decides whether a key is accepted.
func keyRecord(k models.APIKey) apikey.Record {
	rec := apikey.Record{Hash: k.Hash, Previous: k.Previous, Revoked: k.RevokedAt != nil}
	if k.PreviousUntil != nil {
		rec.PreviousUntil = *k.PreviousUntil
	}
	if k.ExpiresAt != nil {
		rec.Expires = *k.ExpiresAt
	}
	return rec
}

// scopes are the permissions to which a program is limited.
func scopes(c models.Caller) ([]string, bool) { return c.Scopes, c.Limited }
