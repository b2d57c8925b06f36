package gale

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/obs"
)

// watchStalls returns the stall watch for server, or nil when it is off.
func (o Options) watchStalls(server *engine.Server, ops bool) *obs.StallWatch {
	if o.StallBudget < 0 {
		return nil
	}
	mode := o.StallTrace
	if !ops {
		mode = obs.TraceNever // nobody could fetch it
	}
	return obs.NewStallWatch(obs.StallOptions{
		Running: func() []obs.RunningRequest { return runningOf(server.Running()) },
		Label:   engine.WorkerLabel, Budget: o.StallBudget, Log: o.Logger, Trace: mode,
	})
}

func runningOf(all []engine.Running) []obs.RunningRequest {
	out := make([]obs.RunningRequest, len(all))
	for i, r := range all {
		out[i] = obs.RunningRequest{Method: r.Method, Path: r.Path, Route: r.Route, Start: r.Start, Worker: r.Worker}
		out[i].Request, _ = r.Note.(*obs.Request)
	}
	return out
}

// statsOf returns what server and watch, which may be nil, have counted.
func statsOf(server *engine.Server, watch *obs.StallWatch) obs.ServerStats {
	s, bounds := server.Stats(), engine.TurnBounds()
	out := obs.ServerStats{
		Handshaking: s.Handshaking, Reading: s.Reading, Active: s.Active,
		Idle: s.Idle, Hijacked: s.Hijacked, Closing: s.Closing,
		Accepted: s.Accepted, Refused: s.Refused, BadRequests: s.BadRequests,
		BytesRead: s.BytesRead, BytesWritten: s.BytesWritten, Requests: s.Requests,
		Takeovers: s.Takeovers, HandedOff: s.HandedOff,
		Turns: s.Turns[:], TurnBounds: bounds[:], TurnTime: s.TurnTime,
	}
	if watch != nil {
		out.Stalls = watch.Count()
	}
	return out
}

// watch runs what looks at the server from outside, until the returned
// function is called.
func (r *runner) watch() (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.signals.stop))
	var wg sync.WaitGroup
	if r.stalls != nil {
		wg.Go(func() { r.stalls.Run(ctx) })
	}
	registry := r.o.Metrics.Registry()
	collector := obs.NewServerCollector(func() obs.ServerStats { return statsOf(r.server, r.stalls) })
	registered := registry.Register(collector)
	if dup := (prometheus.AlreadyRegisteredError{}); errors.As(registered, &dup) {
		r.o.Logger.Warn("the server's metrics are those of another Run with the same Options.Metrics")
	}
	resetGC := func() {}
	if !r.o.KeepGC {
		resetGC = tuneGC()
	}
	return func() {
		resetGC()
		if registered == nil {
			registry.Unregister(collector)
		}
		cancel()
		wg.Wait()
	}
}

// routeOf returns how the routes of h are known, or nil.
func routeOf(h http.Handler) func(*http.Request) string {
	switch h := h.(type) {
	case interface{ Pattern(r *http.Request) string }:
		return h.Pattern
	case interface {
		Handler(r *http.Request) (http.Handler, string)
	}:
		return func(r *http.Request) string {
			_, pattern := h.Handler(r)
			return pattern
		}
	}
	return nil
}
