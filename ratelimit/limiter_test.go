package ratelimit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/web"
)

func newLimiter(t *testing.T) (*ratelimit.Limiter, *galetest.Clock) {
	clock := galetest.NewClock(t, time.Time{})
	return ratelimit.New(ratelimit.Options{Store: ratelimit.NewMemory(ratelimit.MemoryOptions{Clock: clock.Now})}), clock
}

func allow(t *testing.T, l *ratelimit.Limiter, limit ratelimit.Limit, key string) ratelimit.Result {
	t.Helper()
	res, err := l.Allow(t.Context(), limit, key)
	assert.NoError(t, err)
	return res
}

func TestEventsComeBackOneByOne(t *testing.T) {
	t.Parallel()
	l, clock := newLimiter(t)
	limit := ratelimit.Limit{Name: "l", Rate: 6, Per: time.Minute, Burst: 3}
	for range 3 {
		assert.Equal(t, allow(t, l, limit, "a"), ratelimit.Result{Allowed: true})
	}
	want := ratelimit.Result{Denied: "l", RetryAfter: 10 * time.Second}
	assert.Equal(t, allow(t, l, limit, "a"), want)
	clock.Advance(4 * time.Second)
	want.RetryAfter = 6 * time.Second
	assert.Equal(t, allow(t, l, limit, "a"), want)
	clock.Advance(6*time.Second - time.Microsecond)
	assert.True(t, !allow(t, l, limit, "a").Allowed, "too early")
	clock.Advance(time.Microsecond)
	assert.True(t, allow(t, l, limit, "a").Allowed, "too late")
	assert.True(t, !allow(t, l, limit, "a").Allowed, "one interval gave two events")
	clock.Advance(time.Hour)
	for range 3 {
		assert.True(t, allow(t, l, limit, "a").Allowed, "a pause does not give back the burst")
	}
	assert.True(t, !allow(t, l, limit, "a").Allowed, "a long pause gives more than the burst")
	assert.True(t, allow(t, l, limit, "b").Allowed, "another key shares the limit")
}

func TestTakeOfSeveral(t *testing.T) {
	t.Parallel()
	l, clock := newLimiter(t)
	takes := []ratelimit.Take{
		{Limit: ratelimit.Limit{Name: "second", Rate: 2, Per: time.Second}, Key: "a"},
		{Limit: ratelimit.Limit{Name: "hour", Rate: 3, Per: time.Hour}, Key: "a"},
	}
	take := func() ratelimit.Result {
		res, err := l.Take(t.Context(), takes)
		assert.NoError(t, err)
		return res
	}
	take()
	assert.True(t, take().Allowed, "refused within both limits")
	assert.Equal(t, takes[0].State, ratelimit.State{Remaining: 0, Reset: time.Second})
	assert.Equal(t, takes[1].State, ratelimit.State{Remaining: 1, Reset: 40 * time.Minute})
	assert.Equal(t, take(), ratelimit.Result{Denied: "second", RetryAfter: 500 * time.Millisecond})
	assert.Equal(t, takes[0].State.RetryAfter, 500*time.Millisecond)
	assert.Equal(t, takes[1].State, ratelimit.State{Remaining: 1, Reset: 40 * time.Minute})
	clock.Advance(time.Second)
	assert.True(t, take().Allowed, "refused after the wait")
	res := take()
	assert.Equal(t, res.Denied, "hour")
	assert.Equal(t, res.RetryAfter, 20*time.Minute-time.Second)
	assert.Equal(t, takes[0].State.Remaining, 1) // nothing of the one that had room

	takes[1].Cost = -1
	takes = takes[1:]
	assert.True(t, take().Allowed, "giving back is refused")
	takes[0].Cost = 1
	assert.True(t, take().Allowed, "what was given back is not there")
	takes[0].Cost = 4
	clock.Advance(48 * time.Hour)
	assert.True(t, !take().Allowed, "more than a burst is allowed")
	assert.Equal(t, takes[0].State.Remaining, 3)
}

