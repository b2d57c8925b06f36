// Command http measures what gale's engine costs beside its peers: processor
// time, speed, latency, memory and allocations of servers with the same
// endpoints. It needs Linux and two cores. See bench/README.md.
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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/galeweb/gale/bench/internal/load"
	"github.com/galeweb/gale/bench/internal/pick"
)

func main() {
	log.SetFlags(0)
	if slices.Equal(os.Args[1:], []string{load.Arg}) {
		load.Obey(os.Stdin, os.Stdout)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	o, err := parse(os.Args[1:], os.Stderr)
	if err != nil {
		return err
	}
	if o.profile {
		return o.bench.profile(ctx, os.Stdout, o.profileTime)
	}
	r, err := o.bench.run(ctx)
	if err != nil {
		return err
	}
	if o.out == "" {
		r.write(os.Stdout)
		return nil
	}
	var text strings.Builder
	r.write(&text)
	return os.WriteFile(o.out, []byte(text.String()), 0o644)
}

// options are the flags.
type options struct {
	bench       bench
	out         string
	profile     bool
	profileTime time.Duration
}

// quickPeers are those of -quick.
const quickPeers = "c,gale,fasthttp,nethttp"

func parse(args []string, errOut io.Writer) (options, error) {
	o := options{bench: bench{idleShare: 1, settle: 300 * time.Millisecond}}
	b := &o.bench
	flags := flag.NewFlagSet("http", flag.ContinueOnError)
	flags.SetOutput(errOut)
	wantPeers := flags.String("peers", "", "ids of the peers, with commas; default all: "+pick.IDs(peers(), func(p peer) string { return p.id }))
	wantWorks := flags.String("works", "", "ids of the works, with commas; default all: "+pick.IDs(works(), func(w work) string { return w.id }))
	flags.IntVar(&b.rounds, "rounds", 5, "rounds of each peer, of which the median counts")
	flags.DurationVar(&b.measured, "time", 800*time.Millisecond, "measured time of a round")
	flags.DurationVar(&b.warmUp, "warm-up", 200*time.Millisecond, "time before that")
	flags.StringVar(&o.out, "out", "", "file for the results; default standard output")
	quick := flags.Bool("quick", false, "one short round of few peers and a tenth of the idle connections: proves that it works, and no more")
	flags.BoolVar(&o.profile, "profile", false, "profile the first of -peers (default gale) under the first of -works")
	flags.DurationVar(&o.profileTime, "profile-time", 5*time.Second, "length of the profile")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *quick {
		b.rounds, b.measured, b.warmUp, b.idleShare = 1, 300*time.Millisecond, 100*time.Millisecond, 10
		if *wantPeers == "" {
			*wantPeers = quickPeers
		}
	}
	if o.profile && *wantPeers == "" {
		*wantPeers = judged
	}
	if b.rounds < 1 || b.measured <= 0 || b.warmUp < 0 || o.profileTime <= 0 {
		return o, errors.New("-rounds, -time and -profile-time must be positive")
	}
	var err error
	if b.peers, err = pick.Of(peers(), *wantPeers, func(p peer) string { return p.id }); err != nil {
		return o, fmt.Errorf("-peers: %w", err)
	}
	if b.works, err = pick.Of(works(), *wantWorks, func(w work) string { return w.id }); err != nil {
		return o, fmt.Errorf("-works: %w", err)
	}
	return o, nil
}
