package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/galeweb/gale/bench/internal/stats"
)

// report is what a run has to say.
type report struct {
	peers   []peer
	works   []work
	results results
	failed  []string // rounds that gave nothing, and why
	header  string   // machine, versions, commands
}

func (r report) write(out io.Writer) {
	names := map[string]string{}
	for _, p := range peers() {
		names[p.id] = strings.Trim(p.name, "*")
	}
	fmt.Fprintf(out, "# Speed\n\n%s\n## Goals\n\n", r.header)
	writeGoals(out, r.results, names)
	for _, w := range r.works {
		if w.kind == underLoad {
			r.writeLoad(out, w)
		}
	}
	r.writeColumns(out, idle, "Memory for each idle connection", "RSS after one request and a forced collection, in bytes.", func(f stats.Spread, _ stats.Spread) string {
		return fmt.Sprintf("%.0f", f.Median)
	})
	r.writeColumns(out, allocs, "Allocations a request", "Objects / bytes.", func(bytes, objects stats.Spread) string {
		return fmt.Sprintf("%.1f / %.0f", objects.Median, bytes.Median)
	})
	if len(r.failed) > 0 {
		fmt.Fprintf(out, "\n## Without a figure\n\n- %s\n", strings.Join(r.failed, "\n- "))
	}
}

// writeLoad writes the table of one work.
func (r report) writeLoad(out io.Writer, w work) {
	fmt.Fprintf(out, "\n## %s\n\n", w.title)
	if w.note != "" {
		fmt.Fprintf(out, "%s\n\n", w.note)
	}
	fmt.Fprint(out, "| server | CPU s for 1 M | rounds | of net/http | of C | user s | req/s | p50 ms | p99 ms | core used |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, p := range r.peers {
		c, ok := r.results.of(w.id, p.id, cpu)
		if !ok {
			continue
		}
		median := func(c column) float64 {
			s, _ := r.results.of(w.id, p.id, c)
			return s.Median
		}
		fmt.Fprintf(out, "| %s | %.2f | %.2f to %.2f | %s | %s | %.2f | %s | %.2f | %.2f | %.0f %% |\n", p.name, c.Median, c.Low, c.High,
			r.times(w.id, p.id, baseGo), r.times(w.id, p.id, baseC), median(user), stats.Thousands(median(rate)), median(p50), median(p99), 100*median(busy))
	}
}

func (r report) times(work, peer, base string) string {
	if ratio, ok := r.results.ratio(work, peer, base, cpu); ok {
		return fmt.Sprintf("%.2f", ratio)
	}
	return ""
}

// writeColumns writes one table for all works of a kind, a column each.
func (r report) writeColumns(out io.Writer, k kind, title, note string, cell func(bytes, objects stats.Spread) string) {
	head, rule := "| server |", "|---|"
	var ids []string
	for _, w := range r.works {
		if w.kind == k {
			ids = append(ids, w.id)
			head, rule = head+" "+w.title+" |", rule+"---:|"
		}
	}
	if len(ids) == 0 {
		return
	}
	fmt.Fprintf(out, "\n## %s\n\n%s\n\n%s\n%s\n", title, note, head, rule)
	for _, p := range r.peers {
		row, any := "", false
		for _, id := range ids {
			b, ok := r.results.of(id, p.id, bytes)
			o, _ := r.results.of(id, p.id, objects)
			any = any || ok
			if ok {
				row += " " + cell(b, o)
			}
			row += " |"
		}
		if any {
			fmt.Fprintf(out, "| %s |%s\n", p.name, row)
		}
	}
}
