package obs

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts requests, for Prometheus:
//
//   - gale_http_requests_total by method, route and class (2xx …);
//   - gale_http_request_duration_seconds by route, from 0.5 ms to 10 s;
//   - gale_http_requests_in_flight;
//
// and what the Go collectors know of the runtime, the process and the build.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge

	// known maps labels to their series, so that a request looks up no labels.
	// It is copied on write under mu: reading costs neither a lock nor, unlike a
	// sync.Map with this key, an allocation.
	known  atomic.Pointer[map[seriesKey]*series]
	mu     sync.Mutex
	routes map[string]bool
}

type seriesKey struct {
	route         string
	method, class uint8
}

type series struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

// maxRoutes bounds what a handler can do that gives its path as route.
const maxRoutes = 1000

const (
	unmatched   = "unmatched"
	otherMethod = 0
)

var (
	methods = []string{
		"other", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace,
	}
	classes = []string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}
)

// NewMetrics returns Metrics with a registry of its own, so that two in one
// process (two tests) do not meet.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gale_http_requests_total",
			Help: "Requests answered, by method, route pattern and status class.",
		}, []string{"method", "route", "class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gale_http_request_duration_seconds",
			Help:    "Time from the request's header to the handler's return, without connections that were taken over.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gale_http_requests_in_flight",
			Help: "Requests whose handler has not returned.",
		}),
		routes: map[string]bool{},
	}
	m.known.Store(&map[seriesKey]*series{})
	m.registry.MustRegister(
		m.requests, m.duration, m.inFlight,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return m
}

// Registry returns the registry, for the metrics of others: the pools of a
// database, the application's own.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler writes every metric of the registry in the Prometheus text form. At
// most four scrapes run at once; further ones are answered 503.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Registry: m.registry})
}

// Middleware counts the requests of next. The route is that of the [Request]
// in the context, or else [http.Request.Pattern], which is seen only when
// nothing between here and the mux copies the request; a request without either
// counts as "unmatched". A handler that panics counts as 5xx, whatever it has
// sent. A connection that was taken over (status 101) is counted, but its
// duration is not.
//
// It asks the writer below for the status, by a method Status() int found
// through Unwrap, and wraps it only when there is none.
func (m *Metrics) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		m.inFlight.Inc()
		status := statusOf(w)
		if status == nil {
			own := &statusWriter{ResponseWriter: w}
			w, status = own, own
		}
		returned := false
		defer func() {
			m.inFlight.Dec()
			code := status.Status()
			switch {
			case !returned:
				code = http.StatusInternalServerError
			case code == 0:
				code = http.StatusOK // which the server sends when a handler wrote nothing
			}
			m.observe(r, code, time.Since(start))
		}()
		next.ServeHTTP(w, r)
		returned = true
	})
}

func (m *Metrics) observe(r *http.Request, status int, d time.Duration) {
	key := seriesKey{route: routeOf(r), method: methodIndex(r.Method)}
	if class := status / 100; class < len(classes) {
		key.class = uint8(class)
	}
	s, ok := (*m.known.Load())[key]
	if !ok {
		s = m.add(key)
	}
	s.requests.Inc()
	if status != http.StatusSwitchingProtocols {
		s.duration.Observe(d.Seconds())
	}
}

func (m *Metrics) add(key seriesKey) *series {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.routes[key.route] {
		if len(m.routes) >= maxRoutes {
			key.route = "other"
		}
		m.routes[key.route] = true
	}
	known := *m.known.Load()
	if s, ok := known[key]; ok {
		return s
	}
	s := &series{
		requests: m.requests.WithLabelValues(methods[key.method], key.route, classes[key.class]),
		duration: m.duration.WithLabelValues(key.route),
	}
	more := maps.Clone(known)
	more[key] = s
	m.known.Store(&more)
	return s
}

func routeOf(r *http.Request) string {
	route := RequestFrom(r.Context()).Route()
	if route == "" {
		route = r.Pattern
	}
	// ServeMux patterns begin with the method, which is a label of its own.
	if _, path, ok := strings.Cut(route, " "); ok {
		route = path
	}
	if route == "" {
		return unmatched
	}
	return route
}

func methodIndex(method string) uint8 {
	for i, m := range methods {
		if m == method && i != otherMethod {
			return uint8(i)
		}
	}
	return otherMethod
}
