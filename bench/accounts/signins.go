package main

import (
	"context"
	"io"
	"log"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/galeweb/gale/bench/internal/launch"
	"github.com/galeweb/gale/bench/internal/load"
	"github.com/galeweb/gale/bench/internal/stats"
)

// mostP99 is how much sign-ins may lengthen the p99 of another route.
const mostP99 = 2

// fewSignIns is how many a second a busy site has: 18,000 an hour.
const fewSignIns = 5

// others is what the other route saw, its p99 in ms by round.
type others struct {
	quiet     []float64 // nobody signs in
	few       []float64 // fewSignIns do
	many      []float64 // as many as can
	elsewhere []float64 // nobody, but a process beside the server takes a core
	signIns   []float64 // a second, of many
}

// ratios returns those of some to quiet.
func (o others) ratios(some []float64) stats.Spread {
	all := make([]float64, len(o.quiet))
	for i := range all {
		all[i] = some[i] / o.quiet[i]
	}
	return stats.SpreadOf(all)
}

// signIns measures a quick route, paced, while nobody signs in, while some do and
// while as many as can. The server has both cores, as it would where it is
// deployed; the load takes a little of one. What the kernel does to the route
// when a core is taken, by whomever, is measured too.
func (b *bench) signIns(ctx context.Context) (o others, err error) {
	s, err := b.start(ctx, nil)
	if err != nil {
		return o, err
	}
	defer s.Kill()
	l, err := load.Start(ctx, b.cores.Load, filepath.Join(b.temp, "load.log"))
	if err != nil {
		return o, err
	}
	defer l.Kill()
	quick := load.Stream{Request: way{}.request("/bare"), Body: hello, Connections: 32, Rate: 1000}
	hash := load.Stream{Request: way{}.request("/hash"), Body: hello, Connections: 8}
	few := hash
	few.Rate = fewSignIns
	measure := func(to *[]float64, also ...load.Stream) (load.Result, error) {
		r, err := l.Order(load.Order{Run: &load.Spec{
			Addr: s.addr, PID: s.PID(), WarmUp: b.warmUp, Measured: 4 * b.measured, Streams: append([]load.Stream{quick}, also...),
		}})
		if err == nil {
			*to = append(*to, float64(r.Streams[0].P99.Microseconds())/1000)
		}
		return r, err
	}
	for n := range b.rounds {
		if _, err := measure(&o.quiet); err != nil {
			return o, err
		}
		if _, err := measure(&o.few, few); err != nil {
			return o, err
		}
		r, err := measure(&o.many, hash)
		if err != nil {
			return o, err
		}
		o.signIns = append(o.signIns, float64(r.Streams[1].Requests)/r.Time.Seconds())
		if err := b.beside(ctx, func() error { _, err := measure(&o.elsewhere); return err }); err != nil {
			return o, err
		}
		log.Printf("round %d, p99 of another route: %.2f ms, %.2f with a few sign-ins, %.2f with many, %.2f beside a process that takes a core",
			n+1, o.quiet[n], o.few[n], o.many[n], o.elsewhere[n])
	}
	return o, nil
}

// spinArg has this program do nothing but take a core.
const spinArg = "spin"

// spin takes a core until in ends: the benchmark may be killed, and cannot kill it then.
func spin(in io.Reader) {
	var ended atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, in)
		ended.Store(true)
	}()
	for !ended.Load() {
	}
}

// beside calls f while another process takes a core.
func (b *bench) beside(ctx context.Context, f func() error) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := launch.Start(ctx, launch.Command{Binary: self, Args: []string{spinArg}, Log: filepath.Join(b.temp, "spin.log"), Asked: true})
	if err != nil {
		return err
	}
	defer p.Kill()
	return f()
}
