package main

import "github.com/galeweb/gale/bench/internal/stats"

// results are the rounds of each work, by peer, as their ids name them.
type results map[string]map[string][]figures

func (r results) add(work, peer string, f figures) {
	if r[work] == nil {
		r[work] = map[string][]figures{}
	}
	r[work][peer] = append(r[work][peer], f)
}

// column picks one figure.
type column func(f figures) float64

func cpu(f figures) float64     { return f.cpu }
func user(f figures) float64    { return f.user }
func rate(f figures) float64    { return f.rate }
func p50(f figures) float64     { return f.p50 }
func p99(f figures) float64     { return f.p99 }
func busy(f figures) float64    { return f.busy }
func bytes(f figures) float64   { return f.bytes }
func objects(f figures) float64 { return f.objects }

// of returns a figure of a peer's rounds; false when it has none.
func (r results) of(work, peer string, c column) (stats.Spread, bool) {
	rounds := r[work][peer]
	if len(rounds) == 0 {
		return stats.Spread{}, false
	}
	var all []float64
	for _, f := range rounds {
		all = append(all, c(f))
	}
	return stats.SpreadOf(all), true
}

// foreign returns how much of a core other processes took in the rounds under
// load of all peers.
func (r results) foreign(works []work) stats.Spread {
	var all []float64
	for _, w := range works {
		if w.kind != underLoad {
			continue
		}
		for _, rounds := range r[w.id] {
			for _, f := range rounds {
				all = append(all, f.foreign)
			}
		}
	}
	return stats.SpreadOf(all)
}

// ratio returns how many times base's median a peer's is.
func (r results) ratio(work, peer, base string, c column) (float64, bool) {
	a, ok := r.of(work, peer, c)
	b, okBase := r.of(work, base, c)
	if !ok || !okBase || b.Median == 0 {
		return 0, false
	}
	return a.Median / b.Median, true
}
