package migrate

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
)

// lastStatement is the log handler through which goose tells, and only there,
// which statement it is about to run.
type lastStatement struct {
	mu  sync.Mutex
	sql string
}

// Enabled implements [slog.Handler].
func (*lastStatement) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (l *lastStatement) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "statement" {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.sql = a.Value.String()
		}
		return true
	})
	return nil
}

// WithAttrs implements [slog.Handler]; the attributes of interest are in the
// records.
func (l *lastStatement) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements [slog.Handler].
func (l *lastStatement) WithGroup(string) slog.Handler { return l }

// quote returns the statement for an error, on one line and cut short.
func (l *lastStatement) quote() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := strings.Join(strings.Fields(l.sql), " ")
	const most = 300
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " …"
	}
	if s == "" {
		return ""
	}
	return ": " + strconv.Quote(s)
}
