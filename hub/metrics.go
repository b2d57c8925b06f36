package hub

import "github.com/prometheus/client_golang/prometheus"

// metrics are always there and counted; without a Registerer nobody reads
// them. Labels are patterns, never names: their number is bounded.
type metrics struct {
	connections   prometheus.Gauge
	subscriptions *prometheus.GaugeVec
	published     *prometheus.CounterVec
	dropped       *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	topic := []string{"topic"}
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gale_hub_connections", Help: "Open connections to the hub.",
		}),
		subscriptions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gale_hub_subscriptions", Help: "Subscriptions by topic pattern.",
		}, topic),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gale_hub_published_total", Help: "Messages published on this node by topic pattern.",
		}, topic),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gale_hub_dropped_total", Help: "Messages that slow subscribers missed, by topic pattern.",
		}, topic),
	}
	if r != nil {
		r.MustRegister(m.connections, m.subscriptions, m.published, m.dropped)
	}
	return m
}
