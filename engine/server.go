package engine

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galeweb/gale/internal/connlimit"
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

	// ConnState is told of the states of connections. It must not block. The
	// connection is for its addresses only: its bytes are the server's.
	ConnState func(c net.Conn, state http.ConnState)

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

	// BodyTimeout is how long the next bytes of a request body may keep the
	// server waiting. Defaults to 30 s: a client that is silent for longer has
	// gone, or means harm. A handler that sets a deadline of its own, be it none,
	// by [http.ResponseController] has that in place of this limit and of MinRate;
	// so it is with WriteStallTimeout.
	BodyTimeout time.Duration

	// WriteStallTimeout is how long a client may take no byte of a response that
	// waits for it. What its system acknowledges counts as taken. Defaults to
	// 30 s, for the same reason.
	WriteStallTimeout time.Duration

	// MinRate is how many bytes a second a client must send of a body, or take
	// of a response, over the time that it has kept the server waiting beyond
	// one BodyTimeout or WriteStallTimeout (10 s where that is off). Time that a
	// handler takes does not count. Defaults to 240, a tenth of the slowest
	// mobile networks: against clients that send, or take, a byte now and then.
	MinRate int

	// MaxPipelined is how many requests, which a client has sent without waiting
	// for answers, are served before other connections have their turn, so that
	// nobody waits for a client that sends very many. They are not refused: what
	// is beyond stays in the client's and the system's buffers, and so it does
	// while the client takes no answers. Defaults to 64.
	MaxPipelined int

	// MaxRequestLine limits the request line in bytes; what is longer is refused
	// with 414. Defaults to 16 KiB: twice what browsers and proxies allow in
	// practice.
	MaxRequestLine int

	// MaxHeaderBytes limits the header in bytes; what is larger is refused with
	// 431. Defaults to 64 KiB: eight times what common proxies let through, and
	// a bound on what a connection may make us hold before any handler sees it.
	MaxHeaderBytes int

	// MaxHeaderFields limits the number of header lines; what has more is refused
	// with 431. Defaults to 256: each costs the server more than its bytes.
	MaxHeaderFields int

	// MaxBodyBytes limits request bodies: reading beyond it fails with an
	// [*http.MaxBytesError], for which the handler answers 413, and the
	// connection is closed. Defaults to 10 MiB. A route sets its own by
	// [LimitBody].
	MaxBodyBytes int64

	// MaxHandshakes limits TLS handshakes at once. For one too many, the one that
	// has waited for its client the longest, and a second at least, is cut, and
	// if there is none, the new one. Defaults to 512: each holds a goroutine and
	// costs a millisecond of a processor.
	MaxHandshakes int

	// MaxQueueing is how long requests may wait for a processor before their
	// handlers begin. When all of them have waited longer for a tenth of a second,
	// each that has is answered 503 with Retry-After, until the queue is shorter:
	// answers that come late are mostly answers to nobody. Requests that have
	// begun go on. Handlers that wait for something else than a processor make no
	// queue. Defaults to 1 s. Not in [Std].
	MaxQueueing time.Duration

	// Unsheddable reports whether a request is served however long the queue is,
	// such as one for health on this listener; gale.Run serves health by a server
	// of its own, which sheds nothing. It must be quick. Optional.
	Unsheddable func(r *http.Request) bool

	// H2C accepts HTTP/2 without TLS from clients that begin with it (RFC 9113
	// section 3.3), for proxies on the same machine. Defaults to false.
	H2C bool

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

	once    sync.Once
	err     error // of once
	mode    Mode
	http    *http.Server
	limits  *connlimit.Limits
	noAlive atomic.Bool

	drain      chan struct{} // closed by the first Shutdown or Close
	drained    drained
	stdRunning atomic.Int64 // requests that net/http serves; negative once they were cut off
	stdRefused tally        // by net/http or its listeners

	closed  atomic.Bool // by Close
	mu      sync.Mutex
	ended   bool
	native  atomic.Pointer[native] // once there is a listener for it
	h2      *h2Server              // takes connections from native to http
	helpers sync.WaitGroup
}

// Serve accepts connections on l until Shutdown or Close, and then returns
// [http.ErrServerClosed]. It closes l.
//
// Listeners of package net are served by the [Mode]; any other, which may have
// its own idea of Accept, is served as in [Std].
func (s *Server) Serve(l net.Listener) error {
	if err := s.init(); err != nil {
		_ = l.Close()
		return err
	}
	if s.mode == Std || !canServe(l) {
		return s.http.Serve(s.limits.Listener(l, s.stdRefused.add))
	}
	return s.serveNative(l, nil)
}

// ServeTLS is Serve with TLS, with HTTP/2 where the client offers it. The file
// names may be empty when TLSConfig has certificates; the files are read again
// when they have changed.
func (s *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	err := s.init()
	var config *tls.Config
	if err == nil {
		config, err = s.tlsConfig(certFile, keyFile)
	}
	if err != nil {
		_ = l.Close()
		return err
	}
	if s.mode == Std || !canServe(l) {
		return s.http.Serve(tls.NewListener(s.limits.Listener(l, s.stdRefused.add), config))
	}
	return s.serveNative(l, config)
}

