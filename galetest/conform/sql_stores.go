package conform

import (
	"fmt"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/auth/recovery"
	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/auth/totp"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/session"
)

// SQLStores has all that gale keeps in a database pass its suite on the one of
// a driver: sessions, limits, roles, second factors, links, refresh tokens and
// re-encryption. Each call of open must return an empty database.
func SQLStores(t *testing.T, open func(t *testing.T) *db.DB) {
	with := func(t *testing.T, schema string) *db.DB {
		d := open(t)
		_, err := d.Exec(t.Context(), schema)
		assert.NoError(t, err)
		return d
	}
	suites := map[string]func(t *testing.T){
		"session": func(t *testing.T) {
			SessionStore(t, func(t *testing.T) session.Store { return session.NewSQLStore(with(t, session.Schema)) })
		},
		"ratelimit": func(t *testing.T) {
			RateLimitStore(t, func(t *testing.T) ratelimit.Store { return ratelimit.NewSQLStore(with(t, ratelimit.Schema)) })
		},
		"ratelimit forgets": func(t *testing.T) { rateLimitForgets(t, with(t, ratelimit.Schema)) },
		"roles": func(t *testing.T) {
			RoleStore(t, func(t *testing.T) roles.Store { return roles.NewSQLStore(with(t, roles.Schema)) })
		},
		"passkey": func(t *testing.T) {
			PasskeyStore(t, func(t *testing.T) passkey.Store { return passkey.NewSQLStore(with(t, passkey.Schema)) })
		},
		"totp": func(t *testing.T) {
			TOTPStore(t, func(t *testing.T) totp.Store { return totp.NewSQLStore(with(t, totp.Schema)) })
		},
		"recovery": func(t *testing.T) {
			RecoveryStore(t, func(t *testing.T) recovery.Store { return recovery.NewSQLStore(with(t, recovery.Schema)) })
		},
		"refresh": func(t *testing.T) {
			RefreshStore(t, func(t *testing.T) token.RefreshStore { return token.NewSQLStore(with(t, token.Schema)) })
		},
		"oauth": func(t *testing.T) {
			OAuthLinks(t, func(t *testing.T) oauth.Links { return oauth.NewSQLStore(with(t, oauth.Schema)) })
		},
		"oauth with user": func(t *testing.T) {
			d := with(t, oauth.Schema)
			oauthLinkWithUser(t, d, oauth.NewSQLStore(d))
		},
		"reencryption": func(t *testing.T) { Reencryption(t, open) },
	}
	for name, suite := range suites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite(t)
		})
	}
}

func rateLimitForgets(t *testing.T, d *db.DB) {
	s := ratelimit.NewSQLStore(d)
	for i := range 600 {
		ok, err := s.Charge(t.Context(), []ratelimit.Charge{{Limit: "l", Key: fmt.Sprint(i), Cost: time.Microsecond, Capacity: time.Second}})
		assert.NoError(t, err)
		assert.True(t, ok, "a new key is refused")
	}
	n, err := db.Get[int64](t.Context(), d, "SELECT count(*) FROM rate_limits")
	assert.NoError(t, err)
	assert.True(t, n < 500, fmt.Sprint(n, " buckets are kept though all have drained"))
}
