package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/galeweb/gale/bench/internal/launch"
	"github.com/galeweb/gale/bench/internal/machine"
	"github.com/galeweb/gale/bench/internal/stats"
)

// gogc is the GC setting of all servers in Go, save those that keep their own.
const gogc = "400"

// bench is one run.
type bench struct {
	peers     []peer
	works     []work
	rounds    int
	warmUp    time.Duration
	measured  time.Duration
	settle    time.Duration // between the load and the collection that precedes a look at the memory
	idleShare int           // the part of the idle connections that are made

	repository, folder, temp string // folder is bench/http
	cert, key                string
	cores                    machine.Cores
}

// prepare finds the cores and builds the programs into a temporary folder,
// which clean removes.
func (b *bench) prepare(ctx context.Context) (missing []string, clean func(), err error) {
	if b.cores, err = machine.TwoCores(); err != nil {
		return nil, nil, err
	}
	if b.repository, err = launch.Repository(ctx); err != nil {
		return nil, nil, err
	}
	b.folder = filepath.Join(b.repository, "bench", "http")
	if b.temp, err = os.MkdirTemp("", "gale-http-"); err != nil {
		return nil, nil, err
	}
	clean = func() { _ = os.RemoveAll(b.temp) }
	if b.cert, b.key, err = writeCert(b.temp); err == nil {
		missing, err = b.build(ctx)
	}
	if err == nil {
		err = launch.ClearEnv()
	}
	if err != nil {
		clean()
		return nil, nil, err
	}
	return missing, clean, nil
}

// run measures each work on each peer, round after round, so that all meet the
// same noise; each round begins with another peer.
func (b *bench) run(ctx context.Context) (report, error) {
	missing, clean, err := b.prepare(ctx)
	if err != nil {
		return report{}, err
	}
	defer clean()
	begin := time.Now()
	r := report{peers: b.peers, works: b.works, results: results{}, failed: missing}
	for _, w := range b.works {
		for n := range b.roundsOf(w) {
			for i := range b.peers {
				p := b.peers[(i+n)%len(b.peers)]
				if !p.does(w) {
					continue
				}
				f, err := b.measure(ctx, w, p)
				if ctx.Err() != nil {
					return report{}, ctx.Err()
				}
				if err != nil {
					log.Printf("%s, round %d, %s: %v", w.id, n+1, p.id, err)
					r.failed = append(r.failed, fmt.Sprintf("%s, %s, round %d: %s", p.name, w.id, n+1, strings.ReplaceAll(err.Error(), "\n", " ")))
					continue
				}
				r.results.add(w.id, p.id, f)
				log.Printf("%-9s %d %-11s %7.2f CPU s/M %9.0f req/s p99 %8.2f ms %8.0f B %6.1f objects", w.id, n+1, p.id, f.cpu, f.rate, f.p99, f.bytes, f.objects)
			}
		}
	}
	r.header = b.header(ctx, time.Since(begin), r.results.foreign(b.works))
	return r, nil
}

// roundsOf returns the rounds of a work: memory is the same each time, and
// filling it takes long.
func (b *bench) roundsOf(w work) int {
	if w.kind == underLoad {
		return b.rounds
	}
	return 1
}

func (b *bench) header(ctx context.Context, took time.Duration, foreign stats.Spread) string {
	var s strings.Builder
	s.WriteString("Written by `bench/http`; how to repeat and read it: [README.md](README.md).\n\n")
	fmt.Fprintf(&s, "- %s, in %v; gale at commit %s; command: `cd bench && GOWORK=off go run ./http %s`\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), took.Round(time.Second), launch.Commit(ctx, b.repository), strings.Join(os.Args[1:], " "))
	fmt.Fprintf(&s, "- %s, %d cores, Linux %s; server on core %d, load on core %d, loopback\n",
		machine.CPU(), runtime.NumCPU(), machine.Kernel(), b.cores.Server, b.cores.Load)
	fmt.Fprintf(&s, "- median of %d rounds of %v after %v, a fresh process for each, peers in turn; memory and allocations: one round\n", b.rounds, b.measured, b.warmUp)
	fmt.Fprintf(&s, "- others on the machine took %.0f %% of a core in the median round and %.0f %% in the worst\n", 100*foreign.Median, 100*foreign.High)
	if b.idleShare > 1 {
		fmt.Fprintf(&s, "- **a quick run**: one in %d of the idle connections, and figures that say nothing\n", b.idleShare)
	}
	fmt.Fprintf(&s, "- %s; GOGC=%s for all servers in Go, save where a row says otherwise; GOMAXPROCS is 1, from the one core\n", runtime.Version(), gogc)
	for _, v := range b.versions(ctx) {
		fmt.Fprintf(&s, "- %s\n", v)
	}
	return s.String()
}
