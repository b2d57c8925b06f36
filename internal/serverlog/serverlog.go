// Package serverlog turns what net/http's server prints into slog records with
// a level that says whose fault it was: what a handler did wrong is an Error,
// what a client or the network did is not, so that no stranger can fill the
// error log. The returned logger is safe for concurrent use.
package serverlog

import (
	"context"
	"log"
	"log/slog"
	"strings"
)

// New returns the logger to set as [net/http.Server.ErrorLog].
func New(l *slog.Logger) *log.Logger { return log.New(writer{l}, "", 0) }

type writer struct{ l *slog.Logger }

func (w writer) Write(p []byte) (int, error) {
	line := strings.TrimSuffix(string(p), "\n")
	w.l.Log(context.Background(), level(line), line)
	return len(p), nil
}

// handlerFaults are beginnings of net/http's messages about handlers.
var handlerFaults = []string{
	"http: panic serving",
	"http2: panic serving",
	"http: superfluous response.WriteHeader",
	"http: response.WriteHeader on hijacked connection",
	"http: response.Write on hijacked connection",
}

func level(line string) slog.Level {
	for _, prefix := range handlerFaults {
		if strings.HasPrefix(line, prefix) {
			return slog.LevelError
		}
	}
	// Anybody can make these by the thousand: a port scan does.
	if strings.HasPrefix(line, "http: TLS handshake error") || strings.HasPrefix(line, "http2: ") {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}
