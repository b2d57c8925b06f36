package obs_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

func newOps() http.Handler {
	return obs.NewOps(obs.OpsOptions{Metrics: obs.NewMetrics(), Version: "relay <1>", Hosts: []string{"relay.internal"}})
}

func TestOpsServesItsPages(t *testing.T) {
	t.Parallel()
	ops := newOps()
	for path, want := range map[string]string{
		"/":                                `<li><a href="/metrics">/metrics</a>`,
		"/metrics":                         "go_goroutines",
		"/livez":                           `"live"`,
		"/readyz":                          `"ready"`,
		"/debug/pprof/":                    "/debug/pprof/heap?debug=1",
		"/debug/pprof/goroutine?debug=1":   "goroutine profile:",
		"/debug/pprof/heap?debug=1&gc=1":   "heap profile:",
		"/debug/pprof/allocs":              "\x1f\x8b", // gzip, as go tool pprof expects
		"/debug/pprof/trace?seconds=0.001": "go 1.",
	} {
		w := get(ops, "http://127.0.0.1:9090"+path)
		assert.Equal(t, w.Code, 200)
		assert.Contains(t, w.Body.String(), want)
		assert.Equal(t, w.Header().Get("X-Content-Type-Options"), "nosniff")
	}
	assert.Contains(t, get(ops, "http://127.0.0.1/").Body.String(), "<h1>ops relay &lt;1&gt;</h1>")
	for path, want := range map[string]int{
		"/nothing": 404, "/debug/pprof/none": 404, "/debug/pprof/heap?seconds=1": 400, "/debug/pprof/cmdline": 404,
		"/debug/pprof/profile?seconds=0": 400, "/debug/pprof/profile?seconds=NaN": 400, "/debug/pprof/trace?seconds=9999": 400,
	} {
		assert.Equal(t, get(ops, "http://127.0.0.1"+path).Code, want)
	}
	w := httptest.NewRecorder()
	ops.ServeHTTP(w, httptest.NewRequest("POST", "http://127.0.0.1/readyz", nil))
	assert.Equal(t, w.Code, 405)
	assert.Equal(t, get(obs.NewOps(obs.OpsOptions{}), "http://127.0.0.1/metrics").Code, 404)
}

// There is one CPU profile a process; no other test takes one.
func TestCPUProfile(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newOps())
	defer server.Close()
	res, err := http.Get(server.URL + "/debug/pprof/profile?seconds=0.01")
	assert.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, res.StatusCode, 200)
	assert.Equal(t, res.Header.Get("Content-Type"), "application/octet-stream")
}

// A page of an attacker in the operator's browser rebinds its name to
// 127.0.0.1 and reads the heap.
func TestOpsRefusesForeignHosts(t *testing.T) {
	t.Parallel()
	ops := newOps()
	for host, want := range map[string]int{
		"evil.example": 421, "evil.example:9090": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example:80": 421,
		"evil-localhost": 421, "relay.internal.evil.example": 421, "0x7f.1": 421, "127.0.0.1@evil.example": 421, "[::1].evil.example": 421,
		"127.0.0.1": 200, "127.0.0.1:9090": 200, "[::1]:9090": 200, "[::1]": 200, "::1": 200, "10.0.0.7:9090": 200, "LocalHost:9090": 200,
		"localhost.": 200, "Relay.Internal:80": 200, "": 200,
	} {
		r := httptest.NewRequest("GET", "/livez", nil)
		r.Host = host
		w := httptest.NewRecorder()
		ops.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
}

// A page needs no answer to do harm: <img src="http://127.0.0.1:9090/debug/pprof/profile?seconds=300">.
func TestOpsRefusesForeignPages(t *testing.T) {
	t.Parallel()
	ops := newOps()
	for site, want := range map[string]int{"cross-site": 403, "same-site": 403, "garbage": 403, "same-origin": 200, "none": 200, "": 200} {
		r := httptest.NewRequest("GET", "http://127.0.0.1/livez", nil)
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		ops.ServeHTTP(w, r)
		assert.Equal(t, w.Code, want)
	}
}

// An application that serves the default mux must not serve its heap with it.
func TestProfilesAreNotOnTheDefaultMux(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/metrics", "/readyz"} {
		_, pattern := http.DefaultServeMux.Handler(httptest.NewRequest("GET", path, nil))
		assert.True(t, pattern == "", path+" is on the default mux as "+pattern)
	}
}
