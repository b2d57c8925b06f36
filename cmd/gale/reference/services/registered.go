package services

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/drivers/galeoidc"
)

// AppWish is what an admin says of an app.
type AppWish struct {
	Name      string
	Redirects []string // where users are sent back to
	Scopes    []string // some of [AppScopes]
	Seen      string   // for a change, the [RegisteredApp.Seen] that it is one of

	Users   bool // it acts for users
	Refresh bool // and goes on to while they are away
	Self    bool // it acts for itself, with the rights of the admin

	// What it is from the beginning, and stays.
	Public bool // it runs with its users, and cannot keep a secret
	Asks   bool // it serves an API of its own, and asks about tokens
}

// check finds what is missing of an app that asks about tokens or does not.
func (w AppWish) check(bad *Invalid, asks bool) {
	if !w.Users && !w.Self && !asks {
		bad.check("users", "must be chosen, or another of these")
	}
	if len(w.Scopes) == 0 && (w.Users || w.Self) {
		bad.check("scopes", "must be at least one")
	}
	bad.check("scopes", w.checkScopes())
}

// grant gives c the scopes and grant types of the wish.
func (w AppWish) grant(c *galeoidc.Client) {
	c.Scopes, c.GrantTypes = w.Scopes, nil
	if w.Users {
		c.GrantTypes = append(c.GrantTypes, galeoidc.AuthorizationCode)
	}
	if w.Refresh {
		c.GrantTypes = append(c.GrantTypes, galeoidc.RefreshToken)
	}
	if w.Self {
		c.GrantTypes = append(c.GrantTypes, galeoidc.ClientCredentials)
	}
	if len(c.GrantTypes) == 0 { // it only asks, and needs a secret for that
		c.GrantTypes, c.Scopes = []string{galeoidc.ClientCredentials}, nil
	}
}

func (w AppWish) checkScopes() string {
	if slices.ContainsFunc(w.Scopes, func(s string) bool { return !slices.Contains(AppScopes(), s) }) {
		return "must be some of " + strings.Join(AppScopes(), ", ")
	}
	return ""
}

// Register makes an app. Its secret is shown this once; it is "" where the app
// cannot keep one, and the admin told by mail: a thief in a session of theirs
// could stay by an app. As by the other methods on registered apps, the caller
// must hold [MayAdmin].
func (a *Apps) Register(ctx context.Context, admin models.User, w AppWish) (galeoidc.Client, string, error) {
	if err := a.May.require(ctx, MayAdmin); err != nil {
		return galeoidc.Client{}, "", err
	}
	var bad Invalid
	w.check(&bad, w.Asks)
	if err := bad.err(); err != nil {
		return galeoidc.Client{}, "", err
	}
	c := galeoidc.Client{
		ID: galeoidc.NewClientID(), Name: w.Name, Public: w.Public, RedirectURIs: w.Redirects, Introspects: w.Asks, CreatedBy: admin.ID,
	}
	w.grant(&c)
	c, secret, err := a.Store.CreateClient(a.recorded(ctx, admin, "client.created", c), c)
	if err == nil {
		a.Accounts.notify(ctx, appRegistered(admin, c))
	}
	return c, secret, err
}

// recorded has what an admin does to an app written down, and undone, with
// [ErrOutdated], for an admin who is not what was read.
func (a *Apps) recorded(ctx context.Context, admin models.User, action string, c galeoidc.Client, detail ...string) context.Context {
	return a.noted(a.Standing.Unchanged(ctx, admin), admin, action, c, detail...)
}

func (a *Apps) noted(ctx context.Context, admin models.User, action string, c galeoidc.Client, detail ...string) context.Context {
	if action == "client.created" || action == "client.changed" {
		detail = append(detail, "redirects", strings.Join(c.RedirectURIs, " "), "scopes", strings.Join(c.Scopes, " "), "grants", strings.Join(c.GrantTypes, " "))
	}
	return record(ctx, a.Audit, admin, action, c.ID, append(detail, "name", c.Name)...)
}

