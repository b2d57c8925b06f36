package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/session"
)

// watcher is who has a live connection: all that it keeps of its request.
type watcher struct {
	user    string // "" for a visitor
	session string
	second  bool     // a second factor was shown, or the session is byKey
	scopes  []string // of the key, where limited is true
	limited bool
	app     string    // its id, where it is one
	token   string    // and that of its access token
	until   time.Time // when the key ends, or the session unless it is used; the zero time is never
}

type watcherKey struct{}

// byKey is the session of those who come with an API key.
const byKey = "API key"

func (a *App) hubOptions() hub.Options {
	return hub.Options{
		Broker: a.o.Broker, Logger: a.o.Logger, Identify: a.identify, Extend: a.extend, Keep: a.keepWatcher, DrainOver: a.o.Config.DrainOver,
		PresenceTTL: a.o.Config.PresenceTTL, Metrics: a.o.Metrics.Registry(),
	}
}

// watcherOf is who has sent a request, or has the connection that came of it.
func (a *App) watcherOf(ctx context.Context) watcher {
	if w, ok := ctx.Value(watcherKey{}).(watcher); ok {
		return w
	}
	c, ok := a.auth.User(ctx)
	switch {
	case !ok:
		return watcher{}
	case c.KeyName != "":
		w := watcher{user: c.ID, session: byKey, second: true, scopes: c.Scopes, limited: c.Limited, until: c.Until}
		if c.Token != "" {
			w.app, w.token = c.KeyName, c.Token
		}
		return w
	default:
		in := session.From(ctx)
		return watcher{user: c.ID, session: in.ID(), second: a.shown(ctx), until: in.Expires()}
	}
}

// keepWatcher is what a connection keeps instead of its whole request.
func (a *App) keepWatcher(r *http.Request) context.Context {
	ctx := obs.WithLogger(context.Background(), a.o.Logger)
	return context.WithValue(ctx, watcherKey{}, a.watcherOf(r.Context()))
}

func (a *App) identify(ctx context.Context) hub.Identity {
	w := a.watcherOf(ctx)
	id := hub.Identity{User: w.user, Session: w.session}
	if !w.until.IsZero() {
		id.Until = a.bySystem(w.until)
	}
	return id
}

// extend returns when what a connection came with ends by now: to watch is no use of
// a session, but its user may have used it since.
func (a *App) extend(ctx context.Context) (time.Time, error) {
	w := a.watcherOf(ctx)
	if w.session == byKey {
		return a.bySystem(w.until), nil
	}
	until, err := a.sessions.Expires(ctx, w.user, w.session)
	if err != nil {
		return time.Time{}, fmt.Errorf("watch: %w", err)
	}
	return a.bySystem(until), nil
}

// bySystem returns t by the system's clock; the hub knows no other.
func (a *App) bySystem(t time.Time) time.Time { return time.Now().Add(t.Sub(a.o.Now())) }

// mayWatch decides who may follow a channel, at first and whenever something has
// changed: so it asks who the user is today.
func (a *App) mayWatch(ctx context.Context, _ string, params map[string]string) error {
	all, w := false, a.watcherOf(ctx)
	if w.app != "" {
		denied, err := a.apps.Server.Denied(ctx, token.Claims{ID: w.token, ClientID: w.app})
		switch {
		case err != nil:
			return fmt.Errorf("watch %s: %w", params["channel"], err)
		case denied:
			return hub.ErrForbidden
		}
	}
	if w.user != "" {
		c, err := a.findUser(ctx, w.user)
		switch {
		case errors.Is(err, auth.ErrNoUser), err == nil && c.Disabled:
			return hub.ErrForbidden
		case err != nil:
			return fmt.Errorf("watch %s: %w", params["channel"], err)
		case a.required.Lacks(c.User, w.second) != services.Nothing:
			return hub.ErrForbidden
		}
		if err := a.open(ctx, w); err != nil {
			return err
		}
		c.Scopes, c.Limited = w.scopes, w.limited
		all = a.auth.Allows(c, services.MayWatch)
	}
	_, err := a.channels.Visible(ctx, params["channel"], all)
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("watch %s: %w", params["channel"], err)
	}
	if err != nil {
		return hub.ErrForbidden
	}
	return nil
}

// open returns why what w came with is over: for what nobody was told of, such as a
// session that has idled out.
func (a *App) open(ctx context.Context, w watcher) error {
	if w.session == byKey {
		return nil
	}
	open, err := a.sessions.Open(ctx, w.user, w.session)
	switch {
	case err != nil:
		return fmt.Errorf("watch: %w", err)
	case !open:
		return hub.ErrForbidden
	}
	return nil
}

// KeyRotated implements handlers.Watchers.
func (a *App) KeyRotated(id string) { a.apiKeys.Forget(id) }

// sessionEnded ends what the session has open, in every process.
func (a *App) sessionEnded(ctx context.Context, user, id string) {
	a.hangUp(ctx, hub.Match{User: user, Session: id})
}

// sessionRenewed has what the session has open connect again, with its new cookie:
// who has copied the old one is nobody then.
func (a *App) sessionRenewed(ctx context.Context, user, id string) {
	if err := a.hub.Reconnect(ctx, hub.Match{User: user, Session: id}); err != nil {
		obs.Logger(ctx).WarnContext(ctx, "other processes keep live connections of a token that was replaced", "user", user, "err", err)
	}
}

// SessionsEnded implements handlers.Watchers. Of sessions that were in no list any
// more, or whose end another process has missed, connections may be left: each is
// asked whether its session is open.
func (a *App) SessionsEnded(ctx context.Context, user string) {
	if err := a.hub.Recheck(ctx, hub.Match{User: user}); err != nil {
		obs.Logger(ctx).WarnContext(ctx, "other processes have not checked live connections again", "user", user, "err", err)
	}
}

// AllEnded implements handlers.Watchers. Programs with a key that is still good
// come back.
func (a *App) AllEnded(ctx context.Context, user string) {
	if err := a.hub.Reconnect(ctx, hub.Match{User: user}); err != nil {
		obs.Logger(ctx).WarnContext(ctx, "other processes keep live connections of ended sessions", "user", user, "err", err)
	}
}

// KeyRevoked implements handlers.Watchers. Which key a connection came with is
// not known to the hub: the user's other programs connect again.
func (a *App) KeyRevoked(ctx context.Context, user string) {
	a.apiKeys.ForgetAll()
	a.hangUp(ctx, hub.Match{User: user, Session: byKey})
}

func (a *App) hangUp(ctx context.Context, m hub.Match) {
	if err := a.hub.Disconnect(ctx, m); err != nil {
		obs.Logger(ctx).WarnContext(ctx, "other processes keep live connections of an ended session", "user", m.User, "err", err)
	}
}

// appStopped ends what an app has open that is disabled or gone, or does less.
func (a *App) appStopped(ctx context.Context) {
	if err := a.hub.Recheck(ctx, hub.Match{Session: byKey}); err != nil {
		obs.Logger(ctx).WarnContext(ctx, "other processes have not checked live connections again after an app was stopped", "err", err)
	}
}

// RoleChanged implements handlers.Watchers.
func (a *App) RoleChanged(ctx context.Context, user string) {
	a.apiKeys.ForgetAll()
	a.SessionsEnded(ctx, user)
}
