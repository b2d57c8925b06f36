package audit

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
)

// bare is a log without a database, for what needs none.
func bare(logger *slog.Logger, r prometheus.Registerer) *Log {
	l := &Log{o: Options{Logger: logger, Clock: time.Now}}
	l.metrics.register(r)
	return l
}

func TestEachRecordIsALineOfTheLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := bare(slog.New(slog.NewJSONHandler(&out, nil)), nil)
	r, err := newRow(Record{
		Actor: Actor{ID: "7", Name: "Ann\n{\"level\":\"INFO\",\"msg\":\"forged\"}"}, Action: "signin.totp", Target: "t", Outcome: Refused,
		Addr: netip.MustParseAddr("192.0.2.1"), UserAgent: "curl\x1b[2J", RequestID: "r", Detail: map[string]string{"b": "2", "a": "1\r\n"},
	})
	assert.NoError(t, err)
	r.Seq = 9
	l.announce(t.Context(), r.entry())
	assert.Equal(t, strings.Count(out.String(), "\n"), 1)
	assert.True(t, !strings.Contains(out.String(), `\n`), "a line end got through: "+out.String())
	var line struct {
		Level string         `json:"level"`
		Msg   string         `json:"msg"`
		Audit map[string]any `json:"audit"`
	}
	assert.NoError(t, json.Unmarshal(out.Bytes(), &line))
	assert.Equal(t, line.Level+" "+line.Msg, "WARN audit")
	assert.Equal(t, line.Audit, map[string]any{
		"seq": 9.0, "action": "signin.totp", "outcome": "refused", "actor_id": "7",
		"actor_name": "Ann\ufffd{\"level\":\"INFO\",\"msg\":\"forged\"}", "target": "t", "addr": "192.0.2.1",
		"user_agent": "curl\ufffd[2J", "request_id": "r", "detail": map[string]any{"a": "1\ufffd\ufffd", "b": "2"},
	})

	// Also for people, through gale's own handler: what is empty is left out.
	out.Reset()
	l = bare(obs.NewLogger(&out, obs.LogOptions{}), nil)
	l.announce(t.Context(), row{Seq: 1, Action: "a", Outcome: "ok"}.entry())
	assert.Equal(t, strings.Count(out.String(), "\n"), 1)
	assert.True(t, !strings.Contains(out.String(), "actor_id") && !strings.Contains(out.String(), "detail"), out.String())
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	l := bare(slog.New(slog.DiscardHandler), reg)
	for _, o := range []Outcome{OK, OK, Refused} {
		l.metrics.count(Entry{Record: Record{Action: "signin", Outcome: o}})
	}
	assert.Equal(t, testutil.ToFloat64(l.metrics.records.WithLabelValues("signin", "ok")), 2)
	assert.Equal(t, testutil.ToFloat64(l.metrics.records.WithLabelValues("signin", "refused")), 1)

	for i := range 10_000 { // an action that was made of input
		l.metrics.count(Entry{Record: Record{Action: fmt.Sprint("a", i), Outcome: OK}})
	}
	l.metrics.count(Entry{Record: Record{Action: "signin", Outcome: OK}})
	assert.True(t, testutil.CollectAndCount(l.metrics.records) <= 3*(maxActions+1), "the labels are not bounded")
	assert.Equal(t, testutil.ToFloat64(l.metrics.records.WithLabelValues("signin", "ok")), 3)
	assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { bare(nil, reg) })), "audit: ")
}

// TestWhereFromIsFilledIn runs a handler in the usual chain, on both servers.
func TestWhereFromIsFilledIn(t *testing.T) {
	t.Parallel()
	l := bare(nil, nil)
	handler := middleware.Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := fill(r.Context(), Record{})
		fmt.Fprintf(w, "%v|%s|%v", rec.Addr.IsValid() && rec.Addr == middleware.ClientAddr(r.Context()), rec.UserAgent, rec.RequestID == w.Header().Get("X-Request-Id") && rec.RequestID != "")
		own := fill(r.Context(), Record{Addr: netip.MustParseAddr("192.0.2.9"), UserAgent: "u", RequestID: "id"})
		fmt.Fprintf(w, "|%s|%s|%s", own.Addr, own.UserAgent, own.RequestID)
	}), middleware.RequestID, middleware.ClientIP(middleware.ClientIPOptions{}), l.Middleware)
	galetest.Run(t, handler, func(t *testing.T, c *galetest.Client) {
		got := c.With("User-Agent", "Browser/1").With("X-Forwarded-For", "203.0.113.1").With("X-Request-Id", "forged").Get("/").Status(http.StatusOK).Text()
		assert.Equal(t, got, "true|Browser/1|true|192.0.2.9|u|id")
	})
	assert.Equal(t, fmt.Sprint(fill(t.Context(), Record{})), fmt.Sprint(Record{}))
}

func TestWrongOptionsPanic(t *testing.T) {
	t.Parallel()
	assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { New(Options{}) })), "Options.DB")
	assert.Contains(t, fmt.Sprint(assert.Panics(t, func() { newChain(make([]byte, 31)) })), "32 bytes")
}
