package gale_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale"
	"github.com/galeweb/gale/engine"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/web"
)

func TestRoutesOfTheHandler(t *testing.T) {
	t.Parallel()
	r := router.New()
	r.Get("/packets/{id}", func(w http.ResponseWriter, r *http.Request) error { return web.Text(w, 200, "") })
	mux := http.NewServeMux()
	mux.Handle("GET /packets/{id}", text(""))
	for _, h := range []http.Handler{r, mux} {
		var got, none string
		run := startInMemory(t, h, gale.Options{Configure: func(s *engine.Server) {
			got = s.Route(httptest.NewRequest("GET", "/packets/7", nil))
			none = s.Route(httptest.NewRequest("GET", "/nothing", nil))
		}})
		run.cancel()
		assert.NoError(t, run.wait())
		assert.Equal(t, got, "GET /packets/{id}")
		assert.Equal(t, none, "")
	}
	run := startInMemory(t, text(""), gale.Options{Configure: func(s *engine.Server) {
		assert.True(t, s.Route == nil, "a handler without routes has some")
	}})
	run.cancel()
	assert.NoError(t, run.wait())
}

// stuck has handlers that hang until the test ends: on the channel, and on the
// client.
type stuck struct {
	router  *router.Router
	release chan struct{}
}

func newStuck() stuck {
	s := stuck{router.New(), make(chan struct{})}
	s.router.Get("/slow/{id}", func(w http.ResponseWriter, r *http.Request) error {
		s.hang()
		return web.Text(w, 200, "at last")
	})
	s.router.Get("/meant", func(w http.ResponseWriter, r *http.Request) error {
		obs.LongLived(r.Context())
		s.hang()
		return web.Text(w, 200, "at last")
	})
	s.router.Post("/upload", func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.ReadAll(r.Body)
		return err
	})
	s.router.Get("/quick", func(w http.ResponseWriter, r *http.Request) error { return web.Text(w, 200, "quick") })
	return s
}

//go:noinline
func (s stuck) hang() { <-s.release }

// eventually waits for what others are about to do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for begin := time.Now(); !done(); runtime.Gosched() {
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("%s: was not seen", what)
		}
	}
}

// The one test of a real engine, with a real flight recorder, of which there is
// one a process.
func TestStalledHandlerOnTheEngine(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("net/http's server does not say what runs")
	}
	s := newStuck()
	r := start(t, s.router, gale.Options{
		Addr: "127.0.0.1:0", OpsAddr: "127.0.0.1:0", StallBudget: 50 * time.Millisecond,
		Configure: func(s *engine.Server) { s.Mode = engine.Loop },
	})
	c, url := r.client(t), "http://"+r.addr.String()
	var asking sync.WaitGroup
	ask := func(path string) {
		asking.Go(func() {
			resp, err := c.Get(url + path)
			if err != nil {
				t.Error(err)
				return
			}
			body, err := io.ReadAll(resp.Body)
			assert.NoError(t, err)
			assert.NoError(t, resp.Body.Close())
			assert.Equal(t, string(body), "at last")
		})
	}
	ask("/meant")
	upload, err := net.Dial("tcp", r.addr.String())
	assert.NoError(t, err)
	_, err = io.WriteString(upload, "POST /upload HTTP/1.1\r\nHost: gale.test\r\nContent-Length: 10\r\n\r\nhalf")
	assert.NoError(t, err)
	stalled := func() int { return strings.Count(r.log.String(), "handler is past its budget") }
	for i := range 2 {
		ask(fmt.Sprintf("/slow/%d?token=secret", i))
		eventually(t, "stall", func() bool { return stalled() == i+1 })
	}

	// Nothing is told twice, and nobody waits for those that hang.
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	ops, operator := opsURL.FindStringSubmatch(r.banner.String())[1], &http.Client{Transport: tr}
	for range 50 {
		_, body := get(t, c, url+"/quick")
		assert.Equal(t, body, "quick")
	}
	assert.Equal(t, stalled(), 2)
	log := r.log.String()
	for _, want := range []string{
		`route="GET /slow/{id}"`, "path=/slow/0 ", "path=/slow/1 ", "request_id=", `waits="channel receive"`,
		"gale_test.stuck.hang (watch_test.go:", "trace=/debug/stalls/2.trace",
	} {
		assert.Contains(t, log, want)
	}
	assert.True(t, !strings.Contains(log, "secret"), "the query is in the log")
	assert.True(t, !strings.Contains(log, "gale/engine."), "the server's frames are in the log")
	_, page := get(t, operator, ops+"/debug/stalls")
	assert.Contains(t, page, `href="/debug/stalls/2.trace"`)
	_, trace := get(t, operator, ops+"/debug/stalls/2.trace")
	assert.True(t, strings.HasPrefix(trace, "go 1."), "the file is no trace")
	_, metrics := get(t, operator, ops+"/metrics")
	assert.Contains(t, metrics, "gale_server_stalls_total 2\n")
	assert.Contains(t, metrics, `gale_server_loop_turn_seconds_bucket{le="0.001"} `)

	close(s.release)
	asking.Wait()
	eventually(t, "takeovers", func() bool {
		_, metrics := get(t, operator, ops+"/metrics")
		return strings.Contains(metrics, `gale_server_takeovers_total{route="GET /slow/{id}"}`)
	})
	assert.NoError(t, upload.Close())
	r.terminate()
	assert.NoError(t, r.wait())
	assert.Contains(t, r.log.String(), "msg=drained")
}

func TestServerMetrics(t *testing.T) {
	t.Parallel()
	metrics := obs.NewMetrics()
	o := gale.Options{Metrics: metrics}
	scrape := func() string {
		w := httptest.NewRecorder()
		metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	first := startInMemory(t, text(""), o)
	assert.Contains(t, scrape(), `gale_server_connections{state="idle"}`)
	assert.Contains(t, scrape(), `gale_server_loop_turn_seconds_bucket{le="0.001"}`)
	second := startInMemory(t, text(""), o)
	second.cancel()
	assert.NoError(t, second.wait())
	assert.Contains(t, second.log.String(), "the server's metrics are those of another Run")
	assert.Contains(t, scrape(), "gale_server_accepted_total")
	first.cancel()
	assert.NoError(t, first.wait())
	third := startInMemory(t, text(""), o)
	third.cancel()
	assert.NoError(t, third.wait())
	assert.True(t, !strings.Contains(third.log.String(), "of another Run"), "the metrics were not given back")
}
