package middleware_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

// logBook keeps what a JSON logger writes.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBook) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(b, nil)) }

// inject is a middleware that puts the logger into the context.
func (b *logBook) inject(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(obs.WithLogger(r.Context(), b.logger())))
	})
}

// records returns one map for each line, and fails on a line that is no JSON.
func (b *logBook) records(t *testing.T) []map[string]any {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []map[string]any
	for line := range strings.Lines(b.buf.String()) {
		var m map[string]any
		assert.NoError(t, json.Unmarshal([]byte(line), &m))
		out = append(out, m)
	}
	return out
}

// only returns the one record that was written.
func (b *logBook) only(t *testing.T) map[string]any {
	t.Helper()
	recs := b.records(t)
	if len(recs) != 1 {
		t.Fatalf("%d log records, want 1: %v", len(recs), recs)
	}
	return recs[0]
}

// do serves r by h and returns what was sent.
func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// get returns a request; pairs are header names and values.
func get(target string, pairs ...string) *http.Request {
	return request(http.MethodGet, target, pairs...)
}

func request(method, target string, pairs ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(pairs); i += 2 {
		r.Header.Add(pairs[i], pairs[i+1])
	}
	return r
}

var ok = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })

// newServer is for what only a real connection shows.
func newServer(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Start()
	t.Cleanup(s.Close)
	return s
}
