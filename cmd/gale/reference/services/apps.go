package services

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/drivers/galeoidc"
)

// Apps are programs of others that get access by OAuth: for users who allow it,
// or for themselves. Admins say which there are.
type Apps struct {
	Store    *galeoidc.Store
	Server   *galeoidc.Server
	Accounts *Accounts
	Issuer   string // the address of the server
	// Ended is told of a user whose apps have lost access, to end what they have
	// open; Stopped that an app has, of whomever.
	Ended    func(ctx context.Context, userID string)
	Stopped  func(ctx context.Context)
	Standing Standing
	Audit    Recorder
	May      Gate // for what admins do
}

// AppScopes are what an app can be allowed: to know who the user is, and what an
// API key can. The role of the user bounds the latter.
func AppScopes() []string {
	return append([]string{"openid", "profile", "email"}, apiScopes()...)
}

// Asked is what an app asks the user for; ErrNotFound when the request is
// over, unknown, or another user's.
func (a *Apps) Asked(ctx context.Context, u models.User, request string) (galeoidc.Request, error) {
	r, err := a.Server.Request(ctx, request)
	if errors.Is(err, galeoidc.ErrNoRequest) || err == nil && r.UserID != u.ID {
		return galeoidc.Request{}, ErrNotFound
	}
	return r, err
}

// Allow gives the app what it asks for and returns where the browser goes on.
// An app that is new to the user, or may more than before, is told of by mail.
// It is [ErrOutdated] for a user who is not what was read.
func (a *Apps) Allow(ctx context.Context, u models.User, s galeoidc.Session, r galeoidc.Request) (location string, err error) {
	before, err := a.Grant(ctx, u.ID, r.ClientID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	if location, err = a.Server.Approve(a.answered(a.Standing.Unchanged(ctx, u), u, "app.allowed", r), r.ID, s); err != nil {
		return "", gone(err)
	}
	more := func(scope string) bool { return !slices.Contains(before.Scopes, scope) }
	if slices.ContainsFunc(r.Scopes, more) {
		a.Accounts.notify(ctx, appAllowed(u, r))
	}
	return location, nil
}

// Deny gives the app nothing and returns where the browser goes on.
func (a *Apps) Deny(ctx context.Context, u models.User, r galeoidc.Request) (location string, err error) {
	location, err = a.Server.Deny(a.answered(ctx, u, "app.denied", r), r.ID)
	return location, gone(err)
}

func (a *Apps) answered(ctx context.Context, u models.User, action string, r galeoidc.Request) context.Context {
	return record(ctx, a.Audit, u, action, r.ClientID, "name", r.ClientName, "scopes", strings.Join(r.Scopes, " "))
}

// gone is a request that was answered in another window.
func gone(err error) error {
	if errors.Is(err, galeoidc.ErrNoRequest) || errors.Is(err, galeoidc.ErrNoClient) {
		return ErrNotFound
	}
	return err
}

// Grant is what the user has allowed an app; ErrNotFound when it is nothing.
func (a *Apps) Grant(ctx context.Context, userID, app string) (galeoidc.Grant, error) {
	all, err := a.Store.Grants(ctx, userID)
	if err != nil {
		return galeoidc.Grant{}, err
	}
	i := slices.IndexFunc(all, func(g galeoidc.Grant) bool { return g.ClientID == app })
	if i < 0 {
		return galeoidc.Grant{}, ErrNotFound
	}
	return all[i], nil
}

// Revoke takes all access of an app to a user's account back, at once, and
// returns what it was; ErrNotFound when there was none.
func (a *Apps) Revoke(ctx context.Context, u models.User, app string) (galeoidc.Grant, error) {
	g, err := a.Grant(ctx, u.ID, app)
	if err != nil {
		return g, err
	}
	if err := a.Store.RevokeGrant(record(ctx, a.Audit, u, "app.revoked", app, "name", g.ClientName), u.ID, app); err != nil {
		return g, err
	}
	a.Ended(ctx, u.ID)
	return g, nil
}

// End does so for all apps. Whoever ends the sessions of a user calls it too: a
// thief who was in a session may have allowed an app of his own.
func (a *Apps) End(ctx context.Context, userID string) error {
	if err := a.Store.RevokeUser(ctx, userID); err != nil {
		return err
	}
	a.Ended(ctx, userID)
	return nil
}
