package hub

import "github.com/prometheus/client_golang/prometheus"

// transport is a kind of link.
type transport uint8

const (
	transportWS transport = iota
	transportSSE
	transportPoll
	transports
)

// metrics are always there and counted; without a Registerer nobody reads
// them. Labels are patterns, never names: their number is bounded.
type metrics struct {
	connections                         [transports]prometheus.Gauge
	subscriptions, slowNow, present     *prometheus.GaugeVec
	published, delivered, dropped, slow *prometheus.CounterVec
	brokerErrors                        prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	gauge := func(name, help, label string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gale_hub_" + name, Help: help}, []string{label})
	}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gale_hub_" + name, Help: help}, []string{"topic"})
	}
	connections := gauge("connections", "Open connections to the hub by transport.", "transport")
	m := &metrics{
		subscriptions: gauge("subscriptions", "Subscriptions by topic pattern.", "topic"),
		slowNow:       gauge("slow_subscribers", "Subscribers that have missed messages and not caught up, by topic pattern.", "topic"),
		present:       gauge("presence_connections", "Connections of this node that presence counts, by topic pattern.", "topic"),
		published:     counter("published_total", "Messages published on this node by topic pattern."),
		delivered:     counter("delivered_total", "Messages passed to connections of this node by topic pattern."),
		dropped:       counter("dropped_total", "Messages that slow subscribers missed, by topic pattern."),
		slow:          counter("slow_total", "How often a subscriber became slow, by topic pattern."),
		brokerErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gale_hub_broker_errors_total", Help: "Calls of the broker that failed.",
		}),
	}
	for t, name := range [transports]string{"ws", "sse", "poll"} {
		m.connections[t] = connections.WithLabelValues(name)
	}
	if r != nil {
		r.MustRegister(connections, m.subscriptions, m.slowNow, m.present, m.published, m.delivered, m.dropped, m.slow, m.brokerErrors)
	}
	return m
}

// broker counts the outcome of a call of the broker.
func (m *metrics) broker(err error) {
	if err != nil {
		m.brokerErrors.Inc()
	}
}
