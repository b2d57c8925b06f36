package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/drivers/galememcached"
	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/session"
)

// OpenSessions opens what keeps sessions beside the database, or returns nil for
// database: and cookie:, which need nothing to be opened. The caller closes it.
func OpenSessions(address, prefix string) (session.Store, func(context.Context) error, error) {
	none := func(context.Context) error { return nil }
	scheme, _, _ := strings.Cut(address, ":")
	switch scheme {
	case "", "database", cookieSessions:
		return nil, none, nil
	case "valkey", "valkeys", "redis", "rediss":
		o, err := galevalkey.ParseURL(address)
		if err != nil {
			return nil, nil, fmt.Errorf("SESSION_URL: %w", err)
		}
		client, err := valkey.NewClient(o)
		if err != nil {
			return nil, nil, fmt.Errorf("SESSION_URL: %w", err)
		}
		stop := func(context.Context) error { client.Close(); return nil }
		return galevalkey.NewSessions(client, galevalkey.StoreOptions{Prefix: prefix + ":sessions:"}), stop, nil
	case "memcached":
		u, err := url.Parse(address)
		if err != nil || u.Port() == "" || u.User != nil || u.RawQuery != "" || u.Path != "" {
			return nil, nil, errors.New("SESSION_URL must be like memcached://host:11211; memcached knows no passwords")
		}
		client := memcache.New(net.JoinHostPort(u.Hostname(), u.Port()))
		client.Timeout, client.MaxIdleConns = time.Second, 100
		stop := func(context.Context) error { return client.Close() }
		if err := client.Ping(); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("SESSION_URL: %w", err), client.Close())
		}
		return galememcached.NewSessions(client, galememcached.Options{Prefix: prefix + ":sessions:"}), stop, nil
	}
	return nil, nil, fmt.Errorf("SESSION_URL: nothing is called %q; use database:, cookie:, valkey:… or memcached:…", scheme)
}

// cookieSessions is the scheme of sessions whose values are in their cookies.
const cookieSessions = "cookie"

// sessionStore keeps sessions where the configuration says, and where it says so
// those in use in memory for a moment.
func (a *App) sessionStore() session.Store {
	store := a.o.Sessions
	if store == nil {
		store = session.NewSQLStore(a.o.DB)
	}
	if age := a.o.Config.SessionCache; age > 0 {
		store = session.NewCachedStore(session.CachedOptions{Store: store, Age: age, Clock: a.o.Now})
	}
	if scheme, _, _ := strings.Cut(a.o.Config.SessionURL.Reveal(), ":"); scheme == cookieSessions {
		// Who is signed in where stays in the database, so that it is listed and revoked.
		store = session.NewCookieStore(session.CookieOptions{Sealer: a.o.Keys.AEAD("sessions.cookie"), Index: store, Clock: a.o.Now})
	}
	return store
}
