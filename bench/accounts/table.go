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
	r := o.ratio()
	fmt.Fprint(out, "| p99 of another route, 1,000 requests a second | ms |\n|---|---|\n")
	fmt.Fprintf(out, "| nobody signs in | %.2f |\n| %.0f sign-ins a second at full cost, 8 at once | %.2f |\n",
		spread(o.quiet).Median, spread(o.signIns).Median, spread(o.busy).Median)
	fmt.Fprintf(out, "| ratio (low to high), goal %d: %s | %.2f (%.2f to %.2f) |\n", mostP99, verdict(r.Median, mostP99), r.Median, r.Low, r.High)
}
