package gale_test

import (
	"context"
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
	"github.com/galeweb/gale/ws"
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
	socket := &ws.Handler{Open: func(c *ws.Conn, _ *http.Request) error { // runs as long as the connection
		for m, err := range c.Messages() {
			if err != nil {
				return err
			}
			if err := c.Send(m); err != nil {
				return err
			}
		}
		return nil
	}}
	s.router.Handle("GET /socket", socket)
	s.router.Get("/quick", func(w http.ResponseWriter, r *http.Request) error { return web.Text(w, 200, "quick") })
	return s
}

//go:noinline
func (s stuck) hang() { <-s.release }

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
	// Its idle workers have the same numbers.
	other := start(t, text("other"), gale.Options{Addr: "127.0.0.1:0", Configure: func(s *engine.Server) { s.Mode = engine.Loop }})
	get(t, other.client(t), "http://"+other.addr.String())
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
	stalled := func(log string) int { return strings.Count(log, "handler is past its budget") }
	socket, err := ws.Dial(t.Context(), url+"/socket", ws.DialOptions{})
	assert.NoError(t, err)
	assert.NoError(t, socket.SendText("hello"))
	for m, err := range socket.Messages() {
		assert.NoError(t, err)
		assert.Equal(t, string(m.Data), "hello")
		break
	}
	for i := range 2 {
		ask(fmt.Sprintf("/slow/%d?token=secret", i))
		r.log.wait(t, "stall", func(log string) bool { return stalled(log) == i+1 })
	}

	// Nothing is told twice, and nobody waits for those that hang.
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	ops, operator := opsURL.FindStringSubmatch(r.banner.String())[1], &http.Client{Transport: tr}
	for range 50 {
		_, body := get(t, c, url+"/quick")
		assert.Equal(t, body, "quick")
	}
	log := r.log.String()
	assert.Equal(t, stalled(log), 2)
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
	// It is counted after the answer has gone.
	const taken = `gale_server_takeovers_total{route="GET /slow/{id}"}`
	for begin := time.Now(); ; {
		if _, metrics := get(t, operator, ops+"/metrics"); strings.Contains(metrics, taken) {
			break
		}
		assert.True(t, time.Since(begin) < 20*time.Second, "no takeover was counted")
	}
	assert.NoError(t, upload.Close())
	socket.Close(ws.CodeNormal, "")
	<-socket.Done()
	r.terminate()
	assert.NoError(t, r.wait())
	assert.Contains(t, r.log.String(), "msg=drained")
}

func TestDrainCounts(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("net/http's server does not count connections")
	}
	begun, end := make(chan struct{}), make(chan struct{})
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/idle" {
			return
		}
		begun <- struct{}{}
		if r.URL.Path == "/cut" {
			<-r.Context().Done()
			return
		}
		<-end
	})
	r := start(t, app, gale.Options{
		Addr: "127.0.0.1:0", StallBudget: -1, DrainTimeout: time.Second,
		OnDrain:   []func(context.Context){func(context.Context) { close(end) }},
		Configure: func(s *engine.Server) { s.Mode = engine.Loop },
	})
	for _, path := range []string{"/idle", "/finish", "/finish", "/cut"} {
		c, err := net.Dial("tcp", r.addr.String())
		assert.NoError(t, err)
		defer c.Close()
		_, err = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: gale.test\r\n\r\n")
		assert.NoError(t, err)
		if path == "/idle" {
			_, err = c.Read(make([]byte, 1))
			assert.NoError(t, err)
		} else {
			<-begun
		}
	}
	r.terminate()
	assert.ErrorIs(t, r.wait(), gale.ErrDrain)
	assert.Contains(t, r.log.String(), "msg=drained requests=2 cut=1 connections=4 long_lived=0")
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
