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
	// open.
	Ended func(ctx context.Context, userID string)
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
func (a *Apps) Allow(ctx context.Context, u models.User, s galeoidc.Session, r galeoidc.Request) (location string, err error) {
	before, err := a.Grant(ctx, u.ID, r.ClientID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	if location, err = a.Server.Approve(ctx, r.ID, s); err != nil {
		return "", gone(err)
	}
	more := func(scope string) bool { return !slices.Contains(before.Scopes, scope) }
	if slices.ContainsFunc(r.Scopes, more) {
		a.Accounts.notify(ctx, appAllowed(u, r))
	}
	return location, nil
}

// Deny gives the app nothing and returns where the browser goes on.
func (a *Apps) Deny(ctx context.Context, r galeoidc.Request) (location string, err error) {
	location, err = a.Server.Deny(ctx, r.ID)
	return location, gone(err)
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
func (a *Apps) Revoke(ctx context.Context, userID, app string) (galeoidc.Grant, error) {
	g, err := a.Grant(ctx, userID, app)
	if err != nil {
		return g, err
	}
	if err := a.Store.RevokeGrant(ctx, userID, app); err != nil {
		return g, err
	}
	a.Ended(ctx, userID)
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

// AppWish is what an admin says of a new app.
type AppWish struct {
	Name      string
	Public    bool     // it runs with its users, and cannot keep a secret
	Redirects []string // where users are sent back to
	Scopes    []string // some of [AppScopes]
	Users     bool     // it acts for users
	Refresh   bool     // and goes on to while they are away
	Self      bool     // it acts for itself, with the rights of the admin
	Asks      bool     // it serves an API of its own, and asks about tokens
}

// Register makes an app. Its secret is shown this once; it is "" where the app
// cannot keep one. The caller must hold [MayAdmin].
func (a *Apps) Register(ctx context.Context, admin models.User, w AppWish) (galeoidc.Client, string, error) {
	var bad Invalid
	if !w.Users && !w.Self && !w.Asks {
		bad.check("users", "must be chosen, or another of these")
	}
	if len(w.Scopes) == 0 && (w.Users || w.Self) {
		bad.check("scopes", "must be at least one")
	}
	if slices.ContainsFunc(w.Scopes, func(s string) bool { return !slices.Contains(AppScopes(), s) }) {
		bad.check("scopes", "must be some of "+strings.Join(AppScopes(), ", "))
	}
	if err := bad.err(); err != nil {
		return galeoidc.Client{}, "", err
	}
	c := galeoidc.Client{
		Name: w.Name, Public: w.Public, RedirectURIs: w.Redirects, Scopes: w.Scopes, Introspects: w.Asks, CreatedBy: admin.ID,
	}
	for grant, chosen := range map[string]bool{
		galeoidc.AuthorizationCode: w.Users, galeoidc.RefreshToken: w.Refresh, galeoidc.ClientCredentials: w.Self,
	} {
		if chosen {
			c.GrantTypes = append(c.GrantTypes, grant)
		}
	}
	if len(c.GrantTypes) == 0 { // it only asks, and needs a secret for that
		c.GrantTypes, c.Scopes = []string{galeoidc.ClientCredentials}, nil
	}
	return a.Store.CreateClient(ctx, c)
}

// RegisteredApp is an app, and who has registered it.
type RegisteredApp struct {
	galeoidc.Client
	Owner   string // the name of the admin; "" for one who has left
	Self    bool   // it acts for itself, as that admin
	Rotates bool   // whether the admin who looks may give it a new secret
}

// Registered lists the apps for an admin, the newest first.
func (a *Apps) Registered(ctx context.Context, admin models.User) ([]RegisteredApp, error) {
	clients, err := a.Store.Clients(ctx, "")
	if err != nil {
		return nil, err
	}
	names, all := map[string]string{}, make([]RegisteredApp, len(clients))
	for i, c := range clients {
		if _, known := names[c.CreatedBy]; !known {
			u, err := a.Accounts.Store.User(ctx, c.CreatedBy)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return nil, err
			}
			names[c.CreatedBy] = u.Name
		}
		all[i] = RegisteredApp{c, names[c.CreatedBy], self(c), rotates(admin, c)}
	}
	return all, nil
}

func self(c galeoidc.Client) bool { return slices.Contains(c.GrantTypes, galeoidc.ClientCredentials) }

// rotates: who has the secret of an app that acts for itself acts as the admin
// who registered it, which other admins are not to do.
func rotates(admin models.User, c galeoidc.Client) bool {
	return !c.Public && (!self(c) || c.CreatedBy == admin.ID)
}

// Rotate gives an app a new secret, which is shown this once; the old one works
// for 24 hours more. ErrNotFound is an app that is unknown or has no secret,
// ErrForbidden one whose secret is another admin's.
func (a *Apps) Rotate(ctx context.Context, admin models.User, id string) (c galeoidc.Client, secret string, err error) {
	if c, err = a.Store.Client(ctx, id); err != nil {
		return c, "", gone(err)
	}
	if !c.Public && !rotates(admin, c) {
		return c, "", ErrForbidden
	}
	secret, err = a.Store.RotateSecret(ctx, id, overlap)
	return c, secret, gone(err)
}

// Delete ends an app and all access that it has, to all users.
func (a *Apps) Delete(ctx context.Context, id string) (galeoidc.Client, error) {
	c, err := a.Store.Client(ctx, id)
	if err != nil {
		return c, gone(err)
	}
	return c, gone(a.Store.DeleteClient(ctx, id))
}
