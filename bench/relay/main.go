// Command relay measures how many packets relay commits in a second on SQLite,
// one in a request and many, beside the yardstick: a bare handler on net/http
// and database/sql. See bench/README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/galeweb/gale/bench/internal/launch"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.SetFlags(0)
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each server, of which the median counts")
	flag.DurationVar(&o.load.measured, "time", 3*time.Second, "measured time of a round")
	flag.DurationVar(&o.load.warmUp, "warm-up", time.Second, "time before that")
	flag.IntVar(&o.load.connections, "connections", 64, "keep-alive connections, at most 256")
	flag.IntVar(&o.batch, "batch", 500, "packets in a request when batched")
	flag.BoolVar(&o.load.clientIDs, "client-ids", false, "give each packet a client id, as senders that retry do")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "where the databases are: the disk that is measured")
	flag.Parse()
	if o.rounds < 1 || o.load.measured <= 0 || o.load.connections < 1 || o.load.connections > 256 || o.batch < 2 || o.batch > 1000 {
		log.Fatal("-rounds, -time and -connections (to 256) must be positive, -batch between 2 and 1000")
	}
	if err := o.run(ctx, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

type options struct {
	rounds, batch int
	dir           string
	load          load
}

func (o options) run(ctx context.Context, out io.Writer) error {
	temp, err := os.MkdirTemp(o.dir, "gale-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	contestants, commit, err := build(ctx, temp)
	if err != nil {
		return err
	}
	sync, err := syncTime(temp)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %s/%s, %d cores shared with the load; commit %s; %d connections, %d rounds of %v, median; payload %d bytes, client ids: %t; SQLite in WAL mode, synchronous=FULL; writing 4 KiB and fsync take %v here.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), commit, o.load.connections, o.rounds, o.load.measured, len(payload), o.load.clientIDs, sync.Round(10*time.Microsecond))
	var results []result
	for _, batch := range []int{1, o.batch} {
		o.load.batch = batch
		rounds := make([][]figures, len(contestants))
		for n := range o.rounds {
			for i, c := range contestants { // in turn, so that both meet the same noise
				f, err := round(ctx, c, o.load, temp)
				if err != nil {
					return err
				}
				log.Printf("round %d, %d in a request, %s: %.0f packets/s", n+1, batch, c.name, f.perSecond)
				rounds[i] = append(rounds[i], f)
			}
		}
		for i, c := range contestants {
			results = append(results, result{batch, c.name, median(rounds[i])})
		}
	}
	writeTable(out, results)
	return nil
}

func build(ctx context.Context, temp string) (contestants []contestant, commit string, err error) {
	repository, err := launch.Repository(ctx)
	if err != nil {
		return nil, "", err
	}
	bare, app := filepath.Join(temp, "bin-yardstick"), filepath.Join(temp, "bin-relay")
	if err := launch.Build(ctx, filepath.Join(repository, "bench"), "./relay/yardstick", bare); err != nil {
		return nil, "", err
	}
	if err := launch.Build(ctx, repository, "./cmd/gale/reference/cmd/relay", app); err != nil {
		return nil, "", err
	}
	return []contestant{yardstick(bare), relay(app)}, launch.Commit(ctx, repository), nil
}