func TestErr(t *testing.T) {
	t.Parallel()
	assert.NoError(t, ratelimit.Result{Allowed: true}.Err())
	e, ok := errors.AsType[*web.Error](ratelimit.Result{Denied: "l", RetryAfter: 1500 * time.Millisecond}.Err())
	assert.True(t, ok, "no web.Error")
	assert.Equal(t, e.Status, 429)
	assert.Equal(t, e.Header.Get("Retry-After"), "2")
	assert.Contains(t, e.Message, "2 s")
	assert.Contains(t, e.Error(), `"l"`)
}

func TestWrongLimitsPanic(t *testing.T) {
	t.Parallel()
	l, _ := newLimiter(t)
	for _, bad := range []ratelimit.Limit{
		{},
		{Rate: 1, Per: time.Second},
		{Name: "Upper", Rate: 1, Per: time.Second},
		{Name: "a:b", Rate: 1, Per: time.Second},
		{Name: strings.Repeat("n", 65), Rate: 1, Per: time.Second},
		{Name: "l", Per: time.Second},
		{Name: "l", Rate: 1},
		{Name: "l", Rate: -1, Per: time.Second},
		{Name: "l", Rate: 1, Per: time.Second, Burst: -1},
		{Name: "l", Rate: 1, Per: 367 * 24 * time.Hour},
		{Name: "l", Rate: 1, Per: time.Hour, Burst: 366 * 25},
		{Name: "l", Rate: 1 << 40, Per: time.Second},
		{Name: "l", Rate: 1, Per: 366 * 24 * time.Hour, Burst: 1 << 62},
	} {
		msg, _ := assert.Panics(t, func() { _, _ = l.Allow(t.Context(), bad, "k") }).(string)
		assert.Contains(t, msg, "ratelimit: ")
	}
	for _, good := range []ratelimit.Limit{
		{Name: "l", Rate: 1, Per: 366 * 24 * time.Hour},
		{Name: "l", Rate: 1_000_000_000, Per: time.Nanosecond},
		{Name: "l", Rate: 7, Per: time.Nanosecond, Burst: 1_000_000_000},
	} {
		res, err := l.Take(t.Context(), []ratelimit.Take{{Limit: good, Key: "k", Cost: 1 << 62}, {Limit: good, Key: "j", Cost: -1 << 62}})
		assert.NoError(t, err)
		assert.True(t, !res.Allowed, "a cost that overflows is allowed")
	}
	assert.Panics(t, func() { _, _ = l.Take(t.Context(), make([]ratelimit.Take, ratelimit.MaxTakes+1)) })
	assert.Panics(t, func() { ratelimit.New(ratelimit.Options{OnFailure: 3}) })
	assert.Panics(t, func() { ratelimit.New(ratelimit.Options{Timeout: -1}) })
}

// broken is a store that does what its function does.
type broken struct {
	mu      sync.Mutex
	charges []ratelimit.Charge
	do      func(ctx context.Context) error
}

func (b *broken) Charge(ctx context.Context, charges []ratelimit.Charge) (bool, error) {
	b.mu.Lock()
	b.charges = append(b.charges, charges...)
	b.mu.Unlock()
	return true, b.do(ctx)
}

var errDown = errors.New("connection refused")

func down(context.Context) error { return errDown }

func logged(t *testing.T) (context.Context, *bytes.Buffer) {
	var out bytes.Buffer
	return obs.WithLogger(t.Context(), slog.New(slog.NewTextHandler(&out, nil))), &out
}

