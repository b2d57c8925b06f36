// Package app puts relay together: storage, services, handlers and routes.
package app

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/auth/strength"
	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/mail"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/session"
)

// Options are what New builds on. All but Broker, Limits, Sessions, Breached, Metrics,
// Hasher, Now, Reload and Transport are needed. [Open] makes them of a configuration.
type Options struct {
	Config   config.Config
	DB       *db.DB // migrated, and no address in clear, see database.Store.Seal
	Keys     *keyring.Ring
	Mail     mail.Sender      // in development a *mail.Memory is shown at /dev/outbox
	Broker   hub.Broker       // defaults to memory
	Limits   ratelimit.Store  // of failed sign-ins and mails; defaults to the database
	Sessions session.Store    // defaults to the database
	Breached []*strength.List // passwords that may not be chosen; defaults to those built in
	Logger   *slog.Logger
	Metrics  *obs.Metrics
	Hasher   auth.HasherOptions
	Now      func() time.Time
	Reload   <-chan os.Signal // has the keys read again; defaults to never
	// Transport makes the requests to providers that people sign in with;
	// defaults to that of package oauth.
	Transport http.RoundTripper

	RolesEvery time.Duration // how often roles that others change are looked for; see roles.Options
	VerifyLook time.Duration // when the audit log is verified; see audit.Options
	SweepEvery time.Duration // how often tokens that have ended are removed; defaults to a minute
}

// App is relay. It serves HTTP between New and Close.
type App struct {
	o        Options
	store    *database.Store
	auth     *auth.Auth[models.Caller]
	sessions *session.Manager
	devices  *auth.Devices
	mails    *services.Mails
	accounts *services.Accounts
	keys     *services.Keys
	apiKeys  *apikey.Authenticator[models.Caller]
	trust    *auth.Trust
	audit    *audit.Log
	roles    *services.Roles
	refusals refusals // of permissions
	required services.Requirement
	apps     *services.Apps
	// appRefusals are of apps that do not authenticate.
	appRefusals refusals
	factors     *services.Factors
	channels    *services.Channels
	packets     *services.Packets
	stored      *database.Packets
	hub         *hub.Hub
	live        *hub.Topic[models.Packet]
	handler     http.Handler

	stop     context.CancelFunc
	running  sync.WaitGroup
	reloaded chan struct{} // has keepSealed look at the keys now
}

