package galenats_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/galeweb/gale/drivers/galenats"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

const benchmarkData = `{"device":"anemometer","value":12.5}`

// benchmarkNodes runs fn with two nodes: on servers outside with history in
// files and in memory, and on one that is embedded in the first.
func benchmarkNodes(b *testing.B, fn func(b *testing.B, here, there hub.Broker, s hub.Stream)) {
	for _, place := range []string{"file", "memory", "embedded"} {
		for name, s := range map[string]hub.Stream{"kept": kept("n"), "unkept": {Name: "n"}} {
			b.Run(place+"/"+name, func(b *testing.B) {
				o := galenats.Options{Prefix: "bench-" + place, Memory: place != "file"}
				if place == "embedded" {
					addr := freeAddr(b)
					fn(b, open(b, "nats:embedded?listen="+addr, o), open(b, "nats://"+addr, o), s)
					return
				}
				url := galetest.Require(b, "nats")
				forget(b, url, o.Prefix)
				fn(b, open(b, url, o), open(b, url, o), s)
			})
		}
	}
}

// BenchmarkPublish is one publisher who waits for each answer.
func BenchmarkPublish(b *testing.B) {
	benchmarkNodes(b, func(b *testing.B, here, _ hub.Broker, s hub.Stream) {
		b.ReportAllocs()
		for b.Loop() {
			publish(b, here, s, benchmarkData)
		}
	})
}

// BenchmarkPublishParallel is 64 of them.
func BenchmarkPublishParallel(b *testing.B) {
	benchmarkNodes(b, func(b *testing.B, here, _ hub.Broker, s hub.Stream) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				publish(b, here, s, benchmarkData)
			}
		})
	})
}

// BenchmarkTwoNodes is from the publish on one node to the delivery on another.
func BenchmarkTwoNodes(b *testing.B) {
	benchmarkNodes(b, func(b *testing.B, here, there hub.Broker, s hub.Stream) {
		delivered := make(chan struct{}, 1)
		unsubscribe, err := there.Subscribe(context.Background(), s, func(hub.Batch) { delivered <- struct{}{} })
		assert.NoError(b, err)
		defer unsubscribe()
		var took []time.Duration
		for b.Loop() {
			start := time.Now()
			publish(b, here, s, benchmarkData)
			<-delivered
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
	})
}

// BenchmarkHistory is what each client asks who comes back, having missed
// nothing or 10 of 100 messages.
func BenchmarkHistory(b *testing.B) {
	for missed, name := range map[int]string{0: "missed=0", 10: "missed=10"} {
		b.Run(name, func(b *testing.B) {
			url := galetest.Require(b, "nats")
			forget(b, url, "bench-history")
			broker := open(b, url, galenats.Options{Prefix: "bench-history"})
			var since hub.Position
			for i := range 100 {
				if pos := publish(b, broker, kept("n"), benchmarkData); i == 99-missed {
					since = pos
				}
			}
			for b.Loop() {
				h, err := broker.History(b.Context(), kept("n"), &since, 100)
				if err != nil || len(h.Entries) != missed {
					b.Fatal(len(h.Entries), err)
				}
			}
		})
	}
}
