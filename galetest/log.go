package galetest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/galeweb/gale/obs"
)

// Log takes log records and fails its test at the end when one of level Error
// or above was not expected, or one that was expected is missing. What was
// logged is shown with a failing test. It is safe for concurrent use.
type Log struct {
	tb testing.TB

	mu       sync.Mutex
	line     bytes.Buffer // the record being written
	text     strings.Builder
	errors   []string
	expected []*regexp.Regexp
	closed   bool
}

// NewLog returns a log that is checked when the test ends.
func NewLog(tb testing.TB) *Log {
	tb.Helper()
	l := &Log{tb: tb}
	cleanup(tb, l.check)
	return l
}

// Logger returns a logger that writes to l. Records carry the facts of the
// request in their context.
func (l *Log) Logger() *slog.Logger {
	return slog.New(&logHandler{l, slog.NewTextHandler(&l.line, &slog.HandlerOptions{Level: slog.LevelDebug})})
}

// Expect allows error records that match the regular expression pattern, and
// fails the test at its end when there was none.
func (l *Log) Expect(pattern string) {
	l.tb.Helper()
	re, err := regexp.Compile(pattern)
	if err != nil {
		l.tb.Fatalf("galetest: Expect: %v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expected = append(l.expected, re)
}

// Text returns all records so far, one a line, in slog's text format.
func (l *Log) Text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *Log) check() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	seen := make([]bool, len(l.expected))
	for _, line := range l.errors {
		wanted := false
		for i, re := range l.expected {
			if re.MatchString(line) {
				seen[i], wanted = true, true
			}
		}
		if !wanted {
			l.tb.Errorf("galetest: unexpected error in the log (ExpectLog allows it): %s", line)
		}
	}
	for i, re := range l.expected {
		if !seen[i] {
			l.tb.Errorf("galetest: no error in the log matches %q", re)
		}
	}
}

type logHandler struct {
	log  *Log
	text slog.Handler
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	r.AddAttrs(obs.RequestFrom(ctx).Attrs()...)
	l := h.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line.Reset()
	if err := h.text.Handle(ctx, r); err != nil {
		return err
	}
	line := l.line.String()
	l.text.WriteString(line)
	if r.Level >= slog.LevelError {
		l.errors = append(l.errors, strings.TrimSuffix(line, "\n"))
	}
	// Output must not be used once the test is over.
	if !l.closed {
		_, _ = io.WriteString(l.tb.Output(), line)
	}
	return nil
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.log, h.text.WithAttrs(attrs)}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.log, h.text.WithGroup(name)}
}
