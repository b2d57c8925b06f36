package audit

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/obs"
)

func (l *Log) logger(ctx context.Context) *slog.Logger {
	return cmp.Or(l.o.Logger, obs.Logger(ctx))
}

// announce writes the line of the log and counts.
func (l *Log) announce(ctx context.Context, e Entry) {
	l.metrics.count(e)
	level := slog.LevelInfo
	if e.Outcome != OK {
		level = slog.LevelWarn
	}
	attrs := []any{slog.Int64("seq", e.Seq), slog.String("action", e.Action), slog.String("outcome", string(e.Outcome))}
	addr := ""
	if e.Addr.IsValid() {
		addr = e.Addr.String()
	}
	for _, a := range [...]slog.Attr{
		slog.String("actor_id", e.Actor.ID),
		slog.String("actor_name", e.Actor.Name),
		slog.String("target", e.Target),
		slog.String("addr", addr),
		slog.String("user_agent", e.UserAgent),
		slog.String("request_id", e.RequestID),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if len(e.Detail) > 0 {
		var detail []any
		for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
			detail = append(detail, slog.String(name, e.Detail[name]))
		}
		attrs = append(attrs, slog.Group("detail", detail...))
	}
	l.logger(ctx).Log(ctx, level, "audit", slog.Group("audit", attrs...))
}

// maxActions bounds the label: actions are constants of the program, but nothing
// keeps one from being made of input.
const maxActions = 200

type metrics struct {
	records *prometheus.CounterVec
	failed  prometheus.Counter
	broken  prometheus.Gauge
	checked prometheus.Gauge

	mu      sync.Mutex
	actions map[string]struct{}
}

func (m *metrics) register(r prometheus.Registerer) {
	m.actions = map[string]struct{}{}
	m.records = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gale_audit_records_total",
		Help: "Records of the audit log, by action and outcome.",
	}, []string{"action", "outcome"})
	m.failed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gale_audit_failures_total",
		Help: "Records that could not be added to the audit log.",
	})
	m.broken = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gale_audit_broken",
		Help: "1 when the last verification found the audit log broken, else 0.",
	})
	m.checked = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gale_audit_verified_timestamp_seconds",
		Help: "When the audit log was last verified, Unix time; 0 for not yet.",
	})
	if r == nil {
		return
	}
	for _, c := range []prometheus.Collector{m.records, m.failed, m.broken, m.checked} {
		if err := r.Register(c); err != nil {
			panic("audit: Options.Metrics refuses the metrics; use one Log for a registry: " + err.Error())
		}
	}
}

func (m *metrics) count(e Entry) {
	m.records.WithLabelValues(m.label(e.Action), string(e.Outcome)).Inc()
}

func (m *metrics) label(action string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.actions[action]; !ok {
		if len(m.actions) >= maxActions {
			return "other"
		}
		m.actions[action] = struct{}{}
	}
	return action
}
