package ratelimit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/ratelimit"
)

func generous(name string) ratelimit.Limit {
	return ratelimit.Limit{Name: name, Rate: 1_000_000, Per: time.Second, Burst: 1_000_000_000}
}

func TestTakeInMemoryDoesNotAllocate(t *testing.T) { // not parallel: AllocsPerRun counts the whole process
	l := ratelimit.New(ratelimit.Options{})
	limit, hourly := generous("l"), ratelimit.Limit{Name: "hourly", Rate: 1, Per: time.Hour}
	assert.Equal(t, testing.AllocsPerRun(1000, func() { _, _ = l.Allow(t.Context(), limit, "203.0.113.7") }), 0)
	assert.Equal(t, testing.AllocsPerRun(1000, func() { _, _ = l.Allow(t.Context(), hourly, "203.0.113.7") }), 0)
	takes := []ratelimit.Take{{Limit: limit, Key: "a"}, {Limit: generous("m"), Key: "a"}, {Limit: hourly, Key: "b"}}
	assert.Equal(t, testing.AllocsPerRun(1000, func() { _, _ = l.Take(t.Context(), takes) }), 0)
}

func BenchmarkAllow(b *testing.B) {
	l, limit := ratelimit.New(ratelimit.Options{}), generous("l")
	b.ReportAllocs()
	for b.Loop() {
		_, _ = l.Allow(b.Context(), limit, "203.0.113.7")
	}
}

func BenchmarkAllowOfManyKeys(b *testing.B) {
	l, limit := ratelimit.New(ratelimit.Options{}), ratelimit.Limit{Name: "l", Rate: 1, Per: time.Hour}
	keys := make([]string, 1<<18)
	for i := range keys {
		keys[i] = fmt.Sprint("addr:2001:db8::", i, "/64")
		_, _ = l.Allow(b.Context(), limit, keys[i])
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		_, _ = l.Allow(b.Context(), limit, keys[i&(len(keys)-1)])
		i++
	}
}

func BenchmarkAllowParallel(b *testing.B) {
	l, limit := ratelimit.New(ratelimit.Options{}), generous("l")
	var n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		key := fmt.Sprint(n.Add(1))
		for pb.Next() {
			_, _ = l.Allow(b.Context(), limit, key)
		}
	})
}

func BenchmarkTakeThree(b *testing.B) {
	l := ratelimit.New(ratelimit.Options{})
	takes := []ratelimit.Take{{Limit: generous("a"), Key: "203.0.113.7"}, {Limit: generous("b"), Key: "alice"}, {Limit: generous("c"), Key: "all"}}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = l.Take(b.Context(), takes)
	}
}

func BenchmarkMiddleware(b *testing.B) {
	l := ratelimit.New(ratelimit.Options{})
	h := l.Middleware(ratelimit.Rule{Limit: generous("l"), Key: func(*http.Request) string { return "203.0.113.7" }})(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		clear(w.Header())
		h.ServeHTTP(w, r)
	}
}
