package keyring

import "github.com/prometheus/client_golang/prometheus"

// collector shows the state of a ring to Prometheus.
type collector struct {
	ring                  *Ring
	failing, age, unknown *prometheus.Desc
}

func newCollector(r *Ring) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("gale_keyring_"+name, help, labels, nil)
	}
	return &collector{
		ring:    r,
		failing: desc("reload_failing", "1 while the keys cannot be loaded again and the old ones stay."),
		age:     desc("key_age_seconds", "Time since the key that makes new values began to.", "purpose"),
		unknown: desc("unknown_keys_total", "Values whose key the ring does not have."),
	}
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.failing
	ch <- c.age
	ch <- c.unknown
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	failing := 0.0
	if c.ring.loop.Failing() {
		failing = 1
	}
	ch <- prometheus.MustNewConstMetric(c.failing, prometheus.GaugeValue, failing)
	ch <- prometheus.MustNewConstMetric(c.unknown, prometheus.CounterValue, float64(c.ring.unknown.Load()))
	now, set := c.ring.now(), c.ring.Set()
	for _, p := range Purposes() {
		if k, ok := set.Current(p, now); ok {
			ch <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, now.Sub(k.Since).Seconds(), string(p))
		}
	}
}
