package galetest

import (
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
)

// The names of the servers that a test runs on.
const (
	// Engine is gale's engine.Server on a real port, in its default mode.
	Engine = "engine"
	// Loop, Pool and Slow are the same in the modes engine.Loop, engine.Pool and
	// engine.AlwaysSlow, in which every handler runs away from the event loop.
	Loop = "loop"
	Pool = "pool"
	Slow = "slow"
	// NetHTTP is net/http's server on a network in memory.
	NetHTTP = "nethttp"
)

// ServersVar is the environment variable that names, with commas between, the
// servers of tests that do not set Options.Servers.
const ServersVar = "GALETEST_SERVERS"

// Options change how tests run. The zero value is the usual way.
type Options struct {
	// Servers are those to run on, such as [Engine] and [NetHTTP]. Defaults to
	// those that [ServersVar] names, and then to Engine, [Slow] and NetHTTP; for
	// [Start], to Engine.
	Servers []string
	// SignIn signs c in as the user called name, mostly by posting the login
	// form; [Client.As] calls it with a new client.
	SignIn func(c *Client, name string)
	// TLS serves https, with HTTP/2, under a certificate that the client trusts.
	TLS bool
	// Log takes what is logged, instead of one for each server; use it when the
	// handler has a logger of its own.
	Log *Log
	// IgnoreLeaks are parts of function names, such as
	// "pgxpool.(*Pool).backgroundHealthCheck", whose goroutines may outlive the
	// test.
	IgnoreLeaks []string
}

// Run runs body as a parallel subtest on each server. All serve the same h; a
// handler with state of its own wants [RunWith].
func Run(t *testing.T, h http.Handler, body func(t *testing.T, c *Client)) {
	t.Helper()
	RunWith(t, Options{}, func(testing.TB) http.Handler { return h }, body)
}

// RunWith is Run with options and with a handler, and so a state, for each
// server. handler is called in the subtest, and may register clean-ups, which
// run after the server was stopped.
func RunWith(t *testing.T, o Options, handler func(tb testing.TB) http.Handler, body func(t *testing.T, c *Client)) {
	t.Helper()
	for _, name := range o.servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body(t, start(t, name, o, handler).Client())
		})
	}
}

func (o Options) servers() []string {
	if len(o.Servers) > 0 {
		return o.Servers
	}
	if names := os.Getenv(ServersVar); names != "" {
		return strings.Split(names, ",")
	}
	return []string{Engine, Slow, NetHTTP}
}

// Start serves h on one server until the test ends.
func Start(tb testing.TB, h http.Handler, o Options) *Server {
	tb.Helper()
	name := Engine
	if len(o.Servers) > 0 {
		name = o.Servers[0]
	}
	return start(tb, name, o, func(testing.TB) http.Handler { return h })
}

// start registers its checks in the order opposite to that in which they run:
// the server is stopped, then handler's clean-ups run, then the log is checked,
// and goroutines are counted when nothing should be left of any of these.
func start(tb testing.TB, name string, o Options, handler func(testing.TB) http.Handler) *Server {
	tb.Helper()
	ctx := watchLeaks(tb, o.IgnoreLeaks)
	log := o.Log
	if log == nil {
		log = NewLog(tb)
	}
	s := &Server{Name: name, tb: tb, o: o, log: log}
	s.serve(ctx, handler(tb))
	return s
}

// Logger is what a handler under test gets from obs.Logger.
func (s *Server) logger() *slog.Logger { return s.log.Logger() }
