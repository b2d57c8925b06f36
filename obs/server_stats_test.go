package obs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

func TestServerCollector(t *testing.T) {
	t.Parallel()
	stats := obs.ServerStats{
		Handshaking: 1, Reading: 2, Active: 3, Idle: 4, Hijacked: 5, Closing: 6,
		Accepted: 21, Refused: map[string]uint64{"conns": 2}, BadRequests: map[string]uint64{"both_lengths": 3},
		BytesRead: 100, BytesWritten: 200, Requests: 30, Takeovers: map[string]uint64{"GET /slow": 4, "": 1}, HandedOff: 5,
		Turns: []uint64{7, 2, 1}, TurnBounds: []time.Duration{time.Millisecond, time.Second}, TurnTime: 3 * time.Second,
		Stalls: 8,
	}
	metrics := obs.NewMetrics()
	metrics.Registry().MustRegister(obs.NewServerCollector(func() obs.ServerStats { return stats }))
	scrape := func() string { return get(metrics.Handler(), "http://127.0.0.1/metrics").Body.String() }
	text := scrape()
	for _, want := range []string{
		`gale_server_connections{state="handshaking"} 1`, `gale_server_connections{state="reading"} 2`,
		`gale_server_connections{state="active"} 3`, `gale_server_connections{state="idle"} 4`,
		`gale_server_connections{state="hijacked"} 5`, `gale_server_connections{state="closing"} 6`,
		"gale_server_accepted_total 21", `gale_server_refused_total{limit="conns"} 2`,
		`gale_server_bad_requests_total{kind="both_lengths"} 3`,
		"gale_server_received_bytes_total 100", "gale_server_sent_bytes_total 200", "gale_server_requests_total 30",
		`gale_server_takeovers_total{route="GET /slow"} 4`, `gale_server_takeovers_total{route="unmatched"} 1`,
		"gale_server_handed_off_total 5", "gale_server_stalls_total 8",
		`gale_server_loop_turn_seconds_bucket{le="0.001"} 7`, `gale_server_loop_turn_seconds_bucket{le="1"} 9`,
		`gale_server_loop_turn_seconds_bucket{le="+Inf"} 10`, "gale_server_loop_turn_seconds_sum 3",
	} {
		assert.Contains(t, text, want+"\n")
	}

	// However many routes there are, the series are bounded, and one that was
	// named keeps its name.
	for i := range 2000 {
		stats.Takeovers[fmt.Sprintf("/a/%d", i)] = 1
	}
	for range 2 {
		text = scrape()
		assert.Equal(t, strings.Count(text, "gale_server_takeovers_total{"), 1001)
		assert.Contains(t, text, `gale_server_takeovers_total{route="GET /slow"} 4`)
		assert.Contains(t, text, `gale_server_takeovers_total{route="other"} 1002`)
	}
}

// A collector that describes what it does not collect fails at a later scrape.
func TestServerCollectorOfNothing(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(obs.NewServerCollector(func() obs.ServerStats { return obs.ServerStats{} }))
	_, err := registry.Gather()
	assert.NoError(t, err)
}
