package engine

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/galeweb/gale/internal/serverlog"
)

// std returns net/http's server with our limits: it serves HTTP/2, listeners
// that are not of package net, and everything in Std.
func (s *Server) std() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(s.H2C)
	return &http.Server{
		Handler:           s.limited(refusePreface(s.Handler)),
		ErrorLog:          serverlog.New(s.log()),
		BaseContext:       s.stdBaseContext,
		ConnContext:       s.stdConnContext,
		ConnState:         s.ConnState,
		Protocols:         &protocols,
		ReadHeaderTimeout: cmp.Or(s.ReadHeaderTimeout, defaultReadHeader),
		ReadTimeout:       s.ReadTimeout,
		WriteTimeout:      s.WriteTimeout,
		IdleTimeout:       cmp.Or(s.IdleTimeout, defaultIdle),
		MaxHeaderBytes:    headerBytes(s.MaxHeaderBytes),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100,
			SendPingTimeout:      stdPing,
			PingTimeout:          stdPing,
			WriteByteTimeout:     max(0, cmp.Or(s.WriteStallTimeout, defaultStall)),
		},
	}
}

// stdPing is after how long without a frame an HTTP/2 client is asked whether it
// is there, and how long it may take to answer.
const stdPing = 15 * time.Second

// limited puts the body limit around h.
func (s *Server) limited(h http.Handler) http.Handler {
	most := s.maxBody()
	if most <= 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, limitStd(w, r, most))
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
		n = defaultHeader
	}
	return max(n-allowance, 1)
}

// stdBaseContext is BaseContext for net/http's server.
func (s *Server) stdBaseContext(l net.Listener) context.Context {
	if _, ok := l.(*handover); ok {
		return context.Background() // each connection brings its own
	}
	return s.baseContext(l)
}

// stdConnContext is ConnContext for net/http's server. A connection that was
// handed over has its context already.
func (s *Server) stdConnContext(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		if own, ok := t.NetConn().(interface{ connContext() context.Context }); ok {
			return own.connContext()
		}
	}
	if s.ConnContext != nil {
		return s.ConnContext(ctx, c)
	}
	return ctx
}

func (s *Server) baseContext(l net.Listener) context.Context {
	if s.BaseContext == nil {
		return context.Background()
	}
	ctx := s.BaseContext(l)
	if ctx == nil {
		panic("engine: BaseContext returned a nil context")
	}
	return ctx
}
