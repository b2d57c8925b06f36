package gale_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
