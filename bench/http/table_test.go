package main

import (
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/bench/internal/load"
	"github.com/galeweb/gale/bench/internal/stats"
)

func TestSpread(t *testing.T) {
	t.Parallel()
	r := results{}
	for _, v := range []float64{5, 1, 9} {
		r.add("w", "odd", figures{cpu: v})
	}
	for _, v := range []float64{4, 1, 2, 100} {
		r.add("w", "even", figures{cpu: v})
	}
	if got, ok := r.of("w", "odd", cpu); got != (stats.Spread{Low: 1, Median: 5, High: 9}) || !ok {
		t.Errorf("odd: %+v", got)
	}
	if got, ok := r.of("w", "even", cpu); got != (stats.Spread{Low: 1, Median: 3, High: 100}) || !ok {
		t.Errorf("even: %+v", got)
	}
	if _, ok := r.of("w", "nobody", cpu); ok {
		t.Error("a peer without rounds has a figure")
	}
	if got, ok := r.ratio("w", "even", "odd", cpu); got != 0.6 || !ok {
		t.Errorf("ratio %v", got)
	}
	for _, base := range []string{"nobody", "zero"} {
		r["w"]["zero"] = []figures{{}}
		if _, ok := r.ratio("w", "even", base, cpu); ok {
			t.Errorf("a ratio to %s", base)
		}
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	r := results{}
	for _, v := range []float64{0.3, 0.1, 0.2} {
		r.add("plain", "gale", figures{rate: 1, foreign: v})
	}
	r.add("idle10k", "gale", figures{foreign: 9})
	if got := r.foreign(works()); got != (stats.Spread{Low: 0.1, Median: 0.2, High: 0.3}) {
		t.Errorf("got %+v", got)
	}
	if got := (results{}).foreign(works()); got != (stats.Spread{}) {
		t.Errorf("nothing: %+v", got)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	r := results{}
	r.add("w", judged, figures{cpu: 5.04, rate: 90, bytes: 300.04, objects: 6.04})
	r.add("w", baseGo, figures{cpu: 10, rate: 100})
	names := map[string]string{baseGo: "net/http"}
	for _, c := range []struct {
		column column
		bound  bound
		want   string
	}{
		{cpu, bound{base: baseGo, limit: 0.50}, "<= 0.50 of net/http | 0.50 | PASS"},
		{cpu, bound{base: baseGo, limit: 0.49}, "<= 0.49 of net/http | 0.50 | MISS"},
		{rate, bound{base: baseGo, limit: 0.9, atLeast: true}, ">= 0.90 of net/http | 0.90 | PASS"},
		{rate, bound{base: baseGo, limit: 1, atLeast: true}, ">= 1.00 of net/http | 0.90 | MISS"},
		{bytes, bound{limit: 300, unit: "B"}, "<= 300 B | 300.0 B | PASS"},
		{bytes, bound{limit: 299, unit: "B"}, "<= 299 B | 300.0 B | MISS"},
		{objects, bound{limit: 6, unit: "objects"}, "<= 6 objects | 6.0 objects | PASS"},
		{cpu, bound{base: "other", limit: 1}, "<= 1.00 of  | not measured | "},
		{cpu, bound{}, " | | "},
	} {
		if got := r.verdict(goal{work: "w", column: c.column}, c.bound, names); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := report{peers: peers(), works: works(), results: results{}, header: "- the machine\n", failed: []string{"nbio: why"}}
	r.results.add("plain", "gale", figures{cpu: 5, user: 2, rate: 123_456.7, p50: 0.5, p99: 1.25, busy: 0.995})
	r.results.add("plain", "nethttp", figures{cpu: 10})
	r.results.add("plain", "c", figures{cpu: 4})
	r.results.add("idle10k", "gale", figures{bytes: 209.4})
	r.results.add("idletls", "gale", figures{bytes: 7000})
	r.results.add("allocs", "gale", figures{objects: 6, bytes: 1540})
	var out strings.Builder
	r.write(&out)
	for _, want := range []string{
		"# Speed\n\n- the machine\n\n## Goals\n",
		"| plain, 64 connections: CPU | <= 0.50 of net/http | 0.50 | PASS | <= 1.00 of fasthttp | not measured |  |\n",
		"| against the C limit, plain: CPU | <= 1.40 of C epoll (limit) | 1.25 | PASS | <= 1.25 of C epoll (limit) | 1.25 | PASS |\n",
		"| **gale** | 5.00 | 5.00 to 5.00 | 0.50 | 1.25 | 2.00 | 123,457 | 0.50 | 1.25 | 100 % |\n",
		"| server | 10k | 19k | TLS, 5k |\n|---|---:|---:|---:|\n| **gale** | 209 | | 7000 |\n",
		"| server | plain | browser-like |\n|---|---:|---:|\n| **gale** | 6.0 / 1540 | |\n",
		"## Without a figure\n\n- nbio: why\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestUnderLoadFigures(t *testing.T) {
	t.Parallel()
	got, err := underLoadFigures(load.Result{
		Streams: []load.StreamResult{{Requests: 300_000, P50: time.Millisecond, P99: 2 * time.Millisecond}, {Requests: 200_000, P99: time.Second}},
		Time:    2 * time.Second, CPU: time.Second, User: 250 * time.Millisecond, LoadCPU: time.Second, Machine: 3 * time.Second,
	})
	want := figures{cpu: 2, user: 0.5, rate: 250_000, p50: 1, p99: 2, busy: 0.5, foreign: 0.5}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if _, err := underLoadFigures(load.Result{Streams: make([]load.StreamResult, 1), Time: time.Second}); err == nil {
		t.Error("no answer at all is taken for a figure")
	}
}
