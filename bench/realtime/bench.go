package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/galeweb/gale/bench/internal/launch"
	"github.com/galeweb/gale/bench/internal/machine"
)

// gogc is the GC setting of all servers in Go.
const gogc = "400"

// python is the interpreter that Debian's python3-tornado is installed for.
const python = "/usr/bin/python3"

// bench is one run.
type bench struct {
	peers    []peer
	works    []work
	rounds   int
	warmUp   time.Duration
	measured time.Duration
	settle   time.Duration // before the collection that precedes a look at the memory
	share    int           // the part of the connections that are made, when there are many
	profiles bool
	// opened is called when the connections of a work's first step are open; nil: nothing.
	opened func(s server)

	repository, folder, temp string // folder is bench/realtime
	cores                    machine.Cores
}

// prepare finds the cores and builds the programs into a temporary folder, which
// clean removes. It drops peers that this machine does not have, and says why.
func (b *bench) prepare(ctx context.Context) (missing []string, clean func(), err error) {
	if b.cores, err = machine.TwoCores(); err != nil {
		return nil, nil, err
	}
	if b.repository, err = launch.Repository(ctx); err != nil {
		return nil, nil, err
	}
	b.folder = filepath.Join(b.repository, "bench", "realtime")
	if b.temp, err = os.MkdirTemp("", "gale-realtime-"); err != nil {
		return nil, nil, err
	}
	clean = func() { _ = os.RemoveAll(b.temp) }
	if missing, err = b.build(ctx); err == nil {
		err = launch.ClearEnv()
	}
	if err != nil {
		clean()
		return nil, nil, err
	}
	return missing, clean, nil
}

func (b *bench) build(ctx context.Context) (missing []string, err error) {
	made := map[string]bool{}
	var have []peer
	for _, p := range b.peers {
		switch {
		case !p.golang():
			if err := launch.Try(ctx, python, "-c", "import tornado"); err != nil {
				missing = append(missing, fmt.Sprintf("%s: not on this machine: %v", p.name, err))
				continue
			}
		case !made[p.program]:
			if err := launch.Build(ctx, filepath.Dir(b.folder), "./realtime/servers/"+p.program, b.binary(p)); err != nil {
				return nil, err
			}
			made[p.program] = true
		}
		have = append(have, p)
	}
	b.peers = have
	return missing, nil
}

// run does each work with each peer, round after round, so that all meet the
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
				err := b.measure(ctx, w, p, func(st step, f figures) {
					r.results.add(st.id, p.id, f)
					log.Printf("%-11s %d %-14s %6.0f B %9.0f/CPU s %7.3f µs %5.1f a read, p99 %8.2f ms, lost %.0f %%, load %.0f %%",
						st.id, n+1, p.id, f.bytes, f.perSecond, f.cpu, f.perRead, f.p99, 100*f.lost, 100*f.load)
				})
				if ctx.Err() != nil {
					return report{}, ctx.Err()
				}
				if err != nil {
					log.Printf("%s %d %s: %v", w.id, n+1, p.id, err)
					if why := failure(p, w, err); !slices.Contains(r.failed, why) {
						r.failed = append(r.failed, why)
					}
				}
			}
		}
	}
	r.header = b.header(ctx, time.Since(begin), r.results)
	return r, nil
}

func failure(p peer, w work, err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	return fmt.Sprintf("%s, %s: %.300s", strings.Trim(p.name, "*"), w.id, text)
}

// roundsOf returns the rounds of a work: memory is the same each time, and
// filling it takes long.
func (b *bench) roundsOf(w work) int {
	if w.kind == idle {
		return 1
	}
	return b.rounds
}

func (b *bench) header(ctx context.Context, took time.Duration, r results) string {
	foreign := r.foreign()
	var s strings.Builder
	s.WriteString("Written by `bench/realtime`; how to repeat and read it: [README.md](README.md).\n\n")
	fmt.Fprintf(&s, "- %s, in %v; gale at commit %s; command: `cd bench && GOWORK=off go run ./realtime %s`\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), took.Round(time.Second), launch.Commit(ctx, b.repository), strings.Join(os.Args[1:], " "))
	fmt.Fprintf(&s, "- %s, %d cores, Linux %s; server on core %d, load on core %d, loopback\n",
		machine.CPU(), runtime.NumCPU(), machine.Kernel(), b.cores.Server, b.cores.Load)
	fmt.Fprintf(&s, "- median of %d rounds of %v after %v (publish to delivery: of %v), a fresh process for each, peers in turn; memory: one round\n", b.rounds, b.measured, b.warmUp, 2*b.measured)
	fmt.Fprintf(&s, "- others on the machine took %.0f %% of a core in the median round and %.0f %% in the worst\n", 100*foreign.Median, 100*foreign.High)
	if b.share > 1 {
		fmt.Fprintf(&s, "- **a quick run**: one in %d of the connections where there are many, and figures that say nothing\n", b.share)
	}
	fmt.Fprintf(&s, "- %s; GOGC=%s for all servers in Go; GOMAXPROCS is 1, from the one core\n", runtime.Version(), gogc)
	for _, p := range b.peers {
		switch {
		case !p.golang():
			fmt.Fprintf(&s, "- Tornado %s\n", launch.FirstLine(ctx, python, "-c", "import sys, tornado; print(tornado.version, 'on Python', sys.version.split()[0])"))
		case p.module != "":
			fmt.Fprintf(&s, "- %s %s\n", p.module, launch.ModuleVersion(b.binary(p), p.module))
		}
	}
	return s.String()
}