// Acts reports whether it acts for users, and Refreshes whether it goes on to while
// they are away.
func (r RegisteredApp) Acts() bool { return slices.Contains(r.GrantTypes, galeoidc.AuthorizationCode) }

func (r RegisteredApp) Refreshes() bool { return slices.Contains(r.GrantTypes, galeoidc.RefreshToken) }

// RegisteredApp is an app, and who has registered it.
type RegisteredApp struct {
	galeoidc.Client
	Owner   string // the name of the admin; "" for one who has left
	Self    bool   // it acts for itself, as that admin
	Rotates bool   // whether the admin who looks may give it a new secret
}

// Seen stands for what can be changed of the app.
func (r RegisteredApp) Seen() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.Name, strings.Join(r.RedirectURIs, " "), strings.Join(r.Scopes, " "), strings.Join(r.GrantTypes, " ")}, "\n")))
	return hex.EncodeToString(sum[:])
}

// Registered lists the apps for an admin, the newest first.
func (a *Apps) Registered(ctx context.Context, admin models.User) ([]RegisteredApp, error) {
	if err := a.May.require(ctx, MayAdmin); err != nil {
		return nil, err
	}
	clients, err := a.Store.Clients(ctx, "")
	if err != nil {
		return nil, err
	}
	return a.withOwners(ctx, admin, clients...)
}

func (a *Apps) withOwners(ctx context.Context, admin models.User, clients ...galeoidc.Client) ([]RegisteredApp, error) {
	names, all := map[string]string{}, make([]RegisteredApp, len(clients))
	for i, c := range clients {
		if _, known := names[c.CreatedBy]; !known {
			u, err := a.Accounts.Store.User(ctx, c.CreatedBy)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return nil, err
			}
			names[c.CreatedBy] = u.Name
		}
		all[i] = RegisteredApp{c, names[c.CreatedBy], alone(c), rotates(admin, c)}
	}
	return all, nil
}

// App returns one of them; ErrNotFound when it is unknown.
func (a *Apps) App(ctx context.Context, admin models.User, id string) (RegisteredApp, error) {
	if err := a.May.require(ctx, MayAdmin); err != nil {
		return RegisteredApp{}, err
	}
	c, err := a.Store.Client(ctx, id)
	if err != nil {
		return RegisteredApp{}, gone(err)
	}
	all, err := a.withOwners(ctx, admin, c)
	if err != nil {
		return RegisteredApp{}, err
	}
	return all[0], nil
}

func self(c galeoidc.Client) bool { return slices.Contains(c.GrantTypes, galeoidc.ClientCredentials) }

// alone reports whether it acts for itself: who only asks has the grant type too,
// and nothing to act with.
func alone(c galeoidc.Client) bool { return self(c) && len(c.Scopes) > 0 }

// rotates: who has the secret of an app that acts for itself acts as the admin
// who registered it, which other admins are not to do.
func rotates(admin models.User, c galeoidc.Client) bool {
	return !c.Public && (!self(c) || c.CreatedBy == admin.ID)
}