// New builds the application and starts the goroutines that commit packets, note
// the use of keys, send mail, look for changed roles, verify the audit log and
// remove what has ended; Close ends them.
func New(o Options) (*App, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Metrics == nil {
		o.Metrics = obs.NewMetrics()
	}
	if o.Limits == nil {
		o.Limits = ratelimit.NewSQLStore(o.DB)
	}
	o.Limits = sealedLimits(o.Limits, o.Keys)
	store := database.New(o.DB, o.Keys)
	a := &App{
		o:        o,
		reloaded: make(chan struct{}, 1),
		store:    store,
		keys:     services.NewKeys(store, o.Now),
		channels: &services.Channels{Store: store, Now: o.Now},
	}
	strict := a.strict()
	a.mails = services.NewMails(o.Mail, strict)
	o.Hasher.Addr = middleware.ClientAddr
	a.accounts = &services.Accounts{
		Store: store, SignUps: store, Links: store, Invites: store, Removal: store, EndKeys: store, Ways: store, Names: store,
		Hasher: auth.NewHasher(o.Hasher), Mails: a.mails, Renames: strict, Open: o.Config.SignUp, Now: o.Now,
		Passwords: strength.New(strength.Options{Context: []string{"relay"}, Breached: o.Breached}),
	}
	a.keys.Accounts = a.accounts
	a.accounts.Throttle, a.accounts.Confirm = a.throttle("signin"), a.throttle("confirm")
	a.accounts.Setup = a.newSetup()
	// Only the life of the signature is bounded here: Devices has its own.
	a.devices = auth.NewDevices(auth.DevicesOptions{Signer: o.Keys.Signer("devices", 365*24*time.Hour), Clock: o.Now})
	a.trust = auth.NewTrust(auth.TrustOptions{Signer: o.Keys.Signer("trust", 31*24*time.Hour), Clock: o.Now})
	a.audit = audit.New(audit.Options{DB: o.DB, Key: []byte(o.Config.AuditKey.Reveal()), Metrics: o.Metrics.Registry(), Clock: o.Now, VerifyLook: o.VerifyLook})
	a.hub = hub.New(a.hubOptions())
	a.sessions = session.New(session.Options{
		Store: a.sessionStore(), Idle: o.Config.SessionIdle, Lifetime: o.Config.SessionLife, Clock: o.Now,
		Addr:  func(r *http.Request) string { return middleware.ClientAddr(r.Context()).String() },
		Ended: a.sessionEnded, Renewed: a.sessionRenewed,
	})
	a.keys.Rotation, a.keys.Standing, a.apiKeys = store, store, a.newKeys()
	var err error
	if a.apps, err = a.newApps(); err != nil {
		return nil, err
	}
	a.refusals, a.appRefusals = a.newRefusals("refusals"), a.newRefusals("client-refusals")
	if err := a.openRoles(obs.WithLogger(context.Background(), o.Logger), store); err != nil {
		return nil, err
	}
	a.auth = auth.New(auth.Options[models.Caller]{
		Sessions:       a.sessions,
		Find:           a.findUser,
		ID:             func(c models.Caller) string { return c.ID },
		Active:         func(c models.Caller) bool { return !c.Disabled },
		Roles:          func(c models.Caller) []string { return []string{string(c.Role)} },
		Permissions:    services.Permissions(),
		PermissionsOf:  a.roles.Stored.PermissionsOf,
		RoleNames:      a.roles.Stored.Names,
		Refused:        a.refused,
		Stamp:          func(c models.Caller) string { return c.Stamp() },
		LoginURL:       "/sign-in",
		Clock:          o.Now,
		Scopes:         scopes,
		Authenticators: a.credentials(),
	})
	a.live = hub.NewTopic[models.Packet](a.hub, "packets/{channel}", hub.TopicOptions[models.Packet]{
		// Pages fetch what they missed; this spares a query after a short break.
		History: 100, HistoryAge: time.Minute, Authorize: a.mayWatch, PresenceCounts: true,
	})
	a.stored = database.NewPackets(o.DB, database.PacketsOptions{Committed: a.publish, Now: o.Now})
	a.packets = &services.Packets{Store: a.stored}
	if a.handler, err = a.routes(a.limits(strict)); err != nil {
		return nil, err
	}
	if err := a.announceSetup(context.Background()); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(obs.WithLogger(context.Background(), o.Logger))
	a.stop = stop
	a.running.Go(func() { a.keys.Run(ctx) })
	a.running.Go(func() { a.mails.Run(ctx) })
	a.running.Go(func() { _ = a.stored.Run(ctx) }) // returns nil, when told to stop
	a.running.Go(func() { _ = a.roles.Stored.Run(ctx) })
	a.running.Go(func() { _ = a.audit.Run(ctx) })
	a.keepKeys(ctx)
	a.keepSealed(ctx, store)
	a.keepSwept(ctx)
	return a, nil
}

// Handler serves relay, without the default middleware that gale.Run adds.
func (a *App) Handler() http.Handler { return a.handler }

// Drain asks those who watch to come back later, for gale.Options.OnDrain.
func (a *App) Drain(ctx context.Context) {
	if err := a.hub.Drain(ctx); err != nil {
		a.o.Logger.WarnContext(ctx, "live connections were cut", "err", err)
	}
}

// Close commits what was accepted, sends the mails that wait and stops; it does not close the database.
func (a *App) Close(context.Context) error {
	a.stop()
	a.running.Wait()
	return nil
}

// publish shows packets to those who watch.
func (a *App) publish(c models.Channel, packets []models.Packet) {
	if _, err := a.live.PublishBatch(context.Background(), "packets/"+c.Name, packets...); err != nil {
		a.o.Logger.Warn("packets were stored but not shown live", "channel", c.Name, "err", err)
	}
}
