package middleware_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/middleware"
)

func TestAccessLogRecord(t *testing.T) {
	t.Parallel()
	var book logBook
	h := middleware.Chain(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("short"))
	}), book.inject, middleware.AccessLog)
	do(h, get("/tea/pot?token=secret", "User-Agent", "kettle/1"))
	rec := book.only(t)
	assert.True(t, rec["duration"].(float64) >= 0, "no duration")
	delete(rec, "duration")
	delete(rec, "time")
	assert.Equal(t, rec, map[string]any{
		"level": "INFO", "msg": "request", "method": "GET", "path": "/tea/pot", "status": 418.0,
		"bytes": 5.0, "remote": "192.0.2.1", "user_agent": "kettle/1",
	})
}

func TestAccessLogLevels(t *testing.T) {
	t.Parallel()
	for status, level := range map[int]string{200: "INFO", 404: "INFO", 499: "INFO", 500: "ERROR", 503: "ERROR"} {
		var book logBook
		do(middleware.AccessLogWith(middleware.AccessLogOptions{Logger: book.logger()})(
			http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })), get("/"))
		assert.Equal(t, book.only(t)["level"], any(level))
	}
}

func TestAccessLogSkipsHealthUntilItFails(t *testing.T) {
	t.Parallel()
	var book logBook
	status := 200
	h := middleware.AccessLogWith(middleware.AccessLogOptions{
		Logger: book.logger(),
		Skip:   func(r *http.Request) bool { return r.URL.Path == "/health" },
	})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	do(h, get("/health"))
	assert.Equal(t, len(book.records(t)), 0)
	status = 503
	do(h, get("/health"))
	assert.Equal(t, book.only(t)["status"], any(503.0))
}

func TestAccessLogSeesAbortAndSilence(t *testing.T) {
	t.Parallel()
	var book logBook
	mw := middleware.AccessLogWith(middleware.AccessLogOptions{Logger: book.logger()})
	do(mw(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), get("/silent"))
	v := assert.Panics(t, func() {
		do(mw(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })), get("/gone"))
	})
	assert.Equal(t, v, any(http.ErrAbortHandler))
	recs := book.records(t)
	assert.Equal(t, recs[0]["status"], any(200.0))
	assert.Equal(t, recs[0]["aborted"], nil)
	assert.Equal(t, recs[1]["status"], any(0.0))
	assert.Equal(t, recs[1]["aborted"], any(true))
}

func TestAccessLogSeesHijack(t *testing.T) {
	t.Parallel()
	var book logBook
	done := make(chan struct{})
	logged := middleware.AccessLogWith(middleware.AccessLogOptions{Logger: book.logger()})(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = c.Close()
			}
		}))
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		logged.ServeHTTP(w, r)
	}))
	_, err := s.Client().Get(s.URL)
	assert.True(t, err != nil, "the connection was not taken over")
	<-done
	assert.Equal(t, book.only(t)["status"], any(101.0))
}

func TestAccessLogCannotBeForged(t *testing.T) {
	t.Parallel()
	r := get("/a%0Alevel=ERROR%20msg=owned%1b[31m%E2%80%AE")
	r.Header.Set("User-Agent", "curl\r\nlevel=ERROR msg=owned \x1b[2J \u202e \xff")
	r.Method = "GET\nX"
	raw := &rawHandler{}
	do(middleware.AccessLogWith(middleware.AccessLogOptions{Logger: slog.New(raw)})(ok), r)
	for _, bad := range []string{"\n", "\r", "\x1b", "\u202e", "\xff"} {
		if strings.Contains(raw.String(), bad) {
			t.Errorf("the record holds %q: %q", bad, raw.String())
		}
	}
	assert.Contains(t, raw.String(), `curl\r\nlevel=ERROR`)
	assert.Contains(t, raw.String(), `/a%0Alevel=ERROR`)
}

func TestAccessLogIsBounded(t *testing.T) {
	t.Parallel()
	r := get("/" + strings.Repeat("p", 1<<20))
	r.Header.Set("User-Agent", strings.Repeat("ü", 1<<20))
	raw := &rawHandler{}
	do(middleware.AccessLogWith(middleware.AccessLogOptions{Logger: slog.New(raw)})(ok), r)
	assert.True(t, raw.Len() < 2048, "one request wrote more than 2 KiB")
	assert.True(t, !strings.Contains(raw.String(), `\x`), "the user agent is cut within a rune")
}

func TestAccessLogNamesTheClientThatClientIPFound(t *testing.T) {
	t.Parallel()
	var book logBook
	h := middleware.Chain(ok,
		middleware.AccessLogWith(middleware.AccessLogOptions{Logger: book.logger()}),
		middleware.ClientIP(middleware.ClientIPOptions{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}))
	do(h, get("/", "X-Forwarded-For", "203.0.113.7"))
	assert.Equal(t, book.only(t)["remote"], any("203.0.113.7"))
}

func TestAccessLogOfAnUnknownPeer(t *testing.T) {
	t.Parallel()
	var book logBook
	r := get("/")
	r.RemoteAddr = "@\n"
	do(middleware.AccessLogWith(middleware.AccessLogOptions{Logger: book.logger()})(ok), r)
	assert.Equal(t, book.only(t)["remote"], any(`@\n`))
}

// rawHandler is a log handler that escapes nothing.
type rawHandler struct {
	slog.TextHandler
	bytes.Buffer
}

func (h *rawHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *rawHandler) Handle(_ context.Context, rec slog.Record) error {
	rec.Attrs(func(a slog.Attr) bool {
		h.WriteString(a.Key + "=" + a.Value.String() + " ")
		return true
	})
	return nil
}