// Change gives an app another name, other addresses, scopes and grant types; one
// that was changed since it was seen is [galeoidc.ErrChanged]. Nor may other admins
// have it do more as the admin who registered it. What it has got by a grant type
// that is taken away ends. One that acts for itself from now on has a new secret,
// which is shown this once: others may have the one of before. What it may more than
// before, and a new secret, the admin is told by mail, as by Register.
func (a *Apps) Change(ctx context.Context, admin models.User, id string, w AppWish) (c galeoidc.Client, secret string, err error) {
	app, err := a.App(ctx, admin, id)
	if err != nil {
		return galeoidc.Client{}, "", err
	}
	if w.Seen != app.Seen() {
		return app.Client, "", galeoidc.ErrChanged
	}
	c = app.Client
	more := func(scope string) bool { return !slices.Contains(c.Scopes, scope) }
	var bad Invalid
	w.check(&bad, c.Introspects)
	if w.Self && c.CreatedBy != admin.ID {
		if !app.Self {
			bad.check("users", "cannot have it act for itself, since that is as another admin")
		} else if slices.ContainsFunc(w.Scopes, more) {
			bad.check("scopes", "can only become fewer, since it acts as another admin")
		}
	}
	if err := bad.err(); err != nil {
		return c, "", err
	}
	c.Name, c.RedirectURIs = w.Name, w.Redirects
	w.grant(&c)
	if c, err = a.Store.UpdateClient(a.recorded(ctx, admin, "client.changed", c), app.Client, c); err != nil {
		return c, "", gone(err)
	}
	if news := gains(app.Client, c); len(news) > 0 {
		a.Accounts.notify(ctx, appWidened(admin, c, news))
	}
	if slices.ContainsFunc(app.GrantTypes, func(grant string) bool { return !slices.Contains(c.GrantTypes, grant) }) {
		a.Stopped(ctx)
	}
	if self(c) && !self(app.Client) || w.Self && !app.Self {
		secret, err = a.Store.RotateSecret(a.recorded(ctx, admin, "client.rotated", c, "old secret", "ended at once"), id, 0)
		if err == nil {
			a.Accounts.notify(ctx, appRotated(admin, c))
		}
	}
	return c, secret, gone(err)
}

// Rotate gives an app a new secret, which is shown this once; the old one works
// for 24 hours more, or ends at once. ErrNotFound is an app that is unknown or
// has no secret, ErrForbidden one whose secret is another admin's.
func (a *Apps) Rotate(ctx context.Context, admin models.User, id string, atOnce bool) (c galeoidc.Client, secret string, err error) {
	app, err := a.App(ctx, admin, id)
	if err != nil {
		return app.Client, "", err
	}
	if !app.Public && !app.Rotates {
		return app.Client, "", ErrForbidden
	}
	old, how := overlap, "ends in a day"
	if atOnce {
		old, how = time.Duration(0), "ended at once"
	}
	secret, err = a.Store.RotateSecret(a.recorded(ctx, admin, "client.rotated", app.Client, "old secret", how), id, old)
	if err == nil {
		a.Accounts.notify(ctx, appRotated(admin, app.Client))
	}
	return app.Client, secret, gone(err)
}

// Disable has nothing of an app work until Enable: no codes, no tokens, and none
// of those that it has.
func (a *Apps) Disable(ctx context.Context, admin models.User, id string) (galeoidc.Client, error) {
	return a.stop(ctx, admin, "client.disabled", id, a.Store.DisableClient)
}

// DisableOwn disables all apps that act as a user, who registered them, for the
// user who takes the account back from a thief. The user, or another admin, sees
// them at the list of apps and has those work again that are right.
func (a *Apps) DisableOwn(ctx context.Context, u models.User) error {
	all, err := a.Store.Clients(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, c := range all {
		if !self(c) || !c.Disabled.IsZero() {
			continue
		}
		if err := a.Store.DisableClient(a.noted(ctx, u, "client.disabled", c), c.ID); err != nil && !errors.Is(err, galeoidc.ErrNoClient) {
			return err
		}
	}
	a.Stopped(ctx)
	return nil
}

// Enable has what has not expired meanwhile work again.
func (a *Apps) Enable(ctx context.Context, admin models.User, id string) (galeoidc.Client, error) {
	return a.stop(ctx, admin, "client.enabled", id, a.Store.EnableClient)
}

// Delete ends an app and all access that it has, to all users.
func (a *Apps) Delete(ctx context.Context, admin models.User, id string) (galeoidc.Client, error) {
	return a.stop(ctx, admin, "client.deleted", id, a.Store.DeleteClient)
}

func (a *Apps) stop(ctx context.Context, admin models.User, action, id string, change func(context.Context, string) error) (galeoidc.Client, error) {
	app, err := a.App(ctx, admin, id)
	if err != nil {
		return app.Client, err
	}
	if err := change(a.recorded(ctx, admin, action, app.Client), id); err != nil {
		return app.Client, gone(err)
	}
	a.Stopped(ctx)
	return app.Client, nil
}
