package main

import (
	"fmt"
	"io"
	"strings"
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
	r.writeColumns(out, idle, "Memory for each idle connection", "RSS after one request and a forced collection, in bytes.", func(f spread, _ spread) string {
		return fmt.Sprintf("%.0f", f.median)
	})
	r.writeColumns(out, allocs, "Allocations a request", "Objects / bytes.", func(bytes, objects spread) string {
		return fmt.Sprintf("%.1f / %.0f", objects.median, bytes.median)
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
			return s.median
		}
		fmt.Fprintf(out, "| %s | %.2f | %.2f to %.2f | %s | %s | %.2f | %s | %.2f | %.2f | %.0f %% |\n", p.name, c.median, c.low, c.high,
			r.times(w.id, p.id, baseGo), r.times(w.id, p.id, baseC), median(user), thousands(median(rate)), median(p50), median(p99), 100*median(busy))
	}
}

func (r report) times(work, peer, base string) string {
	if ratio, ok := r.results.ratio(work, peer, base, cpu); ok {
		return fmt.Sprintf("%.2f", ratio)
	}
	return ""
}

// writeColumns writes one table for all works of a kind, a column each.
func (r report) writeColumns(out io.Writer, k kind, title, note string, cell func(bytes, objects spread) string) {
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

// thousands writes 123456.7 as 123,457.
func thousands(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
