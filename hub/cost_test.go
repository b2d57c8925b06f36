package hub

import (
	"context"
	"runtime"
	"testing"

	"github.com/galeweb/gale/internal/assert"
)

// idleLink takes everything and holds nothing.
type idleLink struct{}

func (idleLink) send(*message) bool       { return true }
func (idleLink) close(int, string)        {}
func (idleLink) context() context.Context { return context.Background() }
func (idleLink) addr() string             { return "" }

func idleClients(t testing.TB, h *Hub, n int) []*client {
	t.Helper()
	clients := make([]*client, n)
	for i := range clients {
		c, err := h.admit(idleLink{}, transportWS, true)
		assert.NoError(t, err)
		c.message([]byte(`{"type":"subscribe","topic":"n"}`))
		clients[i] = c
	}
	return clients
}

// TestMemoryOfIdleSubscription is not parallel: it looks at the heap.
func TestMemoryOfIdleSubscription(t *testing.T) {
	const n, most = 5000, 220
	h := New(Options{})
	NewTopic(h, "n", TopicOptions[int]{Authorize: AllowAll, History: 10})
	first := idleClients(t, h, 100) // what all share is there
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what pools held
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	clients := idleClients(t, h, n)
	each := (int64(heap()) - int64(before)) / n
	t.Logf("%d bytes for each client with a subscription", each)
	assert.True(t, each <= most, "an idle subscription costs little")
	for _, c := range append(first, clients...) {
		c.end()
	}
	drain(t, h)
}

// BenchmarkFanout publishes to 10,000 subscribers whose links cost nothing.
func BenchmarkFanout(b *testing.B) {
	const n = 10_000
	h := New(Options{})
	topic := NewTopic(h, "n", TopicOptions[int]{Authorize: AllowAll})
	clients := idleClients(b, h, n)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := topic.Publish(b.Context(), "n", 1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/delivery")
	b.StopTimer()
	for _, c := range clients {
		c.end()
	}
	drain(b, h)
}
