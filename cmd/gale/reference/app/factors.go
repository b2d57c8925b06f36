package app

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/auth/recovery"
	"github.com/galeweb/gale/auth/totp"
	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/drivers/galewebauthn"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/web"
)

// newFactors builds the second factors, whose ceremonies call the pages back.
func (a *App) newFactors(accounts *handlers.Accounts, factors *handlers.Factors) *services.Factors {
	rp, origin := relyingParty(a.o.Config.Public())
	f := &services.Factors{
		Accounts: a.accounts,
		Apps: totp.New(totp.Options{
			Issuer: "relay", Store: totp.NewSQLStore(a.o.DB), Sealer: a.o.Keys.AEAD(appSecrets), Clock: a.o.Now,
		}),
		Codes: recovery.New(recovery.Options{
			Store: recovery.NewSQLStore(a.o.DB), Hash: a.o.Keys.BlindIndex("recovery_codes.hash", keyring.IndexOptions{Bytes: 32}), Clock: a.o.Now,
		}),
		Passkeys: passkey.New(passkey.Options{
			RPID: rp, RPName: "relay", Origins: []string{origin}, Verifier: galewebauthn.New(), Store: recordedPasskeys{passkey.NewSQLStore(a.o.DB), a},
			Signer: a.o.Keys.Signer("passkey", 5*time.Minute), Clock: a.o.Now,
			Account: factors.PasskeyAccount, Registered: factors.PasskeyAdded,
			SignedIn: accounts.PasskeySignedIn, Pending: accounts.PasskeyOf, Confirmed: accounts.PasskeyConfirmed,
			Failed: a.passkeyFailed(),
		}),
		Audit:    a.audit,
		Store:    a.store,
		Required: a.required,
		Left:     a.store,
	}
	throttle := func(name string) *auth.Throttle {
		return auth.NewThrottle(auth.ThrottleOptions{
			Codes: true, Name: name, Store: a.o.Limits, TrustedSince: f.TrustedSince, Metrics: a.o.Metrics.Registry(),
		})
	}
	f.Throttle, f.ForCodes = throttle("code"), throttle("recovery")
	return f
}

// recentFactor asks whoever has a second factor to have shown it a moment ago,
// before the factors can be changed: in a browser that is trusted the password
// alone signs in, and would be enough to take the second factor away.
func (a *App) recentFactor(next http.Handler) http.Handler {
	guarded := a.auth.RequireRecent(recent, auth.MethodTOTP, auth.MethodPasskey, auth.MethodRecovery)(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := a.auth.User(r.Context())
		factors, err := a.factors.Of(r.Context(), c.ID)
		switch {
		case err != nil:
			web.Fail(w, r, err)
		case factors.Any():
			guarded.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// passkeyFailed writes down a response that was refused. Who sent it is not
// proved to be the passkey's owner: so many of one address and of all, or
// strangers could fill the audit log.
func (a *App) passkeyFailed() func(context.Context, passkey.Failure) {
	refusals := a.newRefusals("passkey-refusals")
	return func(ctx context.Context, f passkey.Failure) {
		if !refusals.due(ctx, ratelimit.Network(middleware.ClientAddr(ctx), 32, 64)) {
			return
		}
		a.writeDown(ctx, audit.Record{
			Action: "passkey.refused", Target: f.UserID, Outcome: audit.Refused, Detail: map[string]string{"cause": f.Err.Error()},
		})
	}
}

// relyingParty returns the domain that passkeys are for, and the origin of its
// pages. An IP address cannot have passkeys: in development, at 127.0.0.1, they
// work where the page is opened at localhost.
func relyingParty(public string) (id, origin string) {
	u, err := url.Parse(public)
	if err != nil {
		return "localhost", "http://localhost" // Validate has parsed it
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		u.Host = net.JoinHostPort("localhost", u.Port())
		if u.Port() == "" {
			u.Host = "localhost"
		}
	}
	return u.Hostname(), u.Scheme + "://" + u.Host
}

// passkeyHint is where passkeys work, when that is not where links lead.
func (a *App) passkeyHint() string {
	if _, origin := relyingParty(a.o.Config.Public()); origin != a.o.Config.Public() {
		return origin
	}
	return ""
}