func TestAStoreThatFails(t *testing.T) {
	t.Parallel()
	limit := ratelimit.Limit{Name: "l", Rate: 2, Per: time.Hour}
	for _, tt := range []struct {
		failure ratelimit.Failure
		allowed int
		err     error
	}{
		{ratelimit.FailOpen, 5, nil},
		{ratelimit.FailClosed, 0, ratelimit.ErrUnavailable},
		{ratelimit.Local, 2, nil},
	} {
		registry := prometheus.NewRegistry()
		l := ratelimit.New(ratelimit.Options{Store: &broken{do: down}, OnFailure: tt.failure, Metrics: registry})
		ctx, log := logged(t)
		allowed := 0
		for range 5 {
			res, err := l.Allow(ctx, limit, "k")
			assert.ErrorIs(t, err, tt.err)
			if res.Allowed {
				allowed++
			}
			assert.Equal(t, res.Failed, tt.failure == ratelimit.FailOpen)
		}
		assert.Equal(t, allowed, tt.allowed)
		assert.Equal(t, strings.Count(log.String(), "connection refused"), 1)
		want := "# HELP gale_ratelimit_store_failures_total Events that could not be counted because the store failed.\n" +
			"# TYPE gale_ratelimit_store_failures_total counter\ngale_ratelimit_store_failures_total 5\n"
		assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(want), "gale_ratelimit_store_failures_total"))
	}
}

func TestFailuresAreLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.Options{Store: &broken{do: down}})
		ctx, log := logged(t)
		for range 180 {
			_, err := l.Allow(ctx, ratelimit.Limit{Name: "l", Rate: 1, Per: time.Second}, "k")
			assert.NoError(t, err)
			<-time.After(time.Second)
		}
		assert.Equal(t, strings.Count(log.String(), "the store failed"), 3)
		assert.Equal(t, strings.Count(log.String(), "failures=60"), 2)
	})
}

func TestAStoreThatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.Options{Store: &broken{do: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}})
		ctx, _ := logged(t)
		start := time.Now()
		res, err := l.Allow(ctx, ratelimit.Limit{Name: "l", Rate: 1, Per: time.Second}, "k")
		assert.NoError(t, err)
		assert.True(t, res.Allowed && res.Failed, "the failure is not seen")
		assert.Equal(t, time.Since(start), 250*time.Millisecond)

		// A client that leaves must not count as a store that fails: it would
		// be a way around the limit.
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		res, err = l.Allow(ctx, ratelimit.Limit{Name: "l", Rate: 1, Per: time.Second}, "k")
		assert.ErrorIs(t, err, context.Canceled)
		assert.True(t, !res.Allowed, "allowed by leaving")
	})
}

// Keys that make a store fail would be a way around limits that fail open.
func TestNoKeyReachesAStoreThatItMightRefuse(t *testing.T) {
	t.Parallel()
	store := &broken{do: func(context.Context) error { return nil }}
	l := ratelimit.New(ratelimit.Options{Store: store})
	keys := []string{"", "\x00", "a\nb", "\xff\xfe", "ключ", "#" + strings.Repeat("0", 64), strings.Repeat("k", 129), strings.Repeat("k", 1<<20), "a b", "ok"}
	for _, key := range keys {
		allow(t, l, ratelimit.Limit{Name: "l", Rate: 1, Per: time.Second}, key)
	}
	seen := map[string]bool{}
	for _, c := range store.charges {
		assert.True(t, len(c.Key) >= 1 && len(c.Key) <= 128, "length of "+c.Key)
		for _, b := range []byte(c.Key) {
			assert.True(t, b >= ' ' && b <= '~', "letters of "+c.Key)
		}
		seen[c.Key] = true
	}
	assert.Equal(t, len(seen), len(keys))
	assert.True(t, seen["ok"] && seen["a b"], "plain keys are hashed")
}

func TestTwoLimitersShareMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	for range 2 {
		l := ratelimit.New(ratelimit.Options{Metrics: registry})
		limit := ratelimit.Limit{Name: "l", Rate: 1, Per: time.Hour}
		for range 3 {
			allow(t, l, limit, "k")
		}
	}
	want := "# HELP gale_ratelimit_denied_total Events refused, by the limit that was used up.\n" +
		"# TYPE gale_ratelimit_denied_total counter\ngale_ratelimit_denied_total{limit=\"l\"} 4\n"
	assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(want), "gale_ratelimit_denied_total"))

	taken := prometheus.NewRegistry()
	taken.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "gale_ratelimit_denied_total", Help: "Another."}))
	assert.Contains(t, assert.Panics(t, func() { ratelimit.New(ratelimit.Options{Metrics: taken}) }).(string), "Options.Metrics")
}
