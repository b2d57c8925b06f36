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
	failed  []string // what gave no figure, and why
	header  string   // machine, versions, commands
}

func (r report) write(out io.Writer) {
	fmt.Fprintf(out, "# Speed in real time\n\n%s\n## Goals\n\n", r.header)
	r.writeGoals(out)
	r.writeMemory(out)
	for _, w := range r.works {
		for _, st := range w.steps {
			if len(r.results[st.id]) == 0 {
				continue
			}
			switch w.kind {
			case broadcast:
				r.writeTable(out, st, "| server | deliveries a CPU s | rounds | of gorilla | a second | bytes a delivery | deliveries a read | server core | load core |", func(p peer) string {
					m := func(c column) float64 { return r.results.median(st.id, p.id, c) }
					s, _ := r.results.of(st.id, p.id, perSecond)
					return fmt.Sprintf("%s | %s to %s | %s | %s | %.0f | %.1f | %.0f %% | %.0f %%", stats.Thousands(s.Median), stats.Thousands(s.Low), stats.Thousands(s.High),
						r.times(st.id, p.id, perSecond), stats.Thousands(m(func(f figures) float64 { return f.rate })), m(func(f figures) float64 { return f.wire }),
						m(func(f figures) float64 { return f.perRead }), 100*m(func(f figures) float64 { return f.busy }), 100*m(func(f figures) float64 { return f.load }))
				})
			case echo:
				r.writeTable(out, st, "| server | CPU µs a message | rounds | of gorilla | a second | p50 ms | p99 ms | server core | load core |", func(p peer) string {
					m := func(c column) float64 { return r.results.median(st.id, p.id, c) }
					s, _ := r.results.of(st.id, p.id, cpu)
					return fmt.Sprintf("%.2f | %.2f to %.2f | %s | %s | %.2f | %.2f | %.0f %% | %.0f %%", s.Median, s.Low, s.High, r.times(st.id, p.id, cpu),
						stats.Thousands(m(func(f figures) float64 { return f.rate })), m(p50), m(p99),
						100*m(func(f figures) float64 { return f.busy }), 100*m(func(f figures) float64 { return f.load }))
				})
			case nodes:
				r.writeTable(out, st, "| server | p50 ms | p99 ms | rounds (p50) | added p50 ms | not delivered | CPU µs a delivery |", func(p peer) string {
					s, _ := r.results.of(st.id, p.id, p50)
					added := ""
					if base, ok := r.results.of(st.id, p.base, p50); ok {
						added = fmt.Sprintf("%.3f", s.Median-base.Median)
					}
					m := func(c column) float64 { return r.results.median(st.id, p.id, c) }
					return fmt.Sprintf("%.3f | %.3f | %.3f to %.3f | %s | %.1f %% | %.1f", s.Median, m(p99), s.Low, s.High, added, 100*m(func(f figures) float64 { return f.lost }), m(cpu))
				})
			case paced:
				r.writeTable(out, st, "| server | p50 ms | p99 ms | rounds (p99) | not delivered | connections closed | server core | load core |", func(p peer) string {
					m := func(c column) float64 { return r.results.median(st.id, p.id, c) }
					s, _ := r.results.of(st.id, p.id, p99)
					return fmt.Sprintf("%.2f | %.2f | %.2f to %.2f | %.1f %% | %.1f %% | %.0f %% | %.0f %%", m(p50), s.Median, s.Low, s.High,
						100*m(func(f figures) float64 { return f.lost }), 100*m(func(f figures) float64 { return f.closed }),
						100*m(func(f figures) float64 { return f.busy }), 100*m(func(f figures) float64 { return f.load }))
				})
			}
		}
	}
	if len(r.failed) > 0 {
		fmt.Fprintf(out, "\n## Without a figure\n\n- %s\n", strings.Join(r.failed, "\n- "))
	}
}

// writeTable writes a row for each peer that has figures.
func (r report) writeTable(out io.Writer, st step, head string, row func(p peer) string) {
	fmt.Fprintf(out, "\n## %s\n\n", st.title)
	if st.note != "" {
		fmt.Fprintf(out, "%s\n\n", st.note)
	}
	fmt.Fprintf(out, "%s\n|---|%s\n", head, strings.Repeat("---:|", strings.Count(head, "|")-2))
	for _, p := range r.peers {
		if len(r.results[st.id][p.id]) > 0 {
			fmt.Fprintf(out, "| %s | %s |\n", p.name, row(p))
		}
	}
}

// times returns how many times gorilla's median a peer's is.
func (r report) times(step, peer string, c column) string {
	if base := r.results.median(step, "gorilla", c); base > 0 {
		return fmt.Sprintf("%.2f", r.results.median(step, peer, c)/base)
	}
	return ""
}

// writeMemory writes one table, a column for each number of connections.
func (r report) writeMemory(out io.Writer) {
	var columns []step
	for _, w := range r.works {
		if w.kind == idle {
			columns = append(columns, w.steps...)
		}
	}
	if len(columns) == 0 {
		return
	}
	head := "| server |"
	for _, st := range columns {
		head += " " + st.title + " |"
	}
	fmt.Fprintf(out, "\n## Memory for each idle WebSocket\n\nRSS of the server after a forced collection, in bytes; and its CPU time to open one.\n\n%s CPU µs to open |\n|---|%s\n",
		head, strings.Repeat("---:|", len(columns)+1))
	for _, p := range r.peers {
		row, cost := "", 0.0
		for _, st := range columns {
			if b, ok := r.results.of(st.id, p.id, bytes); ok {
				row += stats.Thousands(b.Median)
				cost = r.results.median(st.id, p.id, opening)
			}
			row += " | "
		}
		if cost > 0 {
			fmt.Fprintf(out, "| %s | %s%.0f |\n", p.name, row, cost)
		}
	}
}
