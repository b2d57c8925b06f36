package app

import (
	"context"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/ratelimit"
)

// openRoles reads what the roles may do.
func (a *App) openRoles(ctx context.Context, store *database.Store) error {
	stored, err := roles.Open(ctx, roles.Options{
		Store: roles.NewSQLStore(a.o.DB), Permissions: services.Permissions(), Protected: services.MayAdmin,
		Held: store.Held, Interval: a.o.RolesEvery, Changed: a.rolesChanged,
	})
	if err != nil {
		return err
	}
	a.roles = &services.Roles{Stored: stored, Store: store, Audit: a.audit, May: a.may, Standing: store, Changed: a.rolesChanged}
	a.required = a.newRequirement()
	a.roles.Required = a.required
	a.keys.Grants, a.keys.Audit = stored.PermissionsOf, a.audit
	a.accounts.Audit, a.accounts.May = a.audit, a.may
	return nil
}

// may is the gate of services.
func (a *App) may(ctx context.Context, permission string) error { return a.auth.Allow(ctx, permission) }

// rolesChanged ends what live connections may not follow any more.
func (a *App) rolesChanged(ctx context.Context) {
	a.apiKeys.ForgetAll()
	if err := a.hub.Recheck(ctx, hub.Match{}); err != nil {
		obs.Logger(ctx).WarnContext(ctx, "other processes have not checked live connections again after a change of roles", "err", err)
	}
}

// refusals bounds how much of the audit log refusals of a kind can fill: so many
// an hour of one user, app or address, and of all. What is more counts in the
// metrics of limits and is in the access log.
type refusals struct {
	limiter      *ratelimit.Limiter
	ofOne, ofAll ratelimit.Limit
}

func (a *App) newRefusals(name string) refusals {
	return refusals{
		limiter: ratelimit.New(ratelimit.Options{Store: ratelimit.NewMemory(ratelimit.MemoryOptions{Clock: a.o.Now}), Metrics: a.o.Metrics.Registry()}),
		ofOne:   ratelimit.Limit{Name: name, Rate: 20, Per: time.Hour},
		ofAll:   ratelimit.Limit{Name: name + "-all", Rate: 1000, Per: time.Hour},
	}
}

// due reports whether one more of somebody is to be written down.
func (f refusals) due(ctx context.Context, whose string) bool {
	one, err := f.limiter.Allow(ctx, f.ofOne, whose)
	if err != nil || !one.Allowed {
		return false
	}
	all, err := f.limiter.Allow(ctx, f.ofAll, "all")
	return err == nil && all.Allowed
}

// refused writes down that a user was not allowed something.
func (a *App) refused(ctx context.Context, r auth.Refusal[models.Caller]) {
	if !a.refusals.due(ctx, r.User.ID) {
		return
	}
	detail := map[string]string{"code": r.Code, "credential": r.Credential}
	if r.Permission != "" {
		detail["permission"] = r.Permission
	}
	a.writeDown(ctx, audit.Record{
		Actor: audit.Actor{ID: r.User.ID, Name: r.User.Sender()}, Action: "permission.refused",
		Target: obs.RequestFrom(ctx).Route(), Outcome: audit.Refused, Detail: detail,
	})
}

func (a *App) writeDown(ctx context.Context, refusal audit.Record) {
	if _, err := a.audit.Append(ctx, refusal); err != nil {
		a.o.Logger.ErrorContext(ctx, "a refusal was not written down", "action", refusal.Action, "err", err)
	}
}

// appRefused writes down that an app has not authenticated. All that are unknown
// count as one: who tries ids could otherwise fill the log.
func (a *App) appRefused(ctx context.Context, r galeoidc.Refusal) {
	if !a.appRefusals.due(ctx, r.ClientID) {
		return
	}
	detail := map[string]string{"endpoint": r.Endpoint, "reason": r.Reason}
	if r.ClientName != "" {
		detail["name"] = r.ClientName
	}
	a.writeDown(ctx, audit.Record{Action: "client.refused", Target: r.ClientID, Outcome: audit.Refused, Detail: detail})
}

// recordedPasskeys has a new passkey written down with it, and undone where the
// account was secured meanwhile: the ceremony stores it before the page hears of it.
type recordedPasskeys struct {
	passkey.Store
	a *App
}

// Create implements [passkey.Store].
func (s recordedPasskeys) Create(ctx context.Context, c passkey.Credential) error {
	u, _ := s.a.auth.User(ctx)
	return s.Store.Create(s.a.audit.With(s.a.store.Unchanged(ctx, u.User), audit.Record{
		Actor: audit.Actor{ID: c.UserID, Name: u.Name}, Action: "passkey.added", Target: c.ID, Outcome: audit.OK,
	}), c)
}
