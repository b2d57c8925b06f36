package main

import (
	"fmt"
	"io"
	"strings"
)

// goal is a row of issue 4's table.
type goal struct {
	what, step string
	judged     string // id of the peer that is held against the bounds
	column     column
	must, aim  bound
}

// bound compares a median with that of the best of some peers, or with a number
// when there are none. The zero bound is none.
type bound struct {
	peers   []string
	limit   float64
	atLeast bool // else at most
}

func goals() []goal {
	libraries := []string{"gorilla", "coder", "gobwas", "gws", "nbio", "tornado"}
	than := func(limit float64, peers ...string) bound {
		return bound{peers: peers, limit: limit, atLeast: true}
	}
	most := func(limit float64, peers ...string) bound { return bound{peers: peers, limit: limit} }
	return []goal{
		{"RSS for each idle WebSocket that has echoed once, 10k", "idle10k", "gale", bytes, most(600), most(400)},
		{"RSS for each idle WebSocket that has echoed once, 19k", "idle19k", "gale", bytes, most(600), most(400)},
		{"RSS for each idle WebSocket with one hub subscription, 10k", "hub10k", "hub", bytes, most(1200), most(800)},
		{"RSS for each idle WebSocket with one hub subscription, 19k", "hub19k", "hub", bytes, most(1200), most(800)},
		{"broadcast, one in flight: deliveries a CPU second", "broadcast1", "gale", perSecond, than(1.4, "gorilla"), than(1.2, libraries...)},
		{"broadcast, ten in flight: deliveries a CPU second", "broadcast10", "gale", perSecond, than(8, "gorilla"), bound{}},
		{"broadcast with compression, one in flight", "deflate1", "gale", perSecond, than(1.5, libraries...), bound{}},
		{"broadcast with compression, ten in flight", "deflate10", "gale", perSecond, than(1.5, libraries...), bound{}},
		{"echo of 64 B: CPU a message", "echo64", "gale", cpu, most(0.6, "gorilla", "coder"), most(1, "gws", "nbio")},
		{"echo of 16 KiB: CPU a message", "echo16k", "gale", cpu, most(0.6, "gorilla", "coder"), most(1, "gws", "nbio")},
		{"hub, 10 publishes a second: p99 to the delivery", "latency10", "hub", p99, most(1, "centrifuge"), most(0.5, "centrifuge")},
		{"hub, 100 publishes a second: p99 to the delivery", "latency100", "hub", p99, most(1, "centrifuge"), most(0.5, "centrifuge")},
	}
}

// writeGoals writes each goal with what was measured and whether that is enough.
func (r report) writeGoals(out io.Writer) {
	fmt.Fprint(out, "| what | must | measured | | aim | measured | |\n|---|---:|---:|---|---:|---:|---|\n")
	for _, g := range goals() {
		fmt.Fprintf(out, "| %s | %s | %s |\n", g.what, r.verdict(g, g.must), r.verdict(g, g.aim))
	}
}

// verdict returns three cells: the bound, the figure, and PASS or MISS.
func (r report) verdict(g goal, b bound) string {
	if b.limit == 0 {
		return " | | "
	}
	sign := "<="
	if b.atLeast {
		sign = ">="
	}
	got, ok := r.results.of(g.step, g.judged, g.column)
	figure, limit, base := got.Median, fmt.Sprintf("%s %.0f B", sign, b.limit), 1.0
	text := fmt.Sprintf("%.0f B", figure)
	if len(b.peers) > 0 {
		limit = fmt.Sprintf("%s %.2f of %s", sign, b.limit, among(b.peers))
		best, any := r.results.best(g.step, b.peers, g.column, b.atLeast)
		ok = ok && any
		base = r.results.median(g.step, best, g.column)
		text = fmt.Sprintf("%.2f of %s", figure/base, best)
	}
	if !ok {
		return limit + " | not measured | "
	}
	verdict := "MISS"
	if b.atLeast && figure >= b.limit*base || !b.atLeast && figure <= b.limit*base {
		verdict = "PASS"
	}
	return fmt.Sprintf("%s | %s | %s", limit, text, verdict)
}

func among(peers []string) string {
	if len(peers) == 1 {
		return peers[0]
	}
	if len(peers) > 3 {
		return "the best peer"
	}
	return "the best of " + strings.Join(peers, ", ")
}
