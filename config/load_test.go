package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/galeweb/gale/config"
	"github.com/galeweb/gale/internal/assert"
)

// load reads environ alone.
func load[T any](environ ...string) (T, error) {
	return config.Load[T](config.Options{Prefix: "RELAY_", EnvFile: os.DevNull, Environ: environ})
}

func text(err error) string { return fmt.Sprint(err) }

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	assert.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

type level int

func (l *level) UnmarshalText(b []byte) error {
	if string(b) != "loud" {
		return fmt.Errorf("level %q is not loud", b)
	}
	*l = 11
	return nil
}

type Inner struct {
	Host string `env:"HOST"`
}

type kinds struct {
	Text     string            `env:"TEXT"`
	Int      int               `env:"INT"`
	Int8     int8              `env:"INT8"`
	Uint     uint              `env:"UINT"`
	Float    float64           `env:"FLOAT"`
	Bool     bool              `env:"BOOL"`
	Wait     time.Duration     `env:"WAIT"`
	URL      url.URL           `env:"URL"`
	URLPtr   *url.URL          `env:"URL_PTR"`
	Addr     netip.Addr        `env:"ADDR"`
	Level    level             `env:"LEVEL"`
	When     time.Time         `env:"WHEN"`
	List     []string          `env:"LIST"`
	Ints     []int             `env:"INTS" envSeparator:";"`
	Map      map[string]int    `env:"MAP"`
	Secrets  []config.Secret   `env:"SECRETS"`
	Optional *int              `env:"OPTIONAL"`
	Mode     string            `env:"MODE" oneof:"dev production"`
	Modes    []string          `env:"MODES" oneof:"a b"`
	Labels   map[string]string // no tag: left alone
	Skipped  string            `env:"-"`
	Inner                      // embedded
	Named    Inner             `envPrefix:"NAMED_"`
	_        string            `env:"HIDDEN"` // an unexported field is left alone
}

func TestEveryKind(t *testing.T) {
	t.Parallel()
	got, err := load[kinds](
		"RELAY_TEXT=a b ", "RELAY_INT=9223372036854775807", "RELAY_INT8=-8", "RELAY_UINT=18446744073709551615",
		"RELAY_FLOAT=1.5", "RELAY_BOOL=true", "RELAY_WAIT=1m", "RELAY_URL=sqlite:x.db", "RELAY_URL_PTR=https://u@h/p",
		"RELAY_ADDR=::1", "RELAY_LEVEL=loud", "RELAY_WHEN=2026-01-02T03:04:05Z", "RELAY_LIST=a,b", "RELAY_INTS=1;2",
		"RELAY_MAP=a:1,b:2", "RELAY_SECRETS=x,y", "RELAY_OPTIONAL=7", "RELAY_MODE=dev", "RELAY_MODES=a,b,a",
		"RELAY_HOST=outer", "RELAY_NAMED_HOST=inner",
	)
	assert.NoError(t, err)
	seven := 7
	want := kinds{
		Text: "a b ", Int: math.MaxInt64, Int8: -8, Uint: math.MaxUint64, Float: 1.5, Bool: true, Wait: time.Minute,
		URL: url.URL{Scheme: "sqlite", Opaque: "x.db"}, URLPtr: &url.URL{Scheme: "https", User: url.User("u"), Host: "h", Path: "/p"},
		Addr: netip.IPv6Loopback(), Level: 11, When: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), List: []string{"a", "b"},
		Ints: []int{1, 2}, Map: map[string]int{"a": 1, "b": 2}, Secrets: []config.Secret{config.NewSecret("x"), config.NewSecret("y")},
		Optional: &seven, Mode: "dev", Modes: []string{"a", "b", "a"}, Inner: Inner{Host: "outer"}, Named: Inner{Host: "inner"},
	}
	assert.Equal(t, got, want)
}

func TestEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	got, err := load[kinds](
		"RELAY_TEXT=fine", "RELAY_INT=ten", "RELAY_INT8=300", "RELAY_UINT=-1", "RELAY_FLOAT=x", "RELAY_BOOL=maybe",
		"RELAY_WAIT=5", "RELAY_URL=no scheme", "RELAY_ADDR=300.1.1.1", "RELAY_LEVEL=low\x1b[2J", "RELAY_MODE=test",
		"RELAY_MODES=a,c", "RELAY_MAP=a", "RELAY_TEXTT=?", "RELAY_HOPELESSLY_DIFFERENT=1", "OTHER=1",
	)
	assert.Equal(t, got, kinds{})
	e, ok := errors.AsType[*config.Error](err)
	assert.True(t, ok, "the error is not an *Error")
	want := `config: 14 problems
  RELAY_INT: "ten" is not a whole number
  RELAY_INT8: "300" is out of the range of int8
  RELAY_UINT: "-1" is not a whole number of at least 0
  RELAY_FLOAT: "x" is not a number
  RELAY_BOOL: "maybe" is not true or false
  RELAY_WAIT: "5" is not a duration such as 30s or 5m
  RELAY_URL: "no scheme" is not an absolute URL
  RELAY_ADDR: "300.1.1.1" is not a netip.Addr: ParseAddr("300.1.1.1"): IPv4 field has value >255
  RELAY_LEVEL: "low\x1b[2J" is not a config_test.level: level "low\x1b[2J" is not loud
  RELAY_MAP: "a" is not a map[string]int: "a" should be in "key:value" format
  RELAY_MODE: "test" is not one of dev, production
  RELAY_MODES: "c" is not one of a, b
  RELAY_HOPELESSLY_DIFFERENT: is unknown
  RELAY_TEXTT: is unknown; did you mean RELAY_TEXT?`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	assert.Equal(t, e.Problems[13].Nearest, "RELAY_TEXT")
}

