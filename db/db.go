package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options configure a [DB].
type Options struct {
	// Drivers are the databases that a URL may name. Required.
	Drivers []Driver
	// Logger takes slow queries. Defaults to the logger of the query's
	// context, see [obs.Logger].
	Logger *slog.Logger
	// SlowQuery is the time from which a query is logged. Defaults to 200 ms;
	// negative turns the log off.
	SlowQuery time.Duration
	// MaxConns bounds the pool; on SQLite the readers, the writer being one.
	// Defaults to 4 or the number of CPUs, whichever is more.
	MaxConns int
	// AcquireTimeout bounds the wait for a connection, after which the answer
	// is [ErrUnavailable]. Defaults to 5 s.
	AcquireTimeout time.Duration
	// Retries is how often [DB.Tx] runs its function again after Postgres
	// ended it for a serialization failure or a deadlock. Defaults to 0: the
	// function must then bear being run twice.
	Retries int
	// Metrics takes the gale_db_* metrics. Optional.
	Metrics prometheus.Registerer
	// Name is the value of their label db, for a process with more than one.
	// Defaults to the dialect.
	Name string
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	backend Backend
	logger  *slog.Logger
	slow    time.Duration
	retries int
	plans   planCache
	metrics metrics
	closed  atomic.Bool
}

// Open opens the database that url names, with the first driver that knows
// its scheme, and returns an error when it does not answer. The caller closes
// the DB. Errors never show the URL, since it may hold a password.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	if len(o.Drivers) == 0 {
		panic("db: Open without Options.Drivers; pass galesqlite.Driver() or galepgx.Driver()")
	}
	driver, err := driverFor(url, o.Drivers)
	if err != nil {
		return nil, err
	}
	d := &DB{logger: o.Logger, slow: o.SlowQuery, retries: o.Retries}
	if d.slow == 0 {
		d.slow = 200 * time.Millisecond
	}
	do := DriverOptions{MaxConns: o.MaxConns, AcquireTimeout: o.AcquireTimeout}
	if do.AcquireTimeout <= 0 {
		do.AcquireTimeout = 5 * time.Second
	}
	if d.backend, err = driver.Open(ctx, url, do); err != nil {
		return nil, fmt.Errorf("db: open: %w", err)
	}
	if o.Metrics != nil {
		if err := d.metrics.register(o.Metrics, d, o.Name); err != nil {
			return nil, errors.Join(fmt.Errorf("db: open: register metrics: %w", err), d.backend.Close())
		}
	}
	return d, nil
}

func driverFor(url string, drivers []Driver) (Driver, error) {
	scheme, _, ok := strings.Cut(url, ":")
	var known []string
	for _, driver := range drivers {
		schemes := driver.Schemes()
		if ok && slices.Contains(schemes, strings.ToLower(scheme)) {
			return driver, nil
		}
		known = append(known, schemes...)
	}
	list := strings.Join(known, ", ")
	// What stands before the first colon is shown only when it looks like a
	// scheme: in a mistyped URL it may be anything, even a password.
	if !ok || !isScheme(scheme) {
		return nil, fmt.Errorf("db: open: URL without a scheme; known are %s", list)
	}
	return nil, fmt.Errorf("db: open: unknown scheme %q; known are %s", scheme, list)
}

func isScheme(s string) bool {
	const maxScheme = 16
	return s != "" && len(s) <= maxScheme && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '-' && r != '.'
	})
}

// Dialect returns [SQLite] or [Postgres].
func (d *DB) Dialect() string { return d.backend.Dialect() }

// Ping returns an error when the database does not answer. On SQLite it reads
// the file, not only its own memory.
func (d *DB) Ping(ctx context.Context) error {
	query := "SELECT 1"
	if d.Dialect() == SQLite {
		query = "SELECT count(*) FROM sqlite_schema"
	}
	_, err := Get[int64](ctx, d, query)
	return err
}

// Stats returns the state of each pool.
func (d *DB) Stats() []PoolStats { return d.backend.Stats() }

// Schema runs fn with a database/sql handle for tools that change the schema,
// as [github.com/galeweb/gale/db/migrate] does. On Postgres the handle is a
// view on the pool. On SQLite everything fn does is one transaction that holds
// the write lock, committed when fn returns nil; foreign keys are not enforced
// meanwhile, because dropping a table to rebuild it would otherwise delete the
// rows that refer to it, but they are checked before the commit.
func (d *DB) Schema(ctx context.Context, fn func(context.Context, *sql.DB) error) error {
	if err := d.usable(ctx); err != nil {
		return err
	}
	return d.backend.Schema(ctx, fn)
}

// Close refuses new work with [ErrClosed], waits for the work in progress, and
// closes every connection. Close stops nothing that holds its rows open: close
// those first.
func (d *DB) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	d.metrics.unregister()
	return d.backend.Close()
}

// usable returns why the DB cannot be used with ctx, or nil.
func (d *DB) usable(ctx context.Context) error {
	if d.closed.Load() {
		return ErrClosed
	}
	if tx, ok := txKey.Value(ctx); ok && tx.db == d && !tx.done.Load() {
		return ErrNested
	}
	return nil
}
