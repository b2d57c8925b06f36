package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/session"
)

// OpenLimits opens what counts failed sign-ins, mails and their like: database:
// for d, memory: for one process, or valkey:… for several. The caller closes it.
func OpenLimits(url, prefix string, d *db.DB) (ratelimit.Store, func(context.Context) error, error) {
	none := func(context.Context) error { return nil }
	scheme, _, _ := strings.Cut(url, ":")
	switch scheme {
	case "", "database":
		return ratelimit.NewSQLStore(d), none, nil
	case "memory":
		return ratelimit.NewMemory(ratelimit.MemoryOptions{}), none, nil
	case "valkey", "valkeys", "redis", "rediss":
		o, err := galevalkey.ParseURL(url)
		if err != nil {
			return nil, nil, fmt.Errorf("LIMIT_URL: %w", err)
		}
		client, err := valkey.NewClient(o)
		if err != nil {
			return nil, nil, fmt.Errorf("LIMIT_URL: %w", err)
		}
		stop := func(context.Context) error { client.Close(); return nil }
		return galevalkey.NewRateLimits(client, galevalkey.StoreOptions{Prefix: prefix}), stop, nil
	}
	return nil, nil, fmt.Errorf("LIMIT_URL: nothing is called %q; use database:, memory: or valkey:…", scheme)
}

// limits are those on requests. Failed sign-ins have their own, see auth.Throttle.
type limits struct {
	site   func(http.Handler) http.Handler // everything, by address
	api    func(http.Handler) http.Handler // by API key, or app
	mail   func(http.Handler) http.Handler // forms that have a stranger mailed
	costly func(http.Handler) http.Handler // what makes the database work
	proofs func(http.Handler) http.Handler // responses of passkeys
	asked  func(http.Handler) http.Handler // requests of apps for access, each of which is kept a while
	tokens func(http.Handler) http.Handler // codes, refresh tokens and secrets of apps
}

// limits are counted by each process for itself where there are many requests,
// and together where a few count.
func (a *App) limits(strict *ratelimit.Limiter) limits {
	frequent := ratelimit.New(ratelimit.Options{Store: ratelimit.NewMemory(ratelimit.MemoryOptions{Clock: a.o.Now}), Metrics: a.o.Metrics.Registry()})
	per := func(l *ratelimit.Limiter, name string, n int, per time.Duration, key ratelimit.KeyFunc) func(http.Handler) http.Handler {
		if n == 0 {
			return func(next http.Handler) http.Handler { return next }
		}
		return l.Middleware(ratelimit.Rule{Limit: ratelimit.Limit{Name: name, Rate: n, Per: per}, Key: key})
	}
	addr := ratelimit.ByAddr(middleware.ClientAddr)
	user := ratelimit.ByUser(func(ctx context.Context) string { return session.From(ctx).User() })
	return limits{
		site:   per(frequent, "address", a.o.Config.LimitAddr, time.Minute, addr),
		api:    per(frequent, "key", a.o.Config.LimitKey, time.Minute, a.caller),
		mail:   per(strict, "mail-forms", 30, time.Hour, addr),
		costly: per(strict, "exports", 10, time.Hour, user),
		proofs: per(strict, "proofs", 60, time.Minute, addr),
		asked:  per(strict, "oauth-authorize", 60, time.Minute, addr),
		tokens: per(strict, "oauth-token", 300, time.Minute, addr),
	}
}

// caller is the limit of who calls by an API key or as an app, not of one secret
// or token of theirs: an app can have as many as it likes.
func (a *App) caller(r *http.Request) string {
	c, ok := a.auth.User(r.Context())
	if !ok || c.KeyName == "" {
		return ""
	}
	return c.ID + "/" + c.KeyName
}

// strict counts what an attacker must not get more of when the store fails.
func (a *App) strict() *ratelimit.Limiter {
	return ratelimit.New(ratelimit.Options{Store: a.o.Limits, OnFailure: ratelimit.Local, Metrics: a.o.Metrics.Registry()})
}

func (a *App) throttle(name string) *auth.Throttle {
	return auth.NewThrottle(auth.ThrottleOptions{
		Name: name, Store: a.o.Limits, TrustedSince: a.accounts.TrustedSince, Metrics: a.o.Metrics.Registry(),
	})
}