func TestRequiredAndEmpty(t *testing.T) {
	t.Parallel()
	type T struct {
		Need string `env:"NEED,required"`
		Port int    `env:"PORT" default:"80"`
		Old  string `env:"OLD" envDefault:"old"`
	}
	got, err := load[T]("RELAY_NEED=x", "RELAY_PORT=")
	assert.NoError(t, err)
	assert.Equal(t, got, T{"x", 80, "old"})
	_, err = load[T]("RELAY_NEED=")
	assert.Equal(t, text(err), "config: 1 problem\n  RELAY_NEED: is required, but not set")
}

// An attacker reads start-up logs: no problem may show what a secret is.
func TestProblemsShowNoSecret(t *testing.T) {
	t.Parallel()
	type T struct {
		Key      level         `env:"SIGNING_KEY"`
		Pin      int           `env:"PIN"`
		Short    time.Duration `env:"APIKEY"`
		Database level         `env:"DATABASE"`
		URL      url.URL       `env:"URL"`
		Mode     string        `env:"DB_PASSWORD" oneof:"a b"`
		Map      map[int]int   `env:"TOKENS"`
		File     config.Secret `env:"FILE"`
	}
	_, err := load[T](
		"RELAY_SIGNING_KEY=hunter2", "RELAY_PIN=hunter2", "RELAY_APIKEY=hunter2", "RELAY_DATABASE=x://u:a@hunter2/b@h/d",
		"RELAY_URL=://u:hunter2@h", "RELAY_DB_PASSWORD=hunter2", "RELAY_TOKENS=hunter2", "RELAY_FILE_FILE=/hunter2",
		"RELAY_DATABSE=hunter2", "RELAY_hunter\n2=forged",
	)
	e, _ := errors.AsType[*config.Error](err)
	assert.Equal(t, len(e.Problems), 10)
	assert.True(t, !leaks(fmt.Sprintf("%v %+v %#v %q", err, e.Problems, e.Problems, e.Unwrap())), "a secret in "+err.Error())
	assert.Contains(t, err.Error(), "RELAY_SIGNING_KEY: [secret] is not")
	assert.Contains(t, err.Error(), `RELAY_DATABASE: "x://[secret]@h/d" is not`)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.Equal(t, strings.Count(err.Error(), "\n"), 10)
}

type checked struct {
	Low  int `env:"LOW"`
	High int `env:"HIGH"`
}

var errOrder = errors.New("LOW is above HIGH")

func (c checked) Validate() error {
	if c.Low > c.High {
		return errors.Join(errOrder, fmt.Errorf("high is %d", c.High))
	}
	return nil
}

type checkedPointer struct {
	Low int `env:"LOW"`
}

func (c *checkedPointer) Validate() error {
	return &config.Error{Problems: []config.Problem{{Name: "LOW", Message: "is low"}}}
}

func TestValidateIsMerged(t *testing.T) {
	t.Parallel()
	_, err := load[checked]("RELAY_LOW=3", "RELAY_HIGH=2", "RELAY_HIHG=9")
	assert.Equal(t, text(err), `config: 3 problems
  RELAY_HIHG: is unknown; did you mean RELAY_HIGH?
  LOW is above HIGH
  high is 2`)
	assert.ErrorIs(t, err, errOrder)
	_, err = load[checked]("RELAY_LOW=2", "RELAY_HIGH=3")
	assert.NoError(t, err)
	_, err = load[checkedPointer]()
	assert.Equal(t, text(err), "config: 1 problem\n  LOW: is low")
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	type T struct {
		Port     int    `env:"PORT"`
		Cert     string `env:"CERT"`
		CertFile string `env:"CERT_FILE"`
	}
	environ := []string{"RELAY_ENV=test", "RELAY_SERVICE_HOST=1", "RELAY_SERVICE_PORT=1", "RELAY_X=1", "RELAY_CERT_FILE=a.pem"}
	_, err := load[T](environ...)
	assert.Equal(t, strings.Count(text(err), "is unknown"), 3)
	got, err := config.Load[T](config.Options{
		Prefix: "RELAY_", EnvFile: os.DevNull, Environ: environ, Ignore: []string{"RELAY_SERVICE_*", "RELAY_X"},
	})
	assert.NoError(t, err)
	assert.Equal(t, got, T{CertFile: "a.pem"})
	_, err = config.Load[T](config.Options{EnvFile: os.DevNull, Environ: environ})
	assert.NoError(t, err)
	_, err = load[T]("RELAY_PROT_FILE=x")
	assert.Contains(t, text(err), "did you mean RELAY_PORT_FILE?")
}

func TestWrongWiringPanics(t *testing.T) {
	t.Parallel()
	for want, load := range map[string]func(){
		"int is not a struct": func() { _, _ = load[int]() },
		"no variable can hold": func() {
			_, _ = load[struct {
				C chan int `env:"C"`
			}]()
		},
		"without a name": func() {
			_, _ = load[struct {
				C int `env:",required"`
			}]()
		},
		`unknown env option "file"`: func() {
			_, _ = load[struct {
				C int `env:"C,file"`
			}]()
		},
		"required and has a default": func() {
			_, _ = load[struct {
				C int `env:"C,required" default:"1"`
			}]()
		},
		"both read RELAY_C": func() {
			_, _ = load[struct {
				C, D int `env:"C"`
			}]()
		},
		`default of struct`: func() {
			_, _ = load[struct {
				C int `env:"C" default:"x"`
			}]()
		},
		`"c" is not one of a, b`: func() {
			_, _ = load[struct {
				C string `env:"C" default:"c" oneof:"a b"`
			}]()
		},
	} {
		assert.Contains(t, fmt.Sprint(assert.Panics(t, load)), want)
	}
}
