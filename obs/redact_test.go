package obs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/obs"
)

type account struct {
	Name     string
	Password string
	APIKey   string `json:"api_key"`
	Inner    *account
	hidden   string
}

type valuer struct{ v slog.Value }

func (v valuer) LogValue() slog.Value { return v.v }

type marshaler struct{}

func (marshaler) MarshalJSON() ([]byte, error) { return []byte(`{"token":"hunter2","n":1}`), nil }

// An attacker reads the logs. Every attribute here holds hunter2 in a place
// that its key, or its shape, gives away.
func TestLogsHoldNoSecret(t *testing.T) {
	t.Parallel()
	const s = "hunter2"
	a := account{Name: "ann", Password: s, APIKey: s, hidden: s}
	outer := account{Name: "out", Inner: &a}
	u, err := url.Parse("https://u:hunter2@h/p")
	assert.NoError(t, err)
	attrs := map[string]slog.Attr{
		"key":           slog.String("password", s),
		"case":          slog.String("PassWord", s),
		"camel":         slog.String("accessToken", s),
		"header name":   slog.String("X-Api-Key", s),
		"cookie":        slog.String("Set-Cookie", s),
		"session":       slog.String("session_id", s),
		"dsn":           slog.String("databaseDSN", s),
		"short":         slog.String("pwd", s),
		"own":           slog.String("badge_no", s),
		"bytes":         slog.Any("secret", []byte(s)),
		"whole group":   slog.Group("authorization", slog.String("scheme", s)),
		"in a group":    slog.Group("g", slog.Group("h", slog.String("token", s))),
		"inline group":  slog.Group("", slog.String("token", s)),
		"valuer":        slog.Any("v", valuer{slog.GroupValue(slog.String("token", s))}),
		"deep valuer":   slog.Any("v", valuer{slog.GroupValue(slog.Any("w", valuer{slog.GroupValue(slog.String("token", s))}))}),
		"valuer of map": slog.Any("v", valuer{slog.AnyValue(map[string]string{"token": s})}),
		"map":           slog.Any("m", map[string]any{"a": map[string]any{"token": s}}),
		"list":          slog.Any("l", []any{map[string]any{"a": []any{map[string]any{"token": s}}}}),
		"list of text":  slog.Any("l", []string{"postgres://u:hunter2@h"}),
		"secret list":   slog.Any("tokens", []string{s}),
		"header":        slog.Any("h", http.Header{"Authorization": {"Bearer " + s}, "Cookie": {"s=" + s}}),
		"struct":        slog.Any("a", a),
		"pointer":       slog.Any("a", &outer),
		"structs":       slog.Any("a", []account{a}),
		"marshaler":     slog.Any("a", marshaler{}),
		"url":           slog.Any("u", u),
		"url text":      slog.String("u", "postgres://u:hunter2@h/d"),
		"error":         slog.Any("err", fmt.Errorf("dial %q: %w", "amqp://u:hunter2@h/d", errors.New("refused"))),
		"dsn text":      slog.String("d", "host=h user=u password=hunter2 dbname=d"),
		"quoted dsn":    slog.String("d", "host=h password='x hunter2' dbname=d"),
		"query":         slog.String("q", "/callback?access_token=hunter2&x=1"),
		"bearer":        slog.String("b", "authorization: Bearer hunter2hunter2hunter2"),
		"key=value":     slog.String("msg2", "client_secret=hunter2"),
	}
	for name, attr := range attrs {
		for _, asJSON := range []bool{true, false} {
			for form, write := range map[string]func(*slog.Logger){
				"record":   func(l *slog.Logger) { l.Info("hi", attr) },
				"with":     func(l *slog.Logger) { l.With(attr).Info("hi") },
				"in group": func(l *slog.Logger) { l.WithGroup("g").With(attr).WithGroup("h").Info("hi", attr) },
			} {
				line := logged(t, asJSON, write)
				assert.True(t, !strings.Contains(line, s) && !strings.Contains(line, "aHVudGVyMg"), name+", "+form+": "+line)
				assert.Contains(t, line, "redacted]")
			}
		}
	}
	line := logged(t, true, func(l *slog.Logger) { l.Info("dial postgres://u:hunter2@h/d") })
	assert.Contains(t, line, `"msg":"dial postgres://[redacted]@h/d"`)
}

