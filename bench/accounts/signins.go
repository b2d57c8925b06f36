package main

import (
	"context"
	"log"
	"path/filepath"

	"github.com/galeweb/gale/bench/internal/load"
	"github.com/galeweb/gale/bench/internal/stats"
)

// mostP99 is how much sign-ins may lengthen the p99 of another route.
const mostP99 = 2

// others is what the other route saw, by round, in ms.
type others struct {
	quiet, busy []float64
	signIns     []float64 // a second
}

func (o others) ratio() stats.Spread {
	ratios := make([]float64, len(o.quiet))
	for i := range ratios {
		ratios[i] = o.busy[i] / o.quiet[i]
	}
	return stats.SpreadOf(ratios)
}

// signIns measures a quick route, paced, while nobody signs in and while as many
// sign in as can. The server has both cores, as it would where it is deployed;
// the load takes a little of one.
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
	for n := range b.rounds {
		spec := load.Spec{Addr: s.addr, PID: s.PID(), WarmUp: b.warmUp, Measured: 2 * b.measured, Streams: []load.Stream{quick}}
		quiet, err := l.Order(load.Order{Run: &spec})
		if err != nil {
			return o, err
		}
		spec.Streams = append(spec.Streams, hash)
		busy, err := l.Order(load.Order{Run: &spec})
		if err != nil {
			return o, err
		}
		ms := func(r load.Result) float64 { return float64(r.Streams[0].P99.Microseconds()) / 1000 }
		o.quiet, o.busy = append(o.quiet, ms(quiet)), append(o.busy, ms(busy))
		o.signIns = append(o.signIns, float64(busy.Streams[1].Requests)/busy.Time.Seconds())
		log.Printf("round %d, p99 of another route: %.2f ms, %.2f with sign-ins", n+1, ms(quiet), ms(busy))
	}
	return o, nil
}
