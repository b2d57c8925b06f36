package galevalkey_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/galeweb/gale/drivers/galevalkey"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/internal/assert"
)

func benchmarkStreams() map[string]hub.Stream {
	return map[string]hub.Stream{"kept": kept("n"), "unkept": {Name: "n"}}
}

func benchmarkBroker(b *testing.B, url, prefix string) *galevalkey.Broker {
	broker := open(b, url, prefix)
	forget(b, url, prefix)
	return broker
}

// BenchmarkPublish is one publisher who waits for each answer, and many.
func BenchmarkPublish(b *testing.B) {
	url := galetest.Require(b, "redis")
	for name, s := range benchmarkStreams() {
		b.Run(name, func(b *testing.B) {
			broker := benchmarkBroker(b, url, "bench")
			b.ReportAllocs()
			for b.Loop() {
				publish(b, broker, s, `{"device":"anemometer","value":12.5}`)
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			broker := benchmarkBroker(b, url, "bench")
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					publish(b, broker, s, `{"device":"anemometer","value":12.5}`)
				}
			})
		})
	}
}

// BenchmarkTwoNodes is from the publish on one node to the delivery on another.
func BenchmarkTwoNodes(b *testing.B) {
	url := galetest.Require(b, "redis")
	for name, s := range benchmarkStreams() {
		b.Run(name, func(b *testing.B) {
			here, there := benchmarkBroker(b, url, "bench"), benchmarkBroker(b, url, "bench")
			delivered := make(chan struct{}, 1)
			unsubscribe, err := there.Subscribe(context.Background(), s, func(hub.Batch) { delivered <- struct{}{} })
			assert.NoError(b, err)
			defer unsubscribe()
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				publish(b, here, s, `{"device":"anemometer","value":12.5}`)
				<-delivered
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
		})
	}
}

// BenchmarkHistory is what each client asks who comes back.
func BenchmarkHistory(b *testing.B) {
	url := galetest.Require(b, "redis")
	broker := benchmarkBroker(b, url, "bench")
	var since hub.Position
	for i := range 100 {
		if pos := publish(b, broker, kept("n"), `{"device":"anemometer","value":12.5}`); i == 89 {
			since = pos
		}
	}
	for b.Loop() {
		h, err := broker.History(b.Context(), kept("n"), &since, 100)
		if err != nil || len(h.Entries) != 10 {
			b.Fatal(len(h.Entries), err)
		}
	}
}
