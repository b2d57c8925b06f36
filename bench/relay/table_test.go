package main

import (
	"strings"
	"testing"
	"time"
)

func TestFigures(t *testing.T) {
	t.Parallel()
	l := load{batch: 10, measured: 2 * time.Second}
	var w worker
	for i := range 100 {
		w.latencies = append(w.latencies, time.Duration(100-i)*time.Millisecond)
	}
	w.acked = 1100
	f, err := l.sum([]worker{w, {refused: 2}}, time.Second)
	want := figures{perSecond: 500, cpu: time.Millisecond, p50: 51 * time.Millisecond, p99: 100 * time.Millisecond, refused: 2, acked: 1100}
	if err != nil || f != want {
		t.Errorf("got %+v, %v; want %+v", f, err, want)
	}
	if _, err := l.sum(make([]worker, 2), time.Second); err == nil {
		t.Error("no answers at all are taken for a figure")
	}
	m := median([]figures{{perSecond: 3, p99: 1, acked: 1}, {perSecond: 1, p99: 3, acked: 1}, {perSecond: 2, p99: 2, acked: 1}})
	if (m != figures{perSecond: 2, low: 1, high: 3, p99: 2, acked: 3}) {
		t.Errorf("the median is %+v", m)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	fast := figures{perSecond: 123_456.7, low: 1000, high: 200_000, cpu: 8100, p50: 1500 * time.Microsecond, p99: 20 * time.Millisecond}
	slow := figures{perSecond: 999.6, cpu: 240_400}
	var out strings.Builder
	writeTable(&out, []result{{1, "yardstick", fast}, {1, "relay", slow}, {500, "yardstick", slow}, {500, "relay", fast}})
	for _, want := range []string{
		"| 1 | yardstick | 123,457 | 1,000 to 200,000 | 8.1 µs | 1.5 ms | 20.0 ms |\n", "| 1 | relay | 1,000 | 0 to 0 | 240.4 µs |",
		"- MISS: single, relay commits 1 % of", "- PASS: in batches of 500, relay commits 123,457 packets",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