// Shutdown closes the listeners and idle connections, waits for requests under
// way, and returns nil, or the error of ctx when that ended first. It does not
// wait for hijacked and upgraded connections, of which the latter are served on;
// see [Server.RegisterOnShutdown] and [Draining].
//
// After Close it waits for what that has left behind: handlers, and the callbacks
// of upgraded connections, such as those of package ws. In [Std] it then returns
// at once, since net/http waits for neither.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.init(); err != nil {
		return err
	}
	n := s.end()
	switch {
	case s.closed.Load() && n == nil:
		return nil
	case s.closed.Load():
		return n.wait(ctx)
	case n == nil:
		return s.http.Shutdown(ctx)
	}
	n.quiesce()
	h2 := make(chan error, 1)
	go func() { h2 <- s.h2.server.Shutdown(ctx) }()
	err := cmp.Or(s.http.Shutdown(ctx), n.wait(ctx), <-h2)
	s.helpers.Wait()
	return err
}

// Close closes all listeners and connections at once, upgraded ones too, save
// hijacked ones. The contexts of requests under way end. It does not wait for
// their handlers, nor for callbacks of upgraded connections, one of which may be
// its caller; Shutdown, called after it, does.
func (s *Server) Close() error {
	if err := s.init(); err != nil {
		return err
	}
	n := s.end()
	s.closed.Store(true)
	s.cutStd()
	if n == nil {
		return s.http.Close()
	}
	n.close()
	err := errors.Join(s.http.Close(), s.h2.server.Close())
	s.helpers.Wait()
	return err
}

// RegisterOnShutdown has each Shutdown before Close call f in a goroutine of its
// own, to end what Shutdown does not wait for, such as WebSockets.
func (s *Server) RegisterOnShutdown(f func()) {
	if s.init() == nil {
		s.http.RegisterOnShutdown(f)
	}
}

// SetKeepAlivesEnabled says whether connections are kept after a response. They
// are by default.
func (s *Server) SetKeepAlivesEnabled(v bool) {
	if s.init() == nil {
		s.noAlive.Store(!v)
		s.http.SetKeepAlivesEnabled(v)
		if n := s.native.Load(); n != nil {
			s.h2.server.SetKeepAlivesEnabled(v)
			if !v {
				n.dropIdle()
			}
		}
	}
}

// Stats returns the counters of this server. In [Std] only Drained is kept, and
// of Refused the limits of connections and of bodies.
func (s *Server) Stats() Stats {
	var st Stats
	if n := s.native.Load(); n != nil {
		st = n.stats()
	}
	st.Drained = s.drained.snapshot()
	for limit, n := range s.stdRefused.snapshot() {
		if st.Refused == nil {
			st.Refused = map[string]uint64{}
		}
		st.Refused[limit] += n
	}
	return st
}

// Running returns the requests whose handlers now run away from the loop, and so
// the upgraded connections whose callbacks do, the oldest first, but for those
// that wait for their clients. It is empty in [Std].
func (s *Server) Running() []Running {
	if n := s.native.Load(); n != nil {
		return n.away.running()
	}
	return nil
}

func (s *Server) init() error {
	s.once.Do(func() {
		if s.Handler == nil {
			panic("engine: Server has no Handler; set one")
		}
		mode, err := cmp.Or(s.Mode, Mode(os.Getenv(modeVar))).parse()
		if err != nil {
			s.err = err
			return
		}
		s.drain = make(chan struct{})
		s.limits = connlimit.New(s.MaxConns, s.MaxConnsPerAddr, s.log())
		s.http = s.std()
		s.mode = mode
	})
	return s.err
}

// serveNative serves l by the event loop, which it starts for the first listener.
func (s *Server) serveNative(l net.Listener, config *tls.Config) error {
	ctx := s.baseContext(l)
	n, err := s.start(ctx)
	if err != nil {
		_ = l.Close()
		return err
	}
	return n.serve(ctx, l, config)
}

func (s *Server) start(labels context.Context) (*native, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, http.ErrServerClosed
	}
	if n := s.native.Load(); n != nil {
		return n, nil
	}
	n, err := newNative(s, s.mode, labels)
	if err != nil {
		return nil, err
	}
	s.h2 = s.newH2Server()
	s.h2.server.SetKeepAlivesEnabled(!s.noAlive.Load())
	s.helpers.Go(func() { _ = s.h2.server.Serve(s.h2) })
	s.native.Store(n)
	return n, nil
}

// end has no more listeners be served, and returns the event loops if there are
// any.
func (s *Server) end() *native {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		close(s.drain)
	}
	s.ended = true
	return s.native.Load()
}

func (s *Server) log() *slog.Logger {
	if s.ErrorLog != nil {
		return s.ErrorLog
	}
	return slog.Default()
}
