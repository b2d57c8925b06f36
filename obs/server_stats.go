package obs

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ServerStats is what a server has counted since it started, and the
// connections it has now, for [NewServerCollector]. See engine.Stats, which it
// repeats since this package cannot import that one.
type ServerStats struct {
	Handshaking, Reading, Active, Idle, Hijacked, Closing int64

	Accepted                uint64
	Refused, BadRequests    map[string]uint64
	BytesRead, BytesWritten uint64
	Requests                uint64
	Takeovers               map[string]uint64
	HandedOff               uint64
	Turns                   []uint64 // the last one beyond all bounds
	TurnBounds              []time.Duration
	TurnTime                time.Duration
	Stalls                  uint64
}

// maxLimits bounds the names of limits and of parse errors, which the server
// makes; it is there in case one day it does not.
const maxLimits = 100

// serverCollector turns ServerStats into metrics when they are read.
type serverCollector struct {
	read func() ServerStats

	connections, accepted, refused, bad *prometheus.Desc
	received, sent, requests            *prometheus.Desc
	takeovers, handedOff, turns, stalls *prometheus.Desc

	mu                    sync.Mutex
	limits, kinds, routes labelSet
}

// NewServerCollector returns a collector of what read returns, which is called
// for every scrape:
//
//   - gale_server_connections by state: handshaking, reading, active, idle,
//     hijacked, closing;
//   - gale_server_accepted_total, connections;
//   - gale_server_refused_total by limit;
//   - gale_server_bad_requests_total by kind of error;
//   - gale_server_received_bytes_total and gale_server_sent_bytes_total;
//   - gale_server_requests_total;
//   - gale_server_takeovers_total by route: handlers that ran so long that
//     another goroutine took the loop;
//   - gale_server_handed_off_total: requests that left the loop before that,
//     since their route had been slow;
//   - gale_server_loop_turn_seconds, a histogram of the loops' rounds;
//   - gale_server_stalls_total: handlers past their budget.
//
// At most 1,000 routes and 100 limits and kinds are named, those beyond
// "other". For more than one server, register each with a label of its own, by
// [prometheus.WrapRegistererWith].
func NewServerCollector(read func() ServerStats) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("gale_server_"+name, help, labels, nil)
	}
	return &serverCollector{
		read:        read,
		connections: desc("connections", "Open connections, by what they do.", "state"),
		accepted:    desc("accepted_total", "Connections accepted."),
		refused:     desc("refused_total", "Connections and requests turned away, by the limit that did.", "limit"),
		bad:         desc("bad_requests_total", "Requests that broke the protocol, by how.", "kind"),
		received:    desc("received_bytes_total", "Bytes read from connections."),
		sent:        desc("sent_bytes_total", "Bytes written to connections."),
		requests:    desc("requests_total", "Requests read."),
		takeovers:   desc("takeovers_total", "Handlers that ran so long that another goroutine took the loop, by route.", "route"),
		handedOff:   desc("handed_off_total", "Requests that left the loop before their handler ran, since their route had been slow."),
		turns:       desc("loop_turn_seconds", "Length of the loops' rounds."),
		stalls:      desc("stalls_total", "Handlers that ran past their budget."),
		limits:      labelSet{max: maxLimits}, kinds: labelSet{max: maxLimits}, routes: labelSet{max: maxRoutes},
	}
}

// Describe implements [prometheus.Collector].
func (c *serverCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{
		c.connections, c.accepted, c.refused, c.bad, c.received, c.sent, c.requests, c.takeovers, c.handedOff, c.turns, c.stalls,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *serverCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.read()
	for _, state := range [...]struct {
		name string
		n    int64
	}{
		{"handshaking", s.Handshaking},
		{"reading", s.Reading},
		{"active", s.Active},
		{"idle", s.Idle},
		{"hijacked", s.Hijacked},
		{"closing", s.Closing},
	} {
		ch <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(state.n), state.name)
	}
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	count(c.accepted, s.Accepted)
	count(c.received, s.BytesRead)
	count(c.sent, s.BytesWritten)
	count(c.requests, s.Requests)
	count(c.handedOff, s.HandedOff)
	count(c.stalls, s.Stalls)
	c.mu.Lock()
	limits, kinds, routes := c.limits.bound(s.Refused), c.kinds.bound(s.BadRequests), c.routes.bound(s.Takeovers)
	c.mu.Unlock()
	for d, counts := range map[*prometheus.Desc]map[string]uint64{c.refused: limits, c.bad: kinds, c.takeovers: routes} {
		for label, n := range counts {
			count(d, n, label)
		}
	}
	ch <- turnHistogram(c.turns, s)
}

// turnHistogram sums up the counts, since Prometheus wants how many took at
// most each bound.
func turnHistogram(d *prometheus.Desc, s ServerStats) prometheus.Metric {
	buckets := make(map[float64]uint64, len(s.TurnBounds))
	total := uint64(0)
	for i, n := range s.Turns {
		total += n
		if i < len(s.TurnBounds) {
			buckets[s.TurnBounds[i].Seconds()] = total
		}
	}
	return prometheus.MustNewConstHistogram(d, total, s.TurnTime.Seconds(), buckets)
}

// labelSet admits the first max labels it sees; those after count as "other",
// and stay there, so that no counter jumps.
type labelSet struct {
	max  int
	seen map[string]bool
}

func (l *labelSet) bound(counts map[string]uint64) map[string]uint64 {
	out := make(map[string]uint64, len(counts))
	for _, label := range slices.Sorted(maps.Keys(counts)) {
		n := counts[label]
		if label == "" {
			label = unmatched
		}
		if !l.admit(label) {
			label = "other"
		}
		out[label] += n
	}
	return out
}

func (l *labelSet) admit(label string) bool {
	if l.seen[label] {
		return true
	}
	if len(l.seen) >= l.max {
		return false
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[label] = true
	return true
}
