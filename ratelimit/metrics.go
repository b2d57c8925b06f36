package ratelimit

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/obs"
)

// metrics counts what went wrong, and says so in the log now and then.
type metrics struct {
	denied   *prometheus.CounterVec
	failures prometheus.Counter

	lastLog  atomic.Int64 // Unix nanoseconds
	unlogged atomic.Int64
}

func (m *metrics) register(r prometheus.Registerer) {
	m.denied = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gale_ratelimit_denied_total",
		Help: "Events refused, by the limit that was used up.",
	}, []string{"limit"})
	m.failures = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gale_ratelimit_store_failures_total",
		Help: "Events that could not be counted because the store failed.",
	})
	if r != nil {
		m.denied = registered(r, m.denied)
		m.failures = registered(r, m.failures)
	}
}

// registered returns c, or what r has already of another Limiter: they count
// together.
func registered[C prometheus.Collector](r prometheus.Registerer, c C) C {
	err := r.Register(c)
	if err == nil {
		return c
	}
	if are, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if old, ok := are.ExistingCollector.(C); ok {
			return old
		}
	}
	panic("ratelimit: Options.Metrics refuses the metrics; give a registry without others of their names: " + err.Error())
}

func (m *metrics) deny(limit string) { m.denied.WithLabelValues(limit).Inc() }

// logEvery is how often a failing store is told of at most; under load it would
// fail thousands of times a second.
const logEvery = time.Minute

func (m *metrics) fail(ctx context.Context, err error) {
	m.failures.Inc()
	n := m.unlogged.Add(1)
	now, last := time.Now().UnixNano(), m.lastLog.Load()
	if last != 0 && now-last < int64(logEvery) || !m.lastLog.CompareAndSwap(last, now) {
		return
	}
	m.unlogged.Add(-n)
	obs.Logger(ctx).WarnContext(ctx, "ratelimit: the store failed", "failures", n, "error", err)
}
