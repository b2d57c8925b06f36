package obs_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

// forgeries are what an attacker puts into a path, a header or a field.
var forgeries = []string{
	"x\n12:00:00.000 INF login user=admin", "x\r\nERR", "\x1b[2J\x1b[1;1Hgone", "\x1b]0;title\x07", "a \\x1b[31mred", `a \x1b[2J "q"`,
	"\x9b2J", "\u009b2J", "\u202eevil", "\u2028line", "\xff\xfe", "\ufffd hides the rest", "\x00", "\x7f\b\b\b", "\u200b", "\\", `\x1b`,
}

func TestNoTextForgesALine(t *testing.T) {
	t.Parallel()
	for _, evil := range forgeries {
		for form, write := range map[string]func(*slog.Logger){
			"message": func(l *slog.Logger) { l.Info(evil) },
			"value":   func(l *slog.Logger) { l.Info("hi", "k", evil) },
			"key":     func(l *slog.Logger) { l.Info("hi", evil, "v") },
			"with":    func(l *slog.Logger) { l.With(evil, evil).Info("hi") },
			"group":   func(l *slog.Logger) { l.WithGroup(evil).Info("hi", "a", 1) },
			"map":     func(l *slog.Logger) { l.Info("hi", "m", map[string]any{evil: []string{evil}}) },
			"list":    func(l *slog.Logger) { l.Info("hi", "m", []map[string]string{{evil: evil}}) },
			"error":   func(l *slog.Logger) { l.Info("hi", "err", evilError(evil)) },
		} {
			line := logged(t, false, write)
			for _, r := range strings.TrimSuffix(line, "\n") {
				if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
					t.Errorf("%s: %U passes: %q", form, r, line)
				}
			}
			var m map[string]any
			assert.NoError(t, json.Unmarshal([]byte(logged(t, true, write)), &m))

			// In colour the only escapes are those that a harmless text has too.
			var got bytes.Buffer
			write(obs.NewColourLogger(&got))
			harmless := strings.NewReplacer("\x1b[2m", "", "\x1b[0m", "", "\x1b[92m", "", "\x1b[2;91m", "", "\x1b[22m", "").Replace(got.String())
			assert.True(t, !strings.Contains(harmless, "\x1b"), form+": escapes pass: "+harmless)
			assert.Equal(t, strings.Count(got.String(), "\n"), 1)
		}
	}
}

type evilError string

func (e evilError) Error() string { return string(e) }

func TestEscape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain äöü 漢字 🙂": "plain äöü 漢字 🙂",
		"a\nb\r\t":       `a\nb\r\t`,
		"\x1b\x00\x7f":   `\x1B\x00\x7F`,
		`\x1b`:           `\x1B`,
		"\u202e\u009b":   `\u202E\u009B`,
		"\xff\ufffd":     `\xFF\xEF\xBF\xBD`,
	} {
		assert.Equal(t, obs.Escape(in), want)
	}
}

func FuzzHumanForm(f *testing.F) {
	for _, seed := range forgeries {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		var b bytes.Buffer
		obs.NewColourLogger(&b).With(key, value).WithGroup(key).Info(value, key, value)
		if n := strings.Count(b.String(), "\n"); n != 1 {
			t.Errorf("%d lines: %q", n, b.String())
		}
		left := strings.NewReplacer("\x1b[2m", "", "\x1b[0m", "", "\x1b[92m", "").Replace(b.String())
		if strings.ContainsRune(left, '\x1b') {
			t.Errorf("an escape passes: %q", b.String())
		}
	})
}
