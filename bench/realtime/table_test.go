package main

import (
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/bench/realtime/internal/load"
)

func TestFigures(t *testing.T) {
	t.Parallel()
	got, err := figuresOf(load.Result{
		Deliveries: 800, Expected: 1000, Closed: 2, Bytes: 8000, Reads: 400, Time: 2 * time.Second, CPU: time.Second, LoadCPU: time.Second,
		Machine: 3 * time.Second, P50: time.Millisecond, P99: 2 * time.Millisecond,
	}, 10)
	got.lost = float64(int(got.lost*1000+0.5)) / 1000
	want := figures{perSecond: 800, cpu: 1250, rate: 400, wire: 10, perRead: 2, p50: 1, p99: 2, lost: 0.2, closed: 0.2, busy: 0.5, load: 0.5, foreign: 0.5}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if _, err := figuresOf(load.Result{Time: time.Second, CPU: 1}, 1); err == nil {
		t.Error("nothing at all is taken for a figure")
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	r := report{results: results{}}
	for peer, v := range map[string]float64{"gale": 300, "gorilla": 200, "coder": 100} {
		r.results.add("s", peer, figures{perSecond: v, cpu: 1 / v, bytes: v})
	}
	for _, c := range []struct {
		column column
		bound  bound
		want   string
	}{
		{perSecond, bound{peers: []string{"gorilla"}, limit: 1.5, atLeast: true}, ">= 1.50 of gorilla | 1.50 of gorilla | PASS"},
		{perSecond, bound{peers: []string{"coder", "gorilla"}, limit: 1.6, atLeast: true}, ">= 1.60 of the best of coder, gorilla | 1.50 of gorilla | MISS"},
		{cpu, bound{peers: []string{"coder", "gorilla"}, limit: 0.7}, "<= 0.70 of the best of coder, gorilla | 0.67 of gorilla | PASS"},
		{bytes, bound{limit: 299}, "<= 299 B | 300 B | MISS"},
		{bytes, bound{}, " | | "},
		{bytes, bound{peers: []string{"nbio"}, limit: 1}, "<= 1.00 of nbio | not measured | "},
	} {
		if got := r.verdict(goal{step: "s", judged: "gale", column: c.column}, c.bound); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if got := r.verdict(goal{step: "other", judged: "gale", column: bytes}, bound{limit: 1}); !strings.Contains(got, "not measured") {
		t.Errorf("a step without rounds: %q", got)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := report{peers: peers(), works: works(), results: results{}, header: "- header\n", failed: []string{"Tornado: not here"}}
	r.results.add("idle10k", "gale", figures{bytes: 1234, opening: 50})
	r.results.add("hub10k", "hub", figures{bytes: 77, opening: 60})
	r.results.add("broadcast1", "gale", figures{perSecond: 123456})
	r.results.add("broadcast1", "gorilla", figures{perSecond: 61728})
	r.results.add("echo64", "coder", figures{cpu: 2.5, p99: 3})
	r.results.add("latency10", "hub", figures{p50: 1, p99: 9, lost: 0.25})
	var out strings.Builder
	r.write(&out)
	for _, want := range []string{
		"# Speed in real time\n\n- header\n", "| **gale ws** | 1,234 |  |  |  | 50 |\n", "| **gale hub** |  |  | 77 |  | 60 |\n",
		"| **gale ws** | 123,456 | 123,456 to 123,456 | 2.00 |", "| coder | 2.50 | 2.50 to 2.50 |  |", "| **gale hub** | 1.00 | 9.00 | 9.00 to 9.00 | 25.0 % |", "- Tornado: not here\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "ten messages in flight\n\n|") {
		t.Error("a step without figures has a table")
	}
	// Every row of a table has as many cells as its head.
	cells := 0
	for line := range strings.Lines(out.String()) {
		n := strings.Count(line, "|")
		if cells > 0 && n > 0 && n != cells {
			t.Errorf("%d cells, not %d: %s", n-1, cells-1, line)
		}
		cells = n
	}
}
