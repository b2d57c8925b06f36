package main

import (
	"fmt"
	"io"
	"time"
)

// What relay is to reach.
const (
	goalSingle  = 0.70    // of the yardstick's packets a second
	goalBatched = 100_000 // packets a second
)

// result is the median of a contestant's rounds.
type result struct {
	batch int
	name  string
	figures
}

// writeTable writes the results as Markdown: for each size of batch the
// yardstick, then relay.
func writeTable(out io.Writer, results []result) {
	fmt.Fprint(out, "| packets in a request | server | packets/s committed | slowest to fastest round | server CPU a packet | p50 | p99 |\n|---:|---|---:|---:|---:|---:|---:|\n")
	refused := 0
	for _, r := range results {
		fmt.Fprintf(out, "| %d | %s | %s | %s to %s | %.1f µs | %s ms | %s ms |\n",
			r.batch, r.name, thousands(r.perSecond), thousands(r.low), thousands(r.high), float64(r.cpu)/1e3, ms(r.p50), ms(r.p99))
		refused += r.refused
	}
	single := results[1].perSecond / results[0].perSecond
	fmt.Fprintf(out, "\n- %s: single, relay commits %.0f %% of the yardstick's packets a second; the goal is %.0f %%.\n", verdict(single >= goalSingle), single*100, goalSingle*100)
	batched := results[len(results)-1]
	fmt.Fprintf(out, "- %s: in batches of %d, relay commits %s packets a second; the goal is %s.\n", verdict(batched.perSecond >= goalBatched), batched.batch, thousands(batched.perSecond), thousands(goalBatched))
	fmt.Fprintf(out, "- After each round the server was killed; its database held every acknowledged packet and no other. Requests refused with 503: %d.\n", refused)
}

func verdict(ok bool) string {
	if ok {
		return "PASS"
	}
	return "MISS"
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/1e6) }

// thousands writes 123456.7 as 123,457.
func thousands(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
