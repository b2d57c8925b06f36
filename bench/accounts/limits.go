package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/ratelimit"
)

const (
	// mostCheck is what a check in memory may take, in ns.
	mostCheck = 200
	// valkeyURL is where a Valkey or Redis may be.
	valkeyURL = "redis://127.0.0.1:6379"
)

// checks are what rate limits take, by round, in ns.
type checks struct {
	memory, valkey, ping []float64 // the last two are empty without a server
}

// limitChecks measures a check in memory, and one by Valkey beside a PING: the
// least that a question to it can take.
func (b *bench) limitChecks(ctx context.Context) (c checks, err error) {
	limit := ratelimit.Limit{Name: "bench", Rate: 1_000_000, Per: time.Second, Burst: 1_000_000_000}
	check := func(l *ratelimit.Limiter) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			_, err := l.Allow(ctx, limit, "203.0.113.7")
			return err
		}
	}
	memory := check(ratelimit.New(ratelimit.Options{}))
	client := dialValkey(ctx)
	if client == nil {
		log.Printf("no Valkey or Redis at %s: no figure for it", valkeyURL)
	} else {
		defer client.Close()
	}
	for range b.rounds {
		if err := add(ctx, &c.memory, memory); err != nil {
			return c, err
		}
		if client == nil {
			continue
		}
		shared := check(ratelimit.New(ratelimit.Options{
			Store: galevalkey.NewRateLimits(client, galevalkey.StoreOptions{Prefix: "gale:bench:"}), OnFailure: ratelimit.FailClosed,
		}))
		ping := func(ctx context.Context) error { return client.Do(ctx, client.B().Ping().Build()).Error() }
		if err := add(ctx, &c.ping, ping); err != nil {
			return c, err
		}
		if err := add(ctx, &c.valkey, shared); err != nil {
			return c, err
		}
	}
	return c, nil
}

// dialValkey returns nil where no server answers.
func dialValkey(ctx context.Context) valkey.Client {
	client, err := valkey.NewClient(valkey.MustParseURL(valkeyURL))
	if err != nil {
		return nil
	}
	if err := client.Do(ctx, client.B().Ping().Build()).Error(); err != nil {
		client.Close()
		return nil
	}
	return client
}

// add adds what one call of f takes.
func add(ctx context.Context, to *[]float64, f func(context.Context) error) error {
	var failed error
	r := testing.Benchmark(func(t *testing.B) {
		for t.Loop() {
			if failed = f(ctx); failed != nil {
				return
			}
		}
	})
	*to = append(*to, float64(r.NsPerOp()))
	return failed
}

func writeChecks(out io.Writer, c checks) {
	m := spread(c.memory)
	fmt.Fprint(out, "\n| a rate-limit check | ns (low to high) | goal | |\n|---|---|---|---|\n")
	fmt.Fprintf(out, "| in memory | %.0f (%.0f to %.0f) | %d | %s |\n", m.Median, m.Low, m.High, mostCheck, verdict(m.Median, mostCheck))
	if len(c.valkey) > 0 {
		v, p := spread(c.valkey), spread(c.ping)
		fmt.Fprintf(out, "| by Valkey, one script | %.0f (%.0f to %.0f) | one round trip | a PING takes %.0f (%.0f to %.0f) |\n", v.Median, v.Low, v.High, p.Median, p.Low, p.High)
	}
}
