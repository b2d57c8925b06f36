package db

import (
	"cmp"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	outcomeOK = iota
	outcomeCanceled
	outcomeUnavailable
	outcomeConstraint
	outcomeError
	outcomes
)

// metrics counts always, which is an atomic addition, and is a Prometheus
// collector when a registerer was given.
type metrics struct {
	queries [outcomes]atomic.Int64
	slow    atomic.Int64

	db       *DB
	registry prometheus.Registerer
	descs    descs
}

type descs struct{ max, open, idle, inUse, waits, waitTime, queries, slow *prometheus.Desc }

func (m *metrics) observe(err error) { m.queries[outcome(err)].Add(1) }

func (m *metrics) register(r prometheus.Registerer, d *DB, name string) error {
	m.db = d
	labels := prometheus.Labels{"db": cmp.Or(name, d.Dialect())}
	desc := func(name, help string, variable ...string) *prometheus.Desc {
		return prometheus.NewDesc("gale_db_"+name, help, variable, labels)
	}
	m.descs = descs{
		max:      desc("pool_max", "Most connections the pool may open.", "pool"),
		open:     desc("pool_open", "Open connections.", "pool"),
		idle:     desc("pool_idle", "Open connections that nobody uses.", "pool"),
		inUse:    desc("pool_in_use", "Open connections in use.", "pool"),
		waits:    desc("pool_waits_total", "Acquisitions that had to wait for a connection.", "pool"),
		waitTime: desc("pool_wait_seconds_total", "Time spent waiting for a connection.", "pool"),
		queries:  desc("queries_total", "Statements run, by outcome.", "outcome"),
		slow:     desc("slow_queries_total", "Statements that took longer than the slow-query time."),
	}
	if err := r.Register(m); err != nil {
		return err
	}
	m.registry = r
	return nil
}

func (m *metrics) unregister() {
	if m.registry != nil {
		m.registry.Unregister(m)
	}
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{m.descs.max, m.descs.open, m.descs.idle, m.descs.inUse, m.descs.waits, m.descs.waitTime, m.descs.queries, m.descs.slow} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int, pool string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), pool)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	for _, s := range m.db.Stats() {
		gauge(m.descs.max, s.Max, s.Name)
		gauge(m.descs.open, s.Open, s.Name)
		gauge(m.descs.idle, s.Idle, s.Name)
		gauge(m.descs.inUse, s.InUse, s.Name)
		counter(m.descs.waits, float64(s.Waits), s.Name)
		counter(m.descs.waitTime, s.WaitTime.Seconds(), s.Name)
	}
	for i, label := range [outcomes]string{"ok", "canceled", "unavailable", "constraint", "error"} {
		counter(m.descs.queries, float64(m.queries[i].Load()), label)
	}
	counter(m.descs.slow, float64(m.slow.Load()))
}
