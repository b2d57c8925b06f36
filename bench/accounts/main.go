// Command accounts measures what it costs to know who asks: a session with its
// role and the check for cross-site posts, an API key, and a JWT, each beside the
// same handler bare; what sign-ins do to others; what a rate limit takes; and
// whether the time of an answer tells who has an account. See bench/README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/galeweb/gale/bench/internal/launch"
	"github.com/galeweb/gale/bench/internal/load"
	"github.com/galeweb/gale/bench/internal/machine"
	"github.com/galeweb/gale/bench/internal/stats"
)

func main() {
	log.SetFlags(0)
	if slices.Equal(os.Args[1:], []string{load.Arg}) {
		load.Obey(os.Stdin, os.Stdout)
		return
	}
	if slices.Equal(os.Args[1:], []string{spinArg}) {
		spin(os.Stdin)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var b bench
	flag.IntVar(&b.rounds, "rounds", 7, "rounds of each work, of which the median counts")
	flag.DurationVar(&b.measured, "time", time.Second, "measured time of a round")
	flag.DurationVar(&b.warmUp, "warm-up", 300*time.Millisecond, "time before that")
	flag.BoolVar(&b.telling, "enumeration", false, "measure only whether relay's times tell who has an account")
	flag.Parse()
	if b.rounds < 1 || b.measured <= 0 || b.warmUp < 0 {
		log.Fatal("-rounds and -time must be positive")
	}
	if err := b.run(ctx, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// bench is one run.
type bench struct {
	rounds           int
	telling          bool
	measured, warmUp time.Duration

	temp  string
	cores machine.Cores
}

func (b *bench) run(ctx context.Context, out io.Writer) (err error) {
	if b.cores, err = machine.TwoCores(); err != nil {
		return err
	}
	repository, err := launch.Repository(ctx)
	if err != nil {
		return err
	}
	if b.temp, err = os.MkdirTemp("", "gale-accounts-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.temp)
	if b.telling {
		all, err := b.enumeration(ctx, repository)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s, %s, Linux %s; commit %s.\n\n", runtime.Version(), machine.CPU(), machine.Kernel(), launch.Commit(ctx, repository))
		writeTelling(out, all)
		return nil
	}
	if err := launch.Build(ctx, filepath.Join(repository, "bench"), "./accounts/server", b.binary()); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %s, Linux %s; commit %s; median of %d rounds of %v; server and load on a core each, except for the sign-ins.\n\n",
		runtime.Version(), machine.CPU(), machine.Kernel(), launch.Commit(ctx, repository), b.rounds, b.measured)
	rows, err := b.costs(ctx)
	if err != nil {
		return err
	}
	writeCosts(out, rows)
	others, err := b.signIns(ctx)
	if err != nil {
		return err
	}
	writeSignIns(out, others)
	checks, err := b.limitChecks(ctx)
	if err != nil {
		return err
	}
	writeChecks(out, checks)
	return nil
}

func (b *bench) binary() string { return filepath.Join(b.temp, "server") }

// cost is what one way to ask costs beside the bare handler.
type cost struct {
	way
	bare, guarded []float64 // CPU µs of the server for a request, by round
}

// ratio returns the median of the rounds' ratios: both of a round met the same
// noise.
func (c cost) ratio() stats.Spread {
	ratios := make([]float64, len(c.bare))
	for i := range ratios {
		ratios[i] = c.guarded[i] / c.bare[i]
	}
	return stats.SpreadOf(ratios)
}

// costs measures each way beside the bare handler, which gets the same request.
func (b *bench) costs(ctx context.Context) ([]cost, error) {
	s, err := b.start(ctx, []int{b.cores.Server})
	if err != nil {
		return nil, err
	}
	defer s.Kill()
	l, err := load.Start(ctx, b.cores.Load, filepath.Join(b.temp, "load.log"))
	if err != nil {
		return nil, err
	}
	defer l.Kill()
	ways, err := s.ways(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]cost, len(ways))
	for n := range b.rounds {
		for i, w := range ways {
			all[i].way = w
			bare, err := b.cpu(l, s, w.request("/bare"))
			if err != nil {
				return nil, fmt.Errorf("%s, bare: %w", w.name, err)
			}
			guarded, err := b.cpu(l, s, w.request(w.path))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			all[i].bare, all[i].guarded = append(all[i].bare, bare), append(all[i].guarded, guarded)
			log.Printf("round %d, %s: %.2f µs bare, %.2f guarded", n+1, w.name, bare, guarded)
		}
	}
	return all, nil
}

func (b *bench) cpu(l load.Loader, s server, request string) (float64, error) {
	r, err := l.Order(load.Order{Run: &load.Spec{
		Addr: s.addr, PID: s.PID(), WarmUp: b.warmUp, Measured: b.measured,
		Streams: []load.Stream{{Request: request, Body: hello, Connections: 32}},
	}})
	if err != nil {
		return 0, err
	}
	if r.Requests() == 0 {
		return 0, errors.New("no request was answered")
	}
	return float64(r.CPU.Microseconds()) / float64(r.Requests()), nil
}
