package obs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/galeweb/gale/obs"
)

func ExampleNewLogger() {
	log := obs.NewLogger(withoutTime{os.Stdout}, obs.LogOptions{JSON: true})
	r := obs.NewRequest("r-1", "")
	r.SetRoute("/packets/{id}")
	ctx := obs.WithRequest(context.Background(), r)

	log.With("token", "hunter2").InfoContext(ctx, "connected", "url", "postgres://relay:hunter2@db/relay")
	// Output: {"level":"INFO","msg":"connected","token":"[redacted]","url":"postgres://[redacted]@db/relay","request_id":"r-1","route":"/packets/{id}"}
}

// withoutTime cuts the time off a record, which no example can foresee.
type withoutTime struct{ w *os.File }

func (w withoutTime) Write(p []byte) (int, error) {
	_, rest, _ := strings.Cut(string(p), ",")
	_, err := w.w.WriteString("{" + rest)
	return len(p), err
}

func ExampleNewOps() {
	health := obs.NewHealth()
	health.Add("database", func(context.Context) error { return errors.New("connection refused") })
	ops := obs.NewOps(obs.OpsOptions{Metrics: obs.NewMetrics(), Health: health, Version: "relay 1.2"})

	w := httptest.NewRecorder()
	ops.ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/readyz", nil))
	status, _, _ := strings.Cut(w.Body.String(), `,"duration"`)
	fmt.Println(w.Code, status)
	// Output: 503 {"status":"failing","checks":{"database":{"status":"failing","error":"connection refused"
}

func ExampleMetrics_Middleware() {
	metrics := obs.NewMetrics()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /packets/{id}", func(http.ResponseWriter, *http.Request) {})
	h := metrics.Middleware(mux)
	for _, path := range []string{"/packets/1", "/packets/2", "/nothing"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}

	w := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "gale_http_requests_total") {
			fmt.Print(line)
		}
	}
	// Output:
	// gale_http_requests_total{class="2xx",method="GET",route="/packets/{id}"} 2
	// gale_http_requests_total{class="4xx",method="GET",route="unmatched"} 1
}

func ExampleRequest_Add() {
	r := obs.NewRequest("r-1", "")
	r.Add(slog.Int("packets", 3))
	fmt.Println(r.Attrs())
	// Output: [request_id=r-1 packets=3]
}
