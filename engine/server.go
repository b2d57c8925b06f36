package engine

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/galeweb/gale/internal/serverlog"
)

// Server serves HTTP. The zero value with a Handler is ready and safe. A
// Server must not be copied, and cannot be used again after Shutdown or Close.
//
// In a duration or number 0 means the default and a negative value no limit.
type Server struct {
	// Handler answers every request. It is required: a nil Handler panics at
	// the first Serve, where net/http would serve a global mux.
	Handler http.Handler

	// ErrorLog receives what the server itself has to say: panics of handlers
	// at Error, refused and broken connections below that. Defaults to
	// [slog.Default].
	ErrorLog *slog.Logger

	// Mode is the mechanism. Defaults to what the environment variable
	// GALE_ENGINE names (loop, pool or std), and then to [Loop] on Linux and
	// [Std] elsewhere. Serve returns an error for any other value.
	Mode Mode

	// Route returns the name of the route that a request will take, such as its
	// ServeMux pattern, or "": requests of a route that was slow leave the loop
	// before they run, and counts are kept by it. It must be cheap and must not
	// change the request. Defaults to Handler's method
	// Handler(*http.Request) (http.Handler, string) where it has one, and else
	// to none, and paths with their digits taken out stand in for routes.
	Route func(r *http.Request) string

	// BaseContext returns the context from which those of all requests on l
	// derive. Defaults to [context.Background].
	BaseContext func(l net.Listener) context.Context

	// ConnContext derives the context of one connection. Optional.
	ConnContext func(ctx context.Context, c net.Conn) context.Context

	// TLSConfig is used by ServeTLS. Its minimal version defaults to TLS 1.2.
	TLSConfig *tls.Config

	// ReadHeaderTimeout is the time for the TLS handshake, and again for the
	// whole header of a request, against clients that send a byte a minute
	// (slowloris). Defaults to 10 s.
	ReadHeaderTimeout time.Duration

	// ReadTimeout is the time for a request with its body. Defaults to none,
	// since a limit for the whole server would cut uploads and WebSockets;
	// limit routes by middleware.Timeout.
	ReadTimeout time.Duration

	// WriteTimeout is the time from the end of the header to the end of the
	// response. Defaults to none, for the reason given at ReadTimeout.
	WriteTimeout time.Duration

	// IdleTimeout is the time between two requests of a connection. Defaults to
	// 75 s: more than the 60 s that common proxies and balancers keep a
	// connection to us, so that it is they who close and no request is lost in
	// a crossing.
	IdleTimeout time.Duration

	// MaxHeaderBytes limits the request line and header. Defaults to 64 KiB:
	// eight times what common proxies let through, and a bound on what a
	// connection may make us hold before any handler sees it.
	MaxHeaderBytes int

	// MaxConns limits open connections; one too many is accepted and closed at
	// once, so that a balancer tries elsewhere. Defaults to three quarters of
	// the files that the process may open, so that under a flood the database
	// still gets its own.
	MaxConns int

	// MaxConnsPerAddr limits the connections of one public IPv4 address or
	// IPv6 /64 network. Loopback and private addresses are not limited, since
	// a proxy there speaks for everyone. Defaults to a quarter of MaxConns, so
	// that no one client takes them all.
	MaxConnsPerAddr int

	once   sync.Once
	http   *http.Server
	limits *connLimits
}

// Serve accepts connections on l until Shutdown or Close, and then returns
// [http.ErrServerClosed]. It closes l.
func (s *Server) Serve(l net.Listener) error {
	s.init()
	return s.http.Serve(s.limits.listen(l))
}

// ServeTLS is Serve with TLS, with HTTP/2 where the client offers it. The file
// names may be empty when TLSConfig has certificates.
func (s *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	s.init()
	return s.http.ServeTLS(s.limits.listen(l), certFile, keyFile)
}

// Shutdown closes the listeners and idle connections, waits for requests under
// way, and returns nil, or the error of ctx when that ended first. It does not
// wait for hijacked connections; see [Server.RegisterOnShutdown].
func (s *Server) Shutdown(ctx context.Context) error {
	s.init()
	return s.http.Shutdown(ctx)
}

// Close closes all listeners and connections at once, save hijacked ones. The
// contexts of requests under way end; it does not wait for their handlers.
func (s *Server) Close() error {
	s.init()
	return s.http.Close()
}

// RegisterOnShutdown has each Shutdown call f in a goroutine of its own, to end
// what Shutdown does not wait for, such as WebSockets.
func (s *Server) RegisterOnShutdown(f func()) {
	s.init()
	s.http.RegisterOnShutdown(f)
}

// Stats returns the counters of this server.
func (s *Server) Stats() Stats {
	s.init()
	return Stats{}
}

// Running returns the requests whose handlers now run away from the loop,
// oldest first.
func (s *Server) Running() []Running {
	s.init()
	return nil
}

func (s *Server) init() {
	s.once.Do(func() {
		if s.Handler == nil {
			panic("engine: Server has no Handler; set one")
		}
		logger := s.ErrorLog
		if logger == nil {
			logger = slog.Default()
		}
		s.limits = newConnLimits(s.MaxConns, s.MaxConnsPerAddr, logger)
		var protocols http.Protocols
		protocols.SetHTTP1(true)
		protocols.SetHTTP2(true)
		s.http = &http.Server{
			Handler:           refusePreface(s.Handler),
			ErrorLog:          serverlog.New(logger),
			BaseContext:       s.BaseContext,
			ConnContext:       s.ConnContext,
			TLSConfig:         s.TLSConfig,
			Protocols:         &protocols,
			ReadHeaderTimeout: cmp.Or(s.ReadHeaderTimeout, 10*time.Second),
			ReadTimeout:       s.ReadTimeout,
			WriteTimeout:      s.WriteTimeout,
			IdleTimeout:       cmp.Or(s.IdleTimeout, 75*time.Second),
			MaxHeaderBytes:    headerBytes(s.MaxHeaderBytes),
		}
	})
}

// headerBytes undoes net/http's allowance of 4 KiB on top of the limit, so
// that the documented figure is the real one.
func headerBytes(n int) int {
	const allowance = 4 << 10
	switch {
	case n < 0:
		return 1 << 30
	case n == 0:
		n = 64 << 10
	}
	return max(n-allowance, 1)
}
