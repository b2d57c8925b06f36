package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/galeweb/gale/bench/internal/load"
)

// figures are what one round of one work on one peer gave. Which are set
// depends on the kind of work.
type figures struct {
	cpu, user float64 // CPU seconds of the server for a million requests
	rate      float64 // answers a second
	p50, p99  float64 // ms
	busy      float64 // the part of its core that the server used
	bytes     float64 // for a connection or a request
	objects   float64 // allocated for a request
	foreign   float64 // seconds of a core that neither the server nor the load had, each second
}

// measure runs one round with a fresh server and a fresh load.
func (b *bench) measure(ctx context.Context, w work, p peer) (f figures, err error) {
	s, err := b.start(ctx, p, w.tls)
	if err != nil {
		return figures{}, err
	}
	defer s.Kill()
	l, err := b.startLoad(ctx)
	if err != nil {
		return figures{}, err
	}
	defer l.Kill()
	switch w.kind {
	case idle:
		return b.idle(ctx, s, l, w)
	case allocs:
		return b.allocs(s, l, w)
	}
	r, err := l.Order(load.Order{Run: &load.Spec{Addr: s.addr, PID: s.PID(), Streams: w.streams, WarmUp: b.warmUp, Measured: b.measured * time.Duration(w.length)}})
	if err != nil {
		return figures{}, err
	}
	return underLoadFigures(r)
}

func underLoadFigures(r load.Result) (figures, error) {
	n := float64(r.Requests())
	if n == 0 || r.Time <= 0 {
		return figures{}, errors.New("no request was answered in the measured time")
	}
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return figures{
		cpu: r.CPU.Seconds() / n * 1e6, user: r.User.Seconds() / n * 1e6, rate: n / r.Time.Seconds(), busy: r.CPU.Seconds() / r.Time.Seconds(),
		foreign: max(0, (r.Machine-r.CPU-r.LoadCPU).Seconds()/r.Time.Seconds()),
		p50:     ms(r.Streams[0].P50), p99: ms(r.Streams[0].P99),
	}, nil
}

// idle measures the memory that connections cost which were used once.
func (b *bench) idle(ctx context.Context, s server, l load.Loader, w work) (figures, error) {
	hold := load.Hold{Addr: s.addr, Request: get("/plain", host), Body: hello, TLS: w.tls}
	// What the first connections make the server load and allocate is not theirs.
	warm := hold
	warm.Connections = 100
	before, err := b.settled(s, func() error {
		first, err := b.startLoad(ctx)
		if err != nil {
			return err
		}
		defer first.Kill()
		_, err = first.Order(load.Order{Hold: &warm})
		return err
	})
	if err != nil {
		return figures{}, err
	}
	hold.Connections = w.connections / b.idleShare
	after, err := b.settled(s, func() error {
		_, err := l.Order(load.Order{Hold: &hold})
		return err
	})
	return figures{bytes: float64(after-before) / float64(hold.Connections)}, err
}

// settled does what it is given, has the server collect its garbage and returns
// its memory.
func (b *bench) settled(s server, do func() error) (int64, error) {
	if err := do(); err != nil {
		return 0, err
	}
	// A server closes what it lost, and shrinks its pools, a little later.
	time.Sleep(b.settle)
	if err := s.collect(); err != nil {
		return 0, err
	}
	return s.RSS()
}

// allocs counts what the server allocates while it answers.
func (b *bench) allocs(s server, l load.Loader, w work) (figures, error) {
	spec := load.Spec{Addr: s.addr, PID: s.PID(), Streams: w.streams, Measured: b.measured}
	if _, err := l.Order(load.Order{Run: &spec}); err != nil { // fills the pools
		return figures{}, err
	}
	objects, bytes, err := s.allocated()
	if err != nil {
		return figures{}, err
	}
	r, err := l.Order(load.Order{Run: &spec})
	if err != nil {
		return figures{}, err
	}
	objects2, bytes2, err := s.allocated()
	if err != nil {
		return figures{}, err
	}
	return figures{objects: float64(objects2-objects) / float64(r.All), bytes: float64(bytes2-bytes) / float64(r.All)}, nil
}

func (s server) allocated() (objects, bytes uint64, err error) {
	reply, err := s.Ask("allocs")
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscan(reply, &objects, &bytes); err != nil {
		return 0, 0, fmt.Errorf("%s: allocations %q: %w", s.peer.id, reply, err)
	}
	return objects, bytes, nil
}
