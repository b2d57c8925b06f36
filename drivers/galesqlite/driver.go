package galesqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/galeweb/gale/db"
)

// Driver returns the driver for URLs that start with "sqlite:".
func Driver() db.Driver { return sqliteDriver{} }

type sqliteDriver struct{}

// Schemes implements [db.Driver].
func (sqliteDriver) Schemes() []string { return []string{"sqlite", "sqlite3"} }

// Open implements [db.Driver].
func (sqliteDriver) Open(ctx context.Context, url string, o db.DriverOptions) (db.Backend, error) {
	s, err := parse(url)
	if err != nil {
		return nil, err
	}
	if !s.memory() {
		if err := create(s.path); err != nil {
			return nil, err
		}
	}
	return open(ctx, s, o)
}

// memoryPath is the path that stands for a database in memory.
const memoryPath = ":memory:"

// settings are what a URL says.
type settings struct {
	path        string
	synchronous string
	busyTimeout time.Duration
	cacheKiB    int
	statements  int
}

func (s settings) memory() bool { return s.path == memoryPath }

// parse reads sqlite:PATH?PARAMETERS. A parameter it does not know is an
// error, since a misspelt one would silently do nothing.
func parse(raw string) (settings, error) {
	s := settings{synchronous: "FULL", busyTimeout: 5 * time.Second, cacheKiB: 8 << 10, statements: 256}
	_, rest, _ := strings.Cut(raw, ":")
	rest, query, _ := strings.Cut(rest, "?")
	rest = strings.TrimPrefix(rest, "//") // sqlite:///abs is the absolute path
	path, err := url.PathUnescape(rest)
	if err != nil {
		return s, errors.New("sqlite: the path has a broken % escape; a % in it is written %25, as in any URL")
	}
	if path == "" {
		return s, errors.New("sqlite: URL without a path; write sqlite::memory: or sqlite:app.db")
	}
	if strings.ContainsRune(path, 0) {
		return s, errors.New("sqlite: the path has a zero byte")
	}
	s.path = path
	values, err := url.ParseQuery(query)
	if err != nil {
		return s, errors.New("sqlite: the URL's parameters do not parse")
	}
	for name, v := range values {
		if err := s.set(name, v[len(v)-1]); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *settings) set(name, value string) error {
	number := func(dest *int, low, high int) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < low || n > high {
			return fmt.Errorf("sqlite: %s=%q is not a number from %d to %d", name, value, low, high)
		}
		*dest = n
		return nil
	}
	switch name {
	case "synchronous":
		switch mode := strings.ToUpper(value); mode {
		case "NORMAL", "FULL", "EXTRA":
			s.synchronous = mode
			return nil
		}
		return fmt.Errorf("sqlite: synchronous=%q; use normal, full or extra", value)
	case "busy_timeout":
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 || d > time.Minute {
			return fmt.Errorf("sqlite: busy_timeout=%q is not a duration up to 1m, such as 5s", value)
		}
		s.busyTimeout = d
		return nil
	case "cache_size":
		return number(&s.cacheKiB, 64, 1<<20)
	case "statements":
		return number(&s.statements, 1, 10_000)
	default:
		return fmt.Errorf("sqlite: unknown parameter %q; known are busy_timeout, cache_size (KiB), statements, synchronous", name)
	}
}

// create makes an empty file that only its owner may read, since SQLite itself
// would make one that everybody may. The -wal and -shm files inherit the mode.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sqlite: the directory %s does not exist; create it", filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return f.Close()
}

// dsn is what modernc takes. Times go in and out as microseconds since 1970.
func (s settings) dsn(readOnly bool) string {
	name := "file::memory:"
	if !s.memory() {
		abs, err := filepath.Abs(s.path)
		if err != nil {
			abs = s.path
		}
		name = "file:" + (&url.URL{Path: filepath.ToSlash(abs)}).EscapedPath()
	}
	q := url.Values{
		"_time_integer_format": {"unix_micro"},
		"_inttotime":           {"1"},
		// Begin of a *sql.Tx, which only migrations use.
		"_txlock": {"immediate"},
		// A misspelt column in double quotes is an error, not a string.
		"_dqs":          {"0"},
		"_busy_timeout": {strconv.FormatInt(s.busyTimeout.Milliseconds(), 10)},
		"_foreign_keys": {"1"},
		"_synchronous":  {s.synchronous},
		"_error_rc":     {"1"},
		"_pragma":       {"cache_size(-" + strconv.Itoa(s.cacheKiB) + ")", "mmap_size(0)", "trusted_schema(0)", "temp_store(MEMORY)"},
		"_defensive":    {"1"},
		"_query_only":   {"0"},
		"_journal_mode": {"WAL"},
	}
	if readOnly {
		q.Set("_query_only", "1")
		q.Del("_journal_mode")
	}
	if s.memory() {
		q.Del("_journal_mode")
	}
	return name + "?" + q.Encode()
}
