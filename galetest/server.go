package galetest

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/memnet"
	"github.com/galeweb/gale/internal/serverlog"
	"github.com/galeweb/gale/obs"
)

// host is what every server under test is called, whatever its address, so
// that one body can speak of "http://gale.test/…".
const host = "gale.test"

// stopTimeout is how long requests may take to end after a test.
const stopTimeout = 5 * time.Second

// Server is a server under test. Make one by [Start].
type Server struct {
	// Name is one of the names of servers, such as [Engine].
	Name string

	tb    testing.TB
	o     Options
	log   *Log
	addr  net.Addr
	dial  func(ctx context.Context) (net.Conn, error)
	roots *tls.Config
}

// httpServer is what the servers have in common.
type httpServer interface {
	Serve(net.Listener) error
	ServeTLS(l net.Listener, certFile, keyFile string) error
	Shutdown(context.Context) error
	Close() error
}

// serve starts the server and has it stopped at the end of the test.
func (s *Server) serve(ctx context.Context, h http.Handler) {
	s.tb.Helper()
	base := obs.WithLogger(context.WithoutCancel(ctx), s.logger())
	baseContext := func(net.Listener) context.Context { return base }
	var config *tls.Config
	if s.o.TLS {
		config, s.roots = certificate(s.tb)
	}
	srv := newServer(s.tb, s.Name, h, s.logger(), baseContext, config)
	l := s.listen()
	done := make(chan error, 1)
	go func() {
		if s.o.TLS {
			done <- srv.ServeTLS(l, "", "")
			return
		}
		done <- srv.Serve(l)
	}()
	cleanup(s.tb, func() { s.stop(srv, done) })
}

func newServer(tb testing.TB, name string, h http.Handler, log *slog.Logger, base func(net.Listener) context.Context, config *tls.Config) httpServer {
	tb.Helper()
	srv := &engine.Server{
		Handler: h, ErrorLog: log, BaseContext: base, TLSConfig: config,
		// A test must not be answered 503 because the machine is busy with others.
		MaxQueueing: -1,
	}
	switch name {
	case Engine:
	case Loop, Pool, Slow:
		srv.Mode = engine.Mode(name)
	case NetHTTP:
		return &http.Server{
			Handler: h, ErrorLog: serverlog.New(log), BaseContext: base, TLSConfig: config, ReadHeaderTimeout: stopTimeout,
		}
	default:
		tb.Fatalf("galetest: unknown server %q; use galetest.Engine, Loop, Pool, Slow or NetHTTP", name)
	}
	return srv
}

func (s *Server) listen() net.Listener {
	s.tb.Helper()
	if s.Name == NetHTTP {
		l := memnet.Listen(host)
		s.addr, s.dial = l.Addr(), l.Dial
		return l
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.tb.Fatalf("galetest: %v", err)
	}
	s.addr = l.Addr()
	s.dial = func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", s.addr.String())
	}
	return l
}

func (s *Server) stop(srv httpServer, done <-chan error) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		s.tb.Errorf("galetest: a request was still running %v after the test", stopTimeout)
		_ = srv.Close()
	}
	if err := <-done; err != http.ErrServerClosed {
		s.tb.Errorf("galetest: the server ended with %v", err)
	}
}

// URL returns the address that a browser can open, such as
// "http://127.0.0.1:40123"; a server in memory has none and fails the test.
func (s *Server) URL() string {
	s.tb.Helper()
	if s.Name == NetHTTP {
		s.tb.Fatalf("galetest: the %s server is in memory and has no address; run on galetest.Engine", s.Name)
	}
	return s.scheme() + "://" + s.addr.String()
}

// Log returns what the server and its handler logged.
func (s *Server) Log() *Log { return s.log }

func (s *Server) scheme() string {
	if s.o.TLS {
		return "https"
	}
	return "http"
}
