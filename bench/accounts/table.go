package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/galeweb/gale/bench/internal/stats"
)

func verdict(ratio, most float64) string {
	if ratio <= most {
		return "met"
	}
	return "**missed**"
}

// spread leaves v in the order of the rounds.
func spread(v []float64) stats.Spread { return stats.SpreadOf(slices.Clone(v)) }

func writeCosts(out io.Writer, all []cost) {
	fmt.Fprint(out, "| a request with | bare, CPU µs | guarded, CPU µs | ratio (low to high) | goal | |\n|---|---|---|---|---|---|\n")
	for _, c := range all {
		r := c.ratio()
		fmt.Fprintf(out, "| %s | %.1f | %.1f | %.2f (%.2f to %.2f) | %.1f | %s |\n", c.name,
			spread(c.bare).Median, spread(c.guarded).Median, r.Median, r.Low, r.High, c.most, verdict(r.Median, c.most))
	}
	fmt.Fprintln(out)
}

func writeSignIns(out io.Writer, o others) {
	fmt.Fprint(out, "| p99 of another route, 1,000 requests a second | ms | ratio (low to high) | goal | |\n|---|---|---|---|---|\n")
	fmt.Fprintf(out, "| nobody signs in | %.2f | | | |\n", spread(o.quiet).Median)
	row := func(name string, ms []float64) {
		r := o.ratios(ms)
		fmt.Fprintf(out, "| %s | %.2f | %.2f (%.2f to %.2f) | %d | %s |\n", name, spread(ms).Median, r.Median, r.Low, r.High, mostP99, verdict(r.Median, mostP99))
	}
	row(fmt.Sprintf("%d sign-ins a second at full cost", fewSignIns), o.few)
	row(fmt.Sprintf("%.0f sign-ins a second, 8 at once", spread(o.signIns).Median), o.many)
	r := o.ratios(o.elsewhere)
	fmt.Fprintf(out, "| nobody, beside a process that takes a core | %.2f | %.2f (%.2f to %.2f) | | |\n", spread(o.elsewhere).Median, r.Median, r.Low, r.High)
}
