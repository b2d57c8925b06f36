// Command realtime measures what WebSockets and topics cost on gale beside its
// peers: memory of idle connections, deliveries of broadcasts, echoes, and the
// time from publishing to delivery. It needs Linux and two cores. See
// bench/README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/galeweb/gale/bench/internal/pick"
)

func main() {
	log.SetFlags(0)
	if slices.Equal(os.Args[1:], []string{loaderArg}) {
		if err := obey(os.Stdin, os.Stdout); err != nil {
			log.Fatal(err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	b, out, err := parse(os.Args[1:], os.Stderr)
	if err != nil {
		return err
	}
	if b.profiles {
		return b.profile(ctx, os.Stdout)
	}
	r, err := b.run(ctx)
	if err != nil {
		return err
	}
	if out == "" {
		r.write(os.Stdout)
		return nil
	}
	var text strings.Builder
	r.write(&text)
	return os.WriteFile(out, []byte(text.String()), 0o644)
}

func parse(args []string, errOut io.Writer) (b bench, out string, err error) {
	b = bench{share: 1, settle: 500 * time.Millisecond}
	peerID, workID := func(p peer) string { return p.id }, func(w work) string { return w.id }
	flags := flag.NewFlagSet("realtime", flag.ContinueOnError)
	flags.SetOutput(errOut)
	wantPeers := flags.String("peers", "", "ids of the peers, with commas; default all: "+pick.IDs(peers(), peerID))
	wantWorks := flags.String("works", "", "ids of the works, with commas; default all: "+pick.IDs(works(), workID))
	flags.IntVar(&b.rounds, "rounds", 3, "rounds of each peer, of which the median counts")
	flags.DurationVar(&b.measured, "time", 1500*time.Millisecond, "measured time of a round")
	flags.DurationVar(&b.warmUp, "warm-up", 300*time.Millisecond, "time before that")
	flags.StringVar(&out, "out", "", "file for the results; default standard output")
	quick := flags.Bool("quick", false, "one short round and a tenth of the connections: proves that it works, and no more")
	flags.BoolVar(&b.profiles, "profile", false, "profile the first of -peers in the first step of the first of -works, for -time")
	if err := flags.Parse(args); err != nil {
		return b, "", err
	}
	if *quick {
		b.rounds, b.measured, b.warmUp, b.share, b.settle = 1, 300*time.Millisecond, 100*time.Millisecond, 10, 300*time.Millisecond
	}
	if b.rounds < 1 || b.measured <= 0 || b.warmUp < 0 {
		return b, "", errors.New("-rounds and -time must be positive")
	}
	b.peers, err = pick.Of(peers(), *wantPeers, peerID)
	if err != nil {
		return b, "", errors.New("-peers: " + err.Error())
	}
	b.works, err = pick.Of(works(), *wantWorks, workID)
	if err != nil {
		return b, "", errors.New("-works: " + err.Error())
	}
	return b, out, nil
}