func TestWhatIsNoSecretStays(t *testing.T) {
	t.Parallel()
	type id int64
	got := parsed(t, func(l *slog.Logger) {
		l.Info("see https://example.com/@user?mail=a@b.c",
			"text", "mapping", "mapping", "x", "key", "k", "n", 1, "f", 1.5, "ok", true, "nil", nil,
			"session_life", time.Hour, "password_set", true, "token", "",
			"addr", netip.IPv6Loopback(), "big", []int64{math.MaxInt64}, "id", id(7), "empty", map[string]int{},
			"state", http.StateIdle, "bytes", []byte("abc"), "account", &account{Name: "a\"b"}, "raw", json.RawMessage(`[1,{"a":null}]`),
			"level", slog.LevelWarn, "port", "http://[::1]:80/a@b", "bearer text", "bearer authentication failed",
		)
	})
	assert.Equal(t, got["msg"], any("see https://example.com/@user?mail=a@b.c"))
	delete(got, "time")
	delete(got, "msg")
	assert.Equal(t, got, map[string]any{
		"text": "mapping", "mapping": "x", "key": "k", "n": 1.0, "f": 1.5, "ok": true, "nil": nil,
		"session_life": float64(time.Hour), "password_set": true, "token": "",
		"addr": "::1", "big": []any{float64(math.MaxInt64)}, "id": 7.0, "empty": map[string]any{},
		"state": "idle", "bytes": "abc", "account": map[string]any{"Name": `a"b`, "Password": "", "api_key": "", "Inner": nil},
		"raw": []any{1.0, map[string]any{"a": nil}}, "level": "WARN", "port": "http://[::1]:80/a@b",
		"bearer text": "bearer authentication failed",
	})
	line := logged(t, true, func(l *slog.Logger) { l.Info("hi", "ids", []int64{math.MaxInt64}) })
	assert.Contains(t, line, "9223372036854775807")
}

type broken struct{}

func (*broken) Error() string                { panic("no error") }
func (*broken) MarshalText() ([]byte, error) { panic("no text") }

type nested struct{}

func (nested) LogValue() slog.Value { return slog.GroupValue(slog.Any("again", nested{})) }

// What an application logs by mistake must not take it down.
func TestBrokenValuesAreLogged(t *testing.T) {
	t.Parallel()
	cycle := &account{}
	cycle.Inner = cycle
	var none *url.URL
	for want, value := range map[string]any{
		"!PANIC: *obs_test.broken":  &broken{},
		"!ERROR: json: unsupported": make(chan int),
		"encountered a cycle":       cycle,
		"too deep":                  nested{},
		"!PANIC: *url.URL":          none,
		"unsupported value: NaN":    []float64{math.NaN()},
	} {
		for _, asJSON := range []bool{true, false} {
			assert.Contains(t, logged(t, asJSON, func(l *slog.Logger) { l.Info("hi", "v", value) }), want)
		}
	}
}

func TestMaskText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"postgres://u:p@h/d":                           "postgres://[redacted]@h/d",
		"a redis://:p@h and amqp://u:p@h, b":           "a redis://[redacted]@h and amqp://[redacted]@h, b",
		"https://ghp_token@github.com/a":               "https://[redacted]@github.com/a",
		`parse "postgres://u:p@ss@h/d": bad`:           `parse "postgres://[redacted]@h/d": bad`,
		`parse "postgres://u:p/w@h/d": invalid port`:   `parse "postgres://[redacted]@h/d": invalid port`,
		`parse "postgres://u:p#w@h/d": invalid port`:   `parse "postgres://[redacted]@h/d": invalid port`,
		"postgres://u:p w@h/d":                         "postgres://[redacted] w@h/d",
		"https://h/?next=https://u:p@g/":               "https://h/?next=https://[redacted]@g/",
		"http://h:80/@a, http://[::1]/x@y, ://, a://@": "http://h:80/@a, http://[::1]/x@y, ://, a://[redacted]@",
		"password = p; db_password=q&refresh-token=r":  "password = [redacted]; db_password=[redacted]&refresh-token=[redacted]",
		`secret="a b" pwd='c d' PASSWORD=e`:            "secret=[redacted] pwd=[redacted] PASSWORD=[redacted]",
		"BEARER abcdefghijklmnop.q":                    "BEARER [redacted]",
		"a=b, 1 = 2":                                   "a=b, 1 = 2",
	} {
		assert.Equal(t, obs.MaskText(in), want)
	}
}

func FuzzMaskText(f *testing.F) {
	for _, seed := range []string{"", "a b", "://", "x?y=1#", "'"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		// Whatever surrounds it, a well-formed URL's password goes.
		out := obs.MaskText(before + " postgres://u:hunter2@h/ " + after)
		if strings.Contains(out, "u:hunter2") && !strings.Contains(before+after, "u:hunter2") {
			t.Errorf("MaskText = %q", out)
		}
	})
}
