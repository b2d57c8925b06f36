package engine

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"time"

	"github.com/galeweb/gale/internal/serverlog"
	"github.com/galeweb/gale/internal/stdbody"
	"github.com/galeweb/gale/internal/waitbody"
)

// std returns net/http's server with our limits: it serves HTTP/2, listeners
// that are not of package net, and everything in Std.
func (s *Server) std() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(s.H2C)
	return &http.Server{
		Handler:           s.tracked(s.limitedBody(refusePreface(s.Handler))),
		ErrorLog:          serverlog.New(s.log()),
		BaseContext:       s.baseContext,
		ConnContext:       s.ConnContext,
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

// limitedBody puts the body limit around h.
func (s *Server) limitedBody(h http.Handler) http.Handler {
	most := s.maxBody()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body := r.Body; body != nil && body != http.NoBody {
			if wait := s.bodyTimeout(); r.ProtoMajor == 2 && wait > 0 { // net/http has no such limit
				body = waitbody.New(body, wait, func() { s.stdRefused.add("body_timeout") })
			}
			r = stdbody.New(w, r, body, most, func() { s.stdRefused.add("body_size") })
		}
		h.ServeHTTP(w, r)
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

// h2HeaderBytes undoes net/http's allowance of 320 bytes on top of the limit for
// HTTP/2.
func h2HeaderBytes(n int) int {
	const allowance = 320
	if n < 0 {
		return 1 << 30
	}
	return max(cmp.Or(n, defaultHeader)-allowance, 1)
}

// baseContext returns the context of what comes on l.
func (s *Server) baseContext(l net.Listener) context.Context {
	ctx := context.Background()
	if s.BaseContext != nil {
		if ctx = s.BaseContext(l); ctx == nil {
			panic("engine: BaseContext returned a nil context")
		}
	}
	return context.WithValue(ctx, drainKey{}, s.drain)
}
