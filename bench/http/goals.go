package main

import (
	"fmt"
	"io"
	"math"

	"github.com/galeweb/gale/bench/internal/stats"
)

// goal is a row of issue 3's table: what gale, in its default mode, is to
// reach.
type goal struct {
	what, work string
	column     column
	must, aim  bound
}

// bound compares a figure with another peer's, or with a number when base is
// empty. The zero bound is none.
type bound struct {
	base    string // id of a peer
	limit   float64
	atLeast bool // else at most
	unit    string
}

// Names of the peers that gale is held against.
const (
	judged = "gale"
	baseGo = "nethttp"
	baseC  = "c"
)

func goals() []goal {
	ofGo := func(limit float64) bound { return bound{base: baseGo, limit: limit} }
	fast := bound{base: "fasthttp", limit: 1}
	absolute := func(limit float64, unit string) bound { return bound{limit: limit, unit: unit} }
	return []goal{
		{"plain, 64 connections: CPU", "plain", cpu, ofGo(0.50), fast},
		{"plain, 512 connections: CPU", "plain512", cpu, ofGo(0.50), fast},
		{"JSON in and out: CPU", "json", cpu, ofGo(0.55), fast},
		{"browser-like headers (13): CPU", "browser", cpu, ofGo(0.48), fast},
		{"pipelined x16: CPU", "pipelined", cpu, ofGo(0.18), ofGo(0.10)},
		{"against the C limit, plain: CPU", "plain", cpu, bound{base: baseC, limit: 1.4}, bound{base: baseC, limit: 1.25}},
		{"5 ms blocking handler, 512 connections: req/s", "blocking", rate, bound{base: baseGo, limit: 1, atLeast: true}, bound{base: baseGo, limit: 1.2, atLeast: true}},
		{"5 ms blocking handler, 512 connections: p99", "blocking", p99, ofGo(1), bound{}},
		{"p99 of another route while 1 % of requests block 5 ms", "other", p99, ofGo(1), bound{}},
		{"RSS for each idle keep-alive connection, 10k", "idle10k", bytes, absolute(500, "B"), absolute(300, "B")},
		{"RSS for each idle keep-alive connection, 19k", "idle19k", bytes, absolute(500, "B"), absolute(300, "B")},
		{"RSS for each idle TLS connection", "idletls", bytes, absolute(9000, "B"), absolute(7000, "B")},
		{"allocations a request, plain", "allocs", objects, absolute(6, ""), bound{}},
		{"allocations a request, browser-like", "allocs13", objects, absolute(10, ""), bound{}},
	}
}

// writeGoals writes each goal with what was measured and whether that is enough.
func writeGoals(out io.Writer, r results, names map[string]string) {
	fmt.Fprint(out, "| what | must | measured | | aim | measured | |\n|---|---:|---:|---|---:|---:|---|\n")
	for _, g := range goals() {
		fmt.Fprintf(out, "| %s | %s | %s |\n", g.what, r.verdict(g, g.must, names), r.verdict(g, g.aim, names))
	}
}

// verdict returns three cells: the bound, the figure, and PASS or MISS.
func (r results) verdict(g goal, b bound, names map[string]string) string {
	if b == (bound{}) {
		return " | | "
	}
	sign := "<="
	if b.atLeast {
		sign = ">="
	}
	limit, got, ok := "", 0.0, false
	if b.base != "" {
		limit = fmt.Sprintf("%s %.2f of %s", sign, b.limit, names[b.base])
		got, ok = r.ratio(g.work, judged, b.base, g.column)
		got = math.Round(got*100) / 100
	} else {
		var s stats.Spread
		limit = fmt.Sprintf("%s %.0f %s", sign, b.limit, b.unit)
		s, ok = r.of(g.work, judged, g.column)
		got = math.Round(s.Median*10) / 10
	}
	if !ok {
		return limit + " | not measured | "
	}
	verdict := "MISS"
	if b.atLeast && got >= b.limit || !b.atLeast && got <= b.limit {
		verdict = "PASS"
	}
	if b.base == "" {
		return fmt.Sprintf("%s | %.1f %s | %s", limit, got, b.unit, verdict)
	}
	return fmt.Sprintf("%s | %.2f | %s", limit, got, verdict)
}
