package obs_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

func pass(context.Context) error { return nil }

func ready(h *obs.Health) *httptest.ResponseRecorder {
	return get(http.HandlerFunc(h.Ready), "/readyz")
}

func TestReadyNamesEachCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := obs.NewHealth()
		assert.Equal(t, ready(h).Body.String(), `{"status":"ready"}`+"\n")
		h.Add("mail", pass)
		assert.Equal(t, ready(h).Code, 200)
		h.Add("database", func(context.Context) error { return errors.New("dial postgres://u:hunter2@h: refused") })
		h.Add("broken", func(context.Context) error { panic("nil map") })
		w := ready(h)
		assert.Equal(t, w.Code, 503)
		assert.Equal(t, w.Header().Get("Cache-Control"), "no-store")
		assert.Equal(t, w.Header().Get("Content-Type"), "application/json")
		assert.Equal(t, w.Body.String(), `{"status":"failing","checks":{`+
			`"broken":{"status":"failing","error":"the check panicked: nil map","duration":"0s"},`+
			`"database":{"status":"failing","error":"dial postgres://[redacted]@h: refused","duration":"0s"},`+
			`"mail":{"status":"ok","duration":"0s"}}}`+"\n")
	})
}

func TestLiveAnswersWhateverFails(t *testing.T) {
	t.Parallel()
	h := obs.NewHealth()
	h.Add("database", func(context.Context) error { return errors.New("down") })
	h.Drain()
	w := get(http.HandlerFunc(h.Live), "/livez")
	assert.Equal(t, w.Code, 200)
	assert.Equal(t, w.Body.String(), `{"status":"live"}`+"\n")
}

func TestDrainingIsNotReady(t *testing.T) {
	t.Parallel()
	h := obs.NewHealth()
	h.Add("mail", pass)
	assert.Equal(t, ready(h).Code, 200)
	h.Drain()
	w := ready(h)
	assert.Equal(t, w.Code, 503)
	assert.Equal(t, w.Body.String(), `{"status":"draining"}`+"\n")
}

func TestChecksRunInParallelWithinTheirTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := obs.NewHealth()
		h.Timeout = 3 * time.Second
		for _, name := range []string{"a", "b", "c"} {
			h.Add(name, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		}
		start := time.Now()
		w := ready(h)
		assert.Equal(t, time.Since(start), 3*time.Second)
		assert.Equal(t, strings.Count(w.Body.String(), "context deadline exceeded"), 3)
	})
}

// A flood of probes must not be one of the database.
func TestProbesShareResults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := obs.NewHealth()
		var runs atomic.Int32
		h.Add("slow", func(context.Context) error {
			runs.Add(1)
			time.Sleep(500 * time.Millisecond)
			return nil
		})
		flood := func() {
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { assert.Equal(t, ready(h).Code, 200) })
			}
			wg.Wait()
		}
		flood()
		time.Sleep(999 * time.Millisecond)
		flood()
		assert.Equal(t, runs.Load(), 1)
		time.Sleep(time.Millisecond)
		flood()
		assert.Equal(t, runs.Load(), 2)
	})
}

// A check that ignores its context must not pile up goroutines.
func TestStuckCheckRunsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := obs.NewHealth()
		release := make(chan struct{})
		var runs atomic.Int32
		h.Add("stuck", func(context.Context) error { runs.Add(1); <-release; return nil })
		for range 5 {
			w := ready(h)
			assert.Equal(t, w.Code, 503)
			assert.Contains(t, w.Body.String(), "does not heed its timeout of 2s")
		}
		assert.Equal(t, runs.Load(), 1)
		close(release)
		synctest.Wait()
		for range 20 { // late, but passed: always ready
			assert.Equal(t, ready(h).Code, 200)
		}
		assert.Equal(t, runs.Load(), 1)
	})
}

func TestProbeThatLeavesCancelsNoCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := obs.NewHealth()
		h.Add("slow", func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				return nil
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			w := httptest.NewRecorder()
			h.Ready(w, httptest.NewRequestWithContext(ctx, "GET", "/readyz", nil))
			assert.Equal(t, w.Code, 503)
		})
		wg.Go(func() { assert.Equal(t, ready(h).Code, 200) })
		synctest.Wait()
		cancel()
		wg.Wait()
	})
}

func TestWrongChecksPanic(t *testing.T) {
	t.Parallel()
	h := obs.NewHealth()
	h.Add("a", pass)
	assert.Equal(t, assert.Panics(t, func() { h.Add("a", pass) }), any("obs: health check a is added twice; rename one"))
	assert.Panics(t, func() { h.Add("", pass) })
	assert.Panics(t, func() { h.Add("b", nil) })
}
