package main

import (
	"errors"
	"slices"
	"time"

	"github.com/galeweb/gale/bench/internal/stats"
	"github.com/galeweb/gale/bench/realtime/internal/load"
)

// figures are what one round of one step on one peer gave. Which are set depends
// on the kind of work.
type figures struct {
	bytes      float64 // of memory for a connection
	opening    float64 // µs of the server to open one
	perSecond  float64 // deliveries or echoes for a CPU second of the server
	cpu        float64 // µs of the server for one
	rate       float64 // a second of the clock
	wire       float64 // bytes of frames for a delivery
	perRead    float64 // deliveries in a read of the client
	p50, p99   float64 // ms
	lost       float64 // part of what was published that did not come in time
	closed     float64 // part of the connections that the server closed
	busy, load float64 // part of their cores that the server and the load used
	foreign    float64 // seconds of a core that neither had, each second
}

func figuresOf(r load.Result, connections int) (figures, error) {
	n := float64(r.Deliveries)
	if n == 0 || r.Time <= 0 || r.CPU <= 0 {
		return figures{}, errors.New("nothing was delivered in the measured time")
	}
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	f := figures{
		perSecond: n / r.CPU.Seconds(), cpu: r.CPU.Seconds() / n * 1e6, rate: n / r.Time.Seconds(), wire: float64(r.Bytes) / n, perRead: n / float64(max(r.Reads, 1)),
		p50: ms(r.P50), p99: ms(r.P99), busy: r.CPU.Seconds() / r.Time.Seconds(), load: r.LoadCPU.Seconds() / r.Time.Seconds(),
		foreign: max(0, (r.Machine-r.CPU-r.LoadCPU).Seconds()/r.Time.Seconds()), closed: float64(r.Closed) / float64(connections),
	}
	if r.Expected > 0 {
		f.lost = 1 - n/float64(r.Expected)
	}
	return f, nil
}

// results are the rounds of each step, by peer, as their ids name them.
type results map[string]map[string][]figures

func (r results) add(step, peer string, f figures) {
	if r[step] == nil {
		r[step] = map[string][]figures{}
	}
	r[step][peer] = append(r[step][peer], f)
}

// column picks one figure.
type column func(f figures) float64

func bytes(f figures) float64     { return f.bytes }
func opening(f figures) float64   { return f.opening }
func perSecond(f figures) float64 { return f.perSecond }
func cpu(f figures) float64       { return f.cpu }
func p50(f figures) float64       { return f.p50 }
func p99(f figures) float64       { return f.p99 }

// of returns a figure of a peer's rounds; false when it has none.
func (r results) of(step, peer string, c column) (stats.Spread, bool) {
	var all []float64
	for _, f := range r[step][peer] {
		all = append(all, c(f))
	}
	return stats.SpreadOf(all), len(all) > 0
}

// median is that of a figure, or 0.
func (r results) median(step, peer string, c column) float64 {
	s, _ := r.of(step, peer, c)
	return s.Median
}

// best returns the one of peers whose median is the largest, or the smallest;
// false when none has any.
func (r results) best(step string, peers []string, c column, largest bool) (id string, ok bool) {
	for _, p := range peers {
		if _, has := r.of(step, p, c); !has {
			continue
		}
		if !ok || r.median(step, p, c) > r.median(step, id, c) == largest {
			id, ok = p, true
		}
	}
	return id, ok
}

// foreign returns how much of a core others took in all rounds under load.
func (r results) foreign() stats.Spread {
	var all []float64
	for _, peers := range r {
		for _, rounds := range peers {
			for _, f := range rounds {
				if f.perSecond > 0 {
					all = append(all, f.foreign)
				}
			}
		}
	}
	slices.Sort(all)
	return stats.SpreadOf(all)
}
