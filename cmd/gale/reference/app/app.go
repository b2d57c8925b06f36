// Package app puts relay together: storage, services, handlers and routes.
package app

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/apikey"
	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/session"
)

// Options are what New builds on. All but Broker, Metrics, Hasher and Now are needed.
type Options struct {
	Config  config.Config
	DB      *db.DB     // migrated
	Broker  hub.Broker // defaults to memory
	Logger  *slog.Logger
	Metrics *obs.Metrics
	Hasher  auth.HasherOptions
	Now     func() time.Time
}

// App is relay. It serves HTTP between New and Close.
type App struct {
	o        Options
	auth     *auth.Auth[models.Caller]
	sessions *session.Manager
	accounts *services.Accounts
	keys     *services.Keys
	channels *services.Channels
	packets  *services.Packets
	stored   *database.Packets
	hub      *hub.Hub
	live     *hub.Topic[models.Packet]
	handler  http.Handler

	stop    context.CancelFunc
	running sync.WaitGroup
}

// New builds the application and starts the goroutines that commit packets and
// note the use of keys; Close ends them.
func New(o Options) (*App, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	store := database.New(o.DB)
	a := &App{
		o:        o,
		accounts: &services.Accounts{Store: store, Hasher: auth.NewHasher(o.Hasher), Open: o.Config.SignUp, Now: o.Now},
		keys:     services.NewKeys(store, o.Now),
		channels: &services.Channels{Store: store, Now: o.Now},
	}
	a.hub = hub.New(a.hubOptions())
	a.sessions = session.New(session.Options{
		Store: session.NewSQLStore(o.DB), Idle: o.Config.SessionIdle, Lifetime: o.Config.SessionLife, Clock: o.Now,
		Addr:  func(r *http.Request) string { return middleware.ClientAddr(r.Context()).String() },
		Ended: a.sessionEnded,
	})
	a.auth = auth.New(auth.Options[models.Caller]{
		Sessions:    a.sessions,
		Find:        a.findUser,
		ID:          func(c models.Caller) string { return c.ID },
		Active:      func(c models.Caller) bool { return !c.Disabled },
		Roles:       func(c models.Caller) []string { return []string{string(c.Role)} },
		Permissions: services.Permissions(),
		LoginURL:    "/sign-in",
		Authenticators: []auth.Authenticator[models.Caller]{apikey.NewAuthenticator(apikey.Options[models.Caller]{
			Prefix: services.KeyPrefix, Find: a.findKey, Used: a.keyUsed, Clock: o.Now,
		})},
	})
	a.live = hub.NewTopic[models.Packet](a.hub, "packets/{channel}", hub.TopicOptions[models.Packet]{
		// Pages fetch what they missed; this spares a query after a short break.
		History: 100, HistoryAge: time.Minute, Authorize: a.mayWatch, PresenceCounts: true,
	})
	a.stored = database.NewPackets(o.DB, database.PacketsOptions{Committed: a.publish, Now: o.Now})
	a.packets = &services.Packets{Store: a.stored}
	var err error
	if a.handler, err = a.routes(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(obs.WithLogger(context.Background(), o.Logger))
	a.stop = stop
	a.running.Go(func() { a.keys.Run(ctx) })
	a.running.Go(func() { _ = a.stored.Run(ctx) }) // returns nil, when told to stop
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

// Close commits what was accepted and stops; it does not close the database.
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
