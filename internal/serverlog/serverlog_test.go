package serverlog_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/internal/serverlog"
)

func TestLevels(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"http: panic serving 1.2.3.4:5: boom\ngoroutine 1":             "ERROR",
		"http: superfluous response.WriteHeader call from main.go:1":   "ERROR",
		"http: TLS handshake error from 1.2.3.4:5: EOF":                "DEBUG",
		"http2: server: error reading preface from client":             "DEBUG",
		"http: Accept error: too many open files; retrying in 5ms":     "WARN",
		"http: URL query contains semicolon, which is no longer a sep": "WARN",
	} {
		var out bytes.Buffer
		l := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		serverlog.New(l).Print(line)
		assert.Contains(t, out.String(), "level="+want+" ")
		assert.Contains(t, out.String(), line[:20])
	}
}
