package gale

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
)

// The values of Options.Env.
const (
	// Dev is a developer's machine: loopback only, logs and banner for people.
	Dev = "dev"
	// Production is every other place: all addresses, logs as JSON.
	Production = "production"
)

// Options configure [Run]. The zero value is a safe development server.
type Options struct {
	// Name of the service in the banner and the log. Defaults to that of the
	// program.
	Name string
	// Version of the service. Defaults to what the build recorded: the module's
	// version or the revision.
	Version string
	// Env is [Dev] or [Production]. Defaults to Dev.
	Env string
	// Began is when the program began, from which the banner and the log count
	// how long the start took, with what came before Run, such as migrations.
	// Defaults to when Run is called.
	Began time.Time

	// Addr is where to listen: "host:port", or "unix:/run/app.sock" for a Unix
	// socket with mode 0660, in place of which a stale one is removed. Defaults
	// to "127.0.0.1:8080" in Dev and ":8080" in Production. It is not used when
	// systemd passed sockets.
	Addr string
	// Listeners are used instead of Addr and systemd's sockets. Run closes them.
	Listeners []net.Listener
	// TLS serves https and HTTP/2 with this configuration, which has the
	// certificates. Defaults to none, for a proxy in front to do it.
	TLS *tls.Config
	// Configure may change the server's limits before it starts. Optional.
	Configure func(*engine.Server)

	// OpsAddr is where metrics, health and profiles are served, a loopback
	// address or "unix:/path", or "off". Defaults to "127.0.0.1:9090"; in Dev,
	// when that is in use, to a free port.
	OpsAddr string
	// AllowPublicOps lets OpsAddr be another address than loopback. There is no
	// authentication: whoever reaches it may read memory by profiles.
	AllowPublicOps bool
	// OpsHosts are the host names, beside addresses and localhost, under which
	// the ops listener may be asked.
	OpsHosts []string

	// Logger is given to handlers (obs.Logger) and to the server. Defaults to
	// one on stderr, for people in Dev and as JSON in Production.
	Logger *slog.Logger
	// Metrics counts requests in the default chain and is shown by the ops
	// listener. Defaults to new ones.
	Metrics *obs.Metrics
	// Health has the readiness checks. Defaults to one without checks.
	Health *obs.Health

	// Chain configures the default middleware.
	Chain middleware.DefaultOptions
	// Middleware replaces the default middleware when it is not nil, outermost
	// first; an empty slice is none at all.
	Middleware []func(http.Handler) http.Handler

	// StallBudget is the time after which a handler that runs is logged, once,
	// with its stack; see [obs.StallWatch] for what is not reported. HTTP/2 and
	// the mode [engine.Std] are not watched. Defaults to 1 s; negative for no
	// watch.
	StallBudget time.Duration
	// StallTrace says when the runtime's flight recorder is on, from which a
	// stall gets a trace of the seconds before, on the ops listener. Defaults to
	// [obs.TraceAfterStall]. Without an ops listener nothing is recorded.
	StallTrace obs.TraceMode
	// KeepGC leaves the garbage collector as it is. Otherwise, as long as Run
	// runs, collections wait until the heap has 64 MiB, or a quarter of the
	// memory that the cgroup and the machine allow when that is less; above
	// that, GOGC's default holds as ever. It is left alone too when GOGC or
	// GOMEMLIMIT is in the environment, or the program has set either. This is a
	// setting of the process.
	KeepGC bool

	// DrainDelay is how long requests are still accepted after readiness has
	// turned to 503, so that a balancer sees that before connections are
	// refused. Defaults to 0 in Dev and 5 s in Production; negative for 0.
	DrainDelay time.Duration
	// DrainTimeout is the time from the signal, DrainDelay included, until
	// requests under way are cut off. Defaults to 25 s, which with 5 s for the
	// Close functions makes the 30 s that Kubernetes gives.
	DrainTimeout time.Duration
	// OnDrain are called, each in a goroutine of its own, when no more
	// connections are accepted: they end what does not end by itself, such as
	// WebSockets and streams. Their context ends with DrainTimeout.
	OnDrain []func(ctx context.Context)
	// Close are called one after another, the last first, when no request runs
	// any more, to close what handlers use. They have 5 s in all. Run calls
	// them whatever happens, even when it could not start.
	Close []func(ctx context.Context) error

	// Banner is where the start-up banner of Dev goes. Defaults to os.Stderr.
	Banner io.Writer
	// Ready is called once the service accepts connections, with the address of
	// the first listener. Run goes on when it returns.
	Ready func(addr net.Addr)
	// Signals is where stop signals come from. Defaults to SIGINT and SIGTERM
	// of the process.
	Signals <-chan os.Signal
}

const (
	defaultOpsAddr = "127.0.0.1:9090"
	opsOff         = "off"

	// closeTimeout is for all Close functions together.
	closeTimeout = 5 * time.Second
	// cutTimeout is how long handlers and callbacks may take to return when their
	// connections are gone and their contexts have ended.
	cutTimeout = time.Second
)

func (o Options) withDefaults() (Options, error) {
	o.Env = cmp.Or(o.Env, Dev)
	if o.Env != Dev && o.Env != Production {
		return o, fmt.Errorf("gale: Env is %q; set it to %q or %q", o.Env, Dev, Production)
	}
	name, version := buildInfo()
	o.Name, o.Version = cmp.Or(o.Name, name), cmp.Or(o.Version, version)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, 25*time.Second)
	if o.Env == Production {
		o.Addr = cmp.Or(o.Addr, ":8080")
		o.DrainDelay = cmp.Or(o.DrainDelay, 5*time.Second)
	}
	o.Addr = cmp.Or(o.Addr, "127.0.0.1:8080")
	if o.Logger == nil {
		o.Logger = obs.NewLogger(os.Stderr, obs.LogOptions{JSON: o.Env == Production})
	}
	if o.Metrics == nil {
		o.Metrics = obs.NewMetrics()
	}
	if o.Health == nil {
		o.Health = obs.NewHealth()
	}
	if o.Banner == nil {
		o.Banner = os.Stderr
	}
	return o, nil
}

// handler wraps h in the middleware.
func (o Options) handler(h http.Handler) http.Handler {
	if o.Middleware != nil {
		return middleware.Chain(h, o.Middleware...)
	}
	if o.Chain.Metrics == nil {
		o.Chain.Metrics = o.Metrics.Middleware
	}
	return middleware.Chain(h, middleware.Default(o.Chain)...)
}
