package obs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

// logged returns the line that write logs, in the chosen form.
func logged(t *testing.T, asJSON bool, write func(*slog.Logger)) string {
	t.Helper()
	var b bytes.Buffer
	write(obs.NewLogger(&b, obs.LogOptions{JSON: asJSON, Redact: []string{"Badge-No"}}))
	assert.Equal(t, strings.Count(b.String(), "\n"), 1)
	return b.String()
}

// parsed returns the object that write logs as JSON.
func parsed(t *testing.T, write func(*slog.Logger)) map[string]any {
	t.Helper()
	var m map[string]any
	assert.NoError(t, json.Unmarshal([]byte(logged(t, true, write)), &m))
	return m
}

func TestJSONKeepsSlogsContract(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		b.Reset()
		return obs.NewLogger(&b, obs.LogOptions{JSON: true}).Handler()
	}, func(t *testing.T) map[string]any {
		var m map[string]any
		assert.NoError(t, json.Unmarshal(b.Bytes(), &m))
		return m
	})
}

func TestHumanFormKeepsSlogsContract(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		b.Reset()
		return obs.NewLogger(&b, obs.LogOptions{}).Handler()
	}, func(*testing.T) map[string]any { return parseHuman(b.String()) })
}

// parseHuman reads "12:00:00.000 INF message key=value group.key=value".
func parseHuman(line string) map[string]any {
	m := map[string]any{}
	for i, word := range strings.Fields(line) {
		key, value, isAttr := strings.Cut(word, "=")
		switch {
		case i == 0 && strings.Contains(word, ":"):
			m[slog.TimeKey] = word
		case word == "INF":
			m[slog.LevelKey] = slog.LevelInfo
		case !isAttr:
			m[slog.MessageKey] = word
		default:
			at := m
			names := strings.Split(key, ".")
			for _, group := range names[:len(names)-1] {
				if at[group] == nil {
					at[group] = map[string]any{}
				}
				at = at[group].(map[string]any)
			}
			at[names[len(names)-1]] = value
		}
	}
	return m
}

func request(t *testing.T) (context.Context, *obs.Request) {
	t.Helper()
	r := obs.NewRequest("r-1", "")
	r.SetRoute("/a")
	return obs.WithRequest(t.Context(), r), r
}

func TestFactsStayAtTheTop(t *testing.T) {
	t.Parallel()
	ctx, r := request(t)
	r.Add(slog.String("tenant", "acme"))
	got := parsed(t, func(l *slog.Logger) {
		l.With("a", 1).WithGroup("g").With("b", 2).WithGroup("h").InfoContext(ctx, "hi", "c", 3)
	})
	delete(got, slog.TimeKey)
	assert.Equal(t, got, map[string]any{
		"level": "INFO", "msg": "hi", "a": 1.0, "request_id": "r-1", "route": "/a", "tenant": "acme",
		"g": map[string]any{"b": 2.0, "h": map[string]any{"c": 3.0}},
	})
}

func TestFactsAreWrittenOnce(t *testing.T) {
	t.Parallel()
	ctx, r := request(t)
	r.Add(slog.Int("tries", 1), slog.Int("tries", 2))
	for name, write := range map[string]func(*slog.Logger){
		"with":   func(l *slog.Logger) { l.With("request_id", "own", "route", "own").InfoContext(ctx, "hi") },
		"record": func(l *slog.Logger) { l.InfoContext(ctx, "hi", "request_id", "own", "route", "own") },
		"group":  func(l *slog.Logger) { l.WithGroup("request_id").InfoContext(ctx, "hi", "route", "own") },
	} {
		for _, asJSON := range []bool{true, false} {
			line := logged(t, asJSON, write)
			assert.Equal(t, strings.Count(line, "request_id"), 1)
			assert.Equal(t, strings.Count(line, "tries"), 1)
			assert.True(t, !strings.Contains(line, "r-1"), name+": the fact won over the attribute in "+line)
		}
	}
	assert.Equal(t, parsed(t, func(l *slog.Logger) { l.InfoContext(ctx, "hi") })["tries"], any(2.0))
}

func TestGroupsOfOneLoggerDoNotMix(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	base := obs.NewLogger(&b, obs.LogOptions{JSON: true}).WithGroup("g").With("a", 1)
	base.With("b", 2)
	base.WithGroup("h").With("c", 3)
	base.Info("hi", "d", 4)
	assert.Contains(t, b.String(), `"g":{"a":1,"d":4}}`)
}

func TestLevelAndSource(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{true, false} {
		var b bytes.Buffer
		level := new(slog.LevelVar)
		l := obs.NewLogger(&b, obs.LogOptions{JSON: asJSON, Level: level, AddSource: true})
		l.Debug("quiet")
		assert.Equal(t, b.Len(), 0)
		level.Set(slog.LevelDebug)
		l.Debug("loud")
		assert.Contains(t, b.String(), "logger_test.go")
	}
}

func TestFilesGetNoColour(t *testing.T) {
	t.Parallel()
	f, err := os.CreateTemp(t.TempDir(), "log")
	assert.NoError(t, err)
	defer f.Close()
	obs.NewLogger(f, obs.LogOptions{}).Error("hi", "err", os.ErrClosed)
	text, err := os.ReadFile(f.Name())
	assert.NoError(t, err)
	assert.Contains(t, string(text), `ERR hi err="file already closed"`)
}

// The terminal's device is only found on a character device; /dev/null is one.
func TestColourIsForTerminals(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	assert.NoError(t, err)
	defer null.Close()
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	assert.True(t, obs.Colour(null), "no colour on a character device")
	t.Setenv("TERM", "dumb")
	assert.True(t, !obs.Colour(null), "colour on a dumb terminal")
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	assert.True(t, !obs.Colour(null), "colour in spite of NO_COLOR")
}
