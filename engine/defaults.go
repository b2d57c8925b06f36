package engine

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/galeweb/gale/internal/http1"
)

// The defaults, for which the fields of Server give the reasons.
const (
	defaultReadHeader  = 10 * time.Second
	defaultIdle        = 75 * time.Second
	defaultBodyTimeout = 30 * time.Second
	defaultStall       = 30 * time.Second
	defaultQueueing    = time.Second
	defaultMinRate     = 240
	defaultRequestLine = 16 << 10
	defaultHeader      = 64 << 10
	defaultFields      = 256
	defaultBody        = 10 << 20
	defaultHandshakes  = 512
	defaultPipelined   = 64
)

// Each returns what is in force; <= 0 is no limit.

func (s *Server) headerTimeout() time.Duration {
	return cmp.Or(s.ReadHeaderTimeout, defaultReadHeader)
}
func (s *Server) bodyTimeout() time.Duration  { return cmp.Or(s.BodyTimeout, defaultBodyTimeout) }
func (s *Server) stallTimeout() time.Duration { return cmp.Or(s.WriteStallTimeout, defaultStall) }
func (s *Server) minRate() int                { return cmp.Or(s.MinRate, defaultMinRate) }
func (s *Server) maxBody() int64              { return cmp.Or(s.MaxBodyBytes, defaultBody) }
func (s *Server) maxHandshakes() int          { return cmp.Or(s.MaxHandshakes, defaultHandshakes) }
func (s *Server) maxQueueing() time.Duration  { return cmp.Or(s.MaxQueueing, defaultQueueing) }

// idleTimeout is at most a year, which is as good as none.
func (s *Server) idleTimeout() time.Duration {
	if s.IdleTimeout < 0 {
		return 365 * 24 * time.Hour
	}
	return cmp.Or(s.IdleTimeout, defaultIdle)
}

// maxPipelined is at least 1.
func (s *Server) maxPipelined() int {
	if s.MaxPipelined < 0 {
		return math.MaxInt
	}
	return cmp.Or(s.MaxPipelined, defaultPipelined)
}

func (s *Server) headLimits() http1.Limits {
	unless := func(set, otherwise int) int {
		if set < 0 {
			return math.MaxInt32
		}
		return cmp.Or(set, otherwise)
	}
	return http1.Limits{
		RequestLine: unless(s.MaxRequestLine, defaultRequestLine),
		Header:      unless(s.MaxHeaderBytes, defaultHeader),
		Fields:      unless(s.MaxHeaderFields, defaultFields),
	}
}

// routeOfPath is routeOf for a request of which only this is known.
func (s *Server) routeOfPath(method, path string) string {
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return ""
	}
	return s.routeOf(&http.Request{Method: method, URL: u, RequestURI: path})
}

// routeOf names the route that r takes, or returns "".
func (s *Server) routeOf(r *http.Request) string {
	if s.Route != nil {
		return s.Route(r)
	}
	if mux, ok := s.Handler.(interface {
		Handler(*http.Request) (http.Handler, string)
	}); ok {
		_, pattern := mux.Handler(r)
		return pattern
	}
	return ""
}
