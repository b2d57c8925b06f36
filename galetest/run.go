package galetest

import (
	"log/slog"
	"net/http"
	"testing"
)

// The names of the servers that a test runs on.
const (
	// Engine is gale's engine.Server on a real port.
	Engine = "engine"
	// NetHTTP is net/http's server on a network in memory.
	NetHTTP = "nethttp"
)

// Options change how tests run. The zero value is the usual way.
type Options struct {
	// Servers are those to run on, [Engine] and [NetHTTP]. Defaults to both;
	// for [Start], to Engine.
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
	servers := o.Servers
	if len(servers) == 0 {
		servers = []string{Engine, NetHTTP}
	}
	for _, name := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body(t, start(t, name, o, handler).Client())
		})
	}
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
