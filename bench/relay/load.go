package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/galeweb/gale/bench/internal/launch"
)

// load is what is asked of a server.
type load struct {
	batch       int // packets in a request
	connections int
	clientIDs   bool
	warmUp      time.Duration
	measured    time.Duration
}

// figures are what a server did in the measured time.
type figures struct {
	perSecond float64       // packets acknowledged
	low, high float64       // perSecond of the slowest and the fastest round
	cpu       time.Duration // of the server's process, for a packet
	p50, p99  time.Duration // from the first byte written to the last one read
	refused   int           // requests answered with 503
	acked     int           // packets acknowledged, warm-up and end included
}

// worker is what one connection saw.
type worker struct {
	latencies      []time.Duration // of the measured time
	acked, refused int
}

// run sends l to s from all connections, each of which waits for its answer.
func (l load) run(ctx context.Context, s server) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, l.warmUp+l.measured+time.Minute)
	defer cancel()
	conns := make([]*conn, l.connections)
	for i := range conns {
		c, err := dial(ctx, s.addr)
		if err != nil {
			return figures{}, err
		}
		defer c.Close()
		// An answer that never comes ends the benchmark.
		deadline, _ := ctx.Deadline()
		if err := c.SetDeadline(deadline); err != nil {
			return figures{}, err
		}
		conns[i] = c
	}
	begin := time.Now().Add(l.warmUp)
	end := begin.Add(l.measured)
	workers, errs := make([]worker, len(conns)), make([]error, len(conns))
	var wg sync.WaitGroup
	for i, c := range conns {
		r := newRequest(s, i, l.batch, l.clientIDs)
		wg.Go(func() { errs[i] = workers[i].run(c, r, l.batch, begin, end) })
	}
	used, err := cpuBetween(s.process, begin, end)
	wg.Wait()
	if err := errors.Join(append(errs, err)...); err != nil {
		return figures{}, fmt.Errorf("%w\n%s", err, s.process.Tail())
	}
	return l.sum(workers, used)
}

func (w *worker) run(c *conn, r *request, batch int, begin, end time.Time) error {
	w.latencies = make([]time.Duration, 0, 1<<14)
	for {
		start := time.Now()
		if start.After(end) {
			return nil
		}
		status, problem, err := c.roundTrip(r.next())
		switch {
		case err != nil:
			return err
		case status == http.StatusServiceUnavailable:
			w.refused++
			continue
		case status != http.StatusCreated:
			return fmt.Errorf("a request was answered %d: %s", status, problem)
		}
		w.acked += batch
		if now := time.Now(); now.After(begin) && now.Before(end) {
			w.latencies = append(w.latencies, now.Sub(start))
		}
	}
}

// cpuBetween sleeps until end, and returns what p used since begin.
func cpuBetween(p *launch.Process, begin, end time.Time) (time.Duration, error) {
	time.Sleep(time.Until(begin))
	was, err := p.CPU()
	if err != nil {
		return 0, err
	}
	time.Sleep(time.Until(end))
	now, err := p.CPU()
	return now - was, err
}

func (l load) sum(workers []worker, used time.Duration) (figures, error) {
	var f figures
	var all []time.Duration
	for _, w := range workers {
		all = append(all, w.latencies...)
		f.acked += w.acked
		f.refused += w.refused
	}
	if len(all) == 0 {
		return f, errors.New("no request was acknowledged in the measured time")
	}
	packets := len(all) * l.batch
	f.perSecond = float64(packets) / l.measured.Seconds()
	f.cpu = used / time.Duration(packets)
	slices.Sort(all)
	f.p50, f.p99 = quantile(all, 0.50), quantile(all, 0.99)
	return f, nil
}

// quantile returns the smallest value that q of all are not above.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// median returns, for each figure on its own, the middle one of the rounds.
func median(rounds []figures) figures {
	m := figures{
		perSecond: middle(rounds, func(f figures) float64 { return f.perSecond }),
		cpu:       middle(rounds, func(f figures) time.Duration { return f.cpu }),
		p50:       middle(rounds, func(f figures) time.Duration { return f.p50 }),
		p99:       middle(rounds, func(f figures) time.Duration { return f.p99 }),
	}
	m.low, m.high = m.perSecond, m.perSecond
	for _, f := range rounds {
		m.low, m.high = min(m.low, f.perSecond), max(m.high, f.perSecond)
		m.acked += f.acked
		m.refused += f.refused
	}
	return m
}

func middle[T float64 | time.Duration](rounds []figures, of func(figures) T) T {
	values := make([]T, len(rounds))
	for i, f := range rounds {
		values[i] = of(f)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
