package obs

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Health answers the probes of a load balancer or orchestrator. Live says that
// the process serves; Ready, that it should be given requests: every check
// passes and it is not draining.
type Health struct {
	// Timeout bounds each check; it is the deadline of the check's context. Set
	// it before the first probe. Defaults to 2 s.
	Timeout time.Duration
	// Fresh is how long a result is given again without running the check, so
	// that a flood of probes is none for the database. Set it before the first
	// probe; negative for never. Defaults to 1 s.
	Fresh time.Duration

	draining atomic.Bool
	mu       sync.Mutex
	checks   []*check
}

const (
	defaultTimeout = 2 * time.Second
	defaultFresh   = time.Second
)

// NewHealth returns a Health without checks, which is ready.
func NewHealth() *Health { return &Health{} }

// Add registers a check, which returns why the process cannot serve, or nil. It
// runs in a goroutine of its own, never twice at once, and must return when its
// context is done: one that does not fails until it returns. Add panics when
// the name is empty or taken.
func (h *Health) Add(name string, run func(ctx context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name == "" || run == nil {
		panic("obs: Health.Add without a name or a check; give both")
	}
	if slices.ContainsFunc(h.checks, func(c *check) bool { return c.name == name }) {
		panic("obs: health check " + name + " is added twice; rename one")
	}
	h.checks = append(h.checks, &check{name: name, run: run})
}

// Drain makes Ready answer 503 from now on, so that no new requests come while
// the process finishes those it has.
func (h *Health) Drain() { h.draining.Store(true) }

type healthReport struct {
	Status string                 `json:"status"`
	Checks map[string]checkReport `json:"checks,omitempty"`
}

type checkReport struct {
	Status   string `json:"status"`
	Error    string `json:"error,omitempty"`
	Duration string `json:"duration"`
}

// Live always answers 200: a process that cannot is restarted, which helps no
// failed database.
func (h *Health) Live(w http.ResponseWriter, _ *http.Request) {
	writeHealth(w, http.StatusOK, healthReport{Status: "live"})
}

// Ready runs the checks, in parallel, and answers 200 when all pass, else 503,
// with a JSON body that names each with its error. The errors may say much of
// the inside (credentials in URLs are masked): show them to operators only.
func (h *Health) Ready(w http.ResponseWriter, r *http.Request) {
	if h.draining.Load() {
		writeHealth(w, http.StatusServiceUnavailable, healthReport{Status: "draining"})
		return
	}
	h.mu.Lock()
	checks := slices.Clone(h.checks)
	h.mu.Unlock()
	timeout, fresh := cmp.Or(h.Timeout, defaultTimeout), cmp.Or(h.Fresh, defaultFresh)
	flights := make([]*flight, len(checks))
	for i, c := range checks {
		flights[i] = c.start(r.Context(), timeout, fresh)
	}
	report := healthReport{Status: "ready", Checks: make(map[string]checkReport, len(checks))}
	status := http.StatusOK
	for i, f := range flights {
		took, err := f.wait(r.Context(), timeout)
		c := checkReport{Status: "ok", Duration: took.Round(time.Microsecond).String()}
		if err != nil {
			c.Status, c.Error = "failing", maskText(err.Error())
			report.Status, status = "failing", http.StatusServiceUnavailable
		}
		report.Checks[checks[i].name] = c
	}
	writeHealth(w, status, report)
}

func writeHealth(w http.ResponseWriter, status int, report healthReport) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(report) // the probe has gone when this fails
}
