// Command probe sends this machine's load, memory, processor and network
// figures from Linux's /proc to a channel of relay, every second:
//
//	RELAY_KEY=pkt_… go run ./cmd/probe --url http://127.0.0.1:8080
//
// What cannot be sent is kept, ten minutes of it, and sent in order once relay
// answers again. The client id of a packet begins with the time at which it was
// measured, and makes a retry store nothing twice.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	backlog = 600 // samples that wait for relay, some 500 bytes each

	// minEvery keeps the times in the client ids, in milliseconds, distinct.
	minEvery = 100 * time.Millisecond
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := log.New(os.Stderr, "probe: ", 0)
	o, err := parse(os.Args[1:], os.Getenv("RELAY_KEY"), os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		out.Fatal(err)
	case runtime.GOOS != "linux":
		out.Fatalf("reads /proc, which %s does not have; run it on Linux", runtime.GOOS)
	}
	if err := run(ctx, o, os.DirFS("/proc"), &http.Client{Timeout: 10 * time.Second}, out); err != nil {
		out.Fatal(err)
	}
}

type options struct {
	url, key, channel string
	every             time.Duration
	count             int
}

func parse(args []string, key string, usage io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("probe", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&o.url, "url", "http://127.0.0.1:8080", "where relay is")
	f.StringVar(&o.key, "key", "", "API key; RELAY_KEY in the environment hides it from this machine's other users")
	f.StringVar(&o.channel, "channel", "machine", "channel to send to")
	f.DurationVar(&o.every, "every", time.Second, "time between samples")
	f.IntVar(&o.count, "count", 0, "samples to send, 0 for no end")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.key = cmp.Or(o.key, key)
	u, err := url.Parse(o.url)
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is not a flag; see --help", f.Arg(0))
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return o, fmt.Errorf("--url %q is not an address like http://127.0.0.1:8080", o.url)
	case o.key == "":
		return o, errors.New("no key: make one on relay's profile page and pass it in RELAY_KEY")
	case o.channel == "" || o.every < minEvery || o.count < 0:
		return o, fmt.Errorf("--channel must not be empty, --every be at least %v and --count not be negative", minEvery)
	}
	return o, nil
}

// run samples proc and sends until ctx ends, o.count samples are sent, or relay
// refuses them for good.
func run(ctx context.Context, o options, proc fs.FS, client *http.Client, out *log.Logger) error {
	out.Printf("sends load, memory, cpu and network figures to channel %s of %s every %v; Ctrl-C stops it", o.channel, o.url, o.every)
	sampling, stop := context.WithCancel(ctx)
	samples := make(chan []byte, backlog)
	var sampled error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(samples)
		sampled = newSampler(proc, out).run(sampling, o, samples)
	})
	err := newSender(client, o, out).run(ctx, samples)
	stop()
	wg.Wait()
	return errors.Join(err, sampled)
}
