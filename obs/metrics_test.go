package obs_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// scrape returns the metrics whose lines begin with prefix.
func scrape(t *testing.T, m *obs.Metrics, prefix string) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	assert.Equal(t, w.Code, 200)
	var b strings.Builder
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, prefix) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

const total = `gale_http_requests_total{class=%q,method=%q,route=%q} %d` + "\n"

func TestRouteOfTheRequestWins(t *testing.T) {
	t.Parallel()
	m := obs.NewMetrics()
	h := m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		obs.RequestFrom(r.Context()).SetRoute("/late/{id}")
		r.Pattern = "GET /other"
	}))
	r := httptest.NewRequest("GET", "/late/1", nil)
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(obs.WithRequest(t.Context(), obs.NewRequest("", ""))))
	h.ServeHTTP(httptest.NewRecorder(), r)
	assert.Equal(t, scrape(t, m, "gale_http_requests_total"),
		fmt.Sprintf(total, "2xx", "GET", "/late/{id}", 1)+fmt.Sprintf(total, "2xx", "GET", "/other", 1))
	assert.Contains(t, scrape(t, m, "gale_http_request_duration_seconds_count"), `{route="/late/{id}"} 1`)
	assert.Contains(t, scrape(t, m, "gale_http_request_duration_seconds_bucket"), `le="0.0005"`)
}

// outer is a writer that tells its status, as web.Writer does.
type outer struct {
	http.ResponseWriter
	status int
}

func (o *outer) Status() int       { return o.status }
func (o *outer) WriteHeader(s int) { o.status = s; o.ResponseWriter.WriteHeader(s) }

type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestClasses(t *testing.T) {
	t.Parallel()
	for want, handler := range map[string]http.HandlerFunc{
		"2xx":   func(http.ResponseWriter, *http.Request) {},
		"3xx":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) },
		"4xx":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) },
		"5xx":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"other": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(999) },
	} {
		for name, w := range map[string]func() http.ResponseWriter{
			"bare":       func() http.ResponseWriter { return httptest.NewRecorder() },
			"web.Writer": func() http.ResponseWriter { return wrapped{web.Wrap(httptest.NewRecorder())} },
			"own status": func() http.ResponseWriter { return wrapped{&outer{ResponseWriter: httptest.NewRecorder()}} },
		} {
			m := obs.NewMetrics()
			m.Middleware(handler).ServeHTTP(w(), httptest.NewRequest("GET", "/", nil))
			if got := scrape(t, m, "gale_http_requests_total"); got != fmt.Sprintf(total, want, "GET", "unmatched", 1) {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
}

func TestWriterWithStatusIsNotWrapped(t *testing.T) {
	t.Parallel()
	o := &outer{ResponseWriter: httptest.NewRecorder()}
	obs.NewMetrics().Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		assert.True(t, w == http.ResponseWriter(o), "the writer was wrapped again")
	})).ServeHTTP(o, httptest.NewRequest("GET", "/", nil))
}

func TestPanicsAre5xxAndLeaveNothingInFlight(t *testing.T) {
	t.Parallel()
	m := obs.NewMetrics()
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		assert.Equal(t, scrape(t, m, "gale_http_requests_in_flight"), "gale_http_requests_in_flight 1\n")
		_, _ = w.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	}))
	assert.Equal(t, assert.Panics(t, func() { get(h, "/") }), any(http.ErrAbortHandler))
	assert.Equal(t, scrape(t, m, "gale_http_requests_total"), fmt.Sprintf(total, "5xx", "GET", "unmatched", 1))
	assert.Equal(t, scrape(t, m, "gale_http_requests_in_flight"), "gale_http_requests_in_flight 0\n")
}

type hijackable struct{ *httptest.ResponseRecorder }

func (hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

func TestTakenOverConnectionsHaveNoDuration(t *testing.T) {
	t.Parallel()
	m := obs.NewMetrics()
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _, err := w.(http.Hijacker).Hijack()
		assert.NoError(t, err)
	}))
	h.ServeHTTP(hijackable{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil))
	assert.Equal(t, scrape(t, m, "gale_http_requests_total"), fmt.Sprintf(total, "1xx", "GET", "unmatched", 1))
	assert.Contains(t, scrape(t, m, "gale_http_request_duration_seconds_count"), " 0\n")
}

func TestPowersPassThrough(t *testing.T) {
	t.Parallel()
	h := obs.NewMetrics().Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		_, _, err := http.NewResponseController(w).Hijack()
		assert.ErrorIs(t, err, errors.ErrUnsupported)
		_, isOuter := w.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(*httptest.ResponseRecorder)
		assert.True(t, isOuter, "Unwrap gives another writer")
	}))
	assert.True(t, get(h, "/").Flushed, "Flush did not reach the writer")
}

// An attacker makes series by the thousand, each of which costs memory here
// and in Prometheus: by method, by path, and through a handler that is careless
// with its route.
func TestClientsCannotMakeSeries(t *testing.T) {
	t.Parallel()
	m := obs.NewMetrics()
	mux := http.NewServeMux()
	mux.HandleFunc("/a/{id}", func(http.ResponseWriter, *http.Request) {})
	h := m.Middleware(mux)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 10_000 {
		r := httptest.NewRequest("GET", fmt.Sprintf("/%c/%x", 'a'+i%2, random.Uint64()), nil)
		r.Method = fmt.Sprintf("M%X", random.Uint64())
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	assert.Equal(t, scrape(t, m, "gale_http_requests_total"),
		fmt.Sprintf(total, "2xx", "other", "/a/{id}", 5000)+fmt.Sprintf(total, "4xx", "other", "unmatched", 5000))

	careless := m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = r.URL.Path }))
	for range 3_000 {
		get(careless, fmt.Sprintf("/%x", random.Uint64()))
	}
	series := strings.Count(scrape(t, m, "gale_http_requests_total"), "\n")
	assert.True(t, series <= 1003, fmt.Sprintf("%d series", series))
	assert.Contains(t, scrape(t, m, "gale_http_requests_total"), fmt.Sprintf(total, "2xx", "GET", "other", 2002))
}

func TestRegistryIsOpenToOthers(t *testing.T) {
	t.Parallel()
	m := obs.NewMetrics()
	waits := prometheus.NewCounter(prometheus.CounterOpts{Name: "gale_db_waits_total", Help: "x"})
	m.Registry().MustRegister(waits)
	waits.Inc()
	assert.Equal(t, scrape(t, m, "gale_db_waits_total"), "gale_db_waits_total 1\n")
	for _, name := range []string{"go_goroutines", "go_build_info", "process_start_time_seconds"} {
		assert.True(t, scrape(t, m, name) != "", "no "+name)
	}
}

func BenchmarkMetricsMiddleware(b *testing.B) {
	h := obs.NewMetrics().Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w := &outer{ResponseWriter: httptest.NewRecorder()}
	r := httptest.NewRequest("GET", "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
