package migrate

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/obs"
)

// versionTable is goose's own name, so that its command finds the same table.
const versionTable = goose.DefaultTablename

// Options configure a [Migrator].
type Options struct {
	// LockTimeout is how long to wait for another process that migrates the
	// same database. Defaults to 5 minutes.
	LockTimeout time.Duration
	// Logger takes a record for each migration. Defaults to the logger of the
	// context, see [obs.Logger].
	Logger *slog.Logger
}

// Migration is one migration and its state.
type Migration struct {
	Version int64
	// Name is the file's. It is empty when the database has a version that
	// this program does not know: a newer program was here.
	Name string
	// AppliedAt is when it was applied, zero when it is pending.
	AppliedAt time.Time
	// SQL is the upward half of the file.
	SQL string
}

// Migrator applies migrations. It is safe for concurrent use.
type Migrator struct {
	db    *db.DB
	files *files
	o     Options
}

// New reads the migrations for d's dialect and returns an error when a file is
// misnamed or has no upward half. It does not touch the database.
func New(d *db.DB, fsys fs.FS, o Options) (*Migrator, error) {
	f, err := collect(fsys, d.Dialect())
	if err != nil {
		return nil, err
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = 5 * time.Minute
	}
	return &Migrator{db: d, files: f, o: o}, nil
}

// Status returns every migration, in order. It changes nothing.
func (m *Migrator) Status(ctx context.Context) ([]Migration, error) {
	applied, err := m.applied(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: status: %w", err)
	}
	all := make([]Migration, 0, len(m.files.list))
	next := 0
	for _, f := range m.files.list {
		for ; next < len(applied) && applied[next].VersionID < f.version; next++ {
			all = append(all, Migration{Version: applied[next].VersionID, AppliedAt: applied[next].Tstamp})
		}
		migration := Migration{Version: f.version, Name: f.name, SQL: f.up}
		if next < len(applied) && applied[next].VersionID == f.version {
			migration.AppliedAt = applied[next].Tstamp
			next++
		}
		all = append(all, migration)
	}
	for ; next < len(applied); next++ {
		all = append(all, Migration{Version: applied[next].VersionID, AppliedAt: applied[next].Tstamp})
	}
	return all, nil
}

// Plan returns the migrations that Up would apply, with their SQL. It is the
// dry run: it changes nothing.
func (m *Migrator) Plan(ctx context.Context) ([]Migration, error) {
	all, err := m.Status(ctx)
	if err != nil {
		return nil, err
	}
	var pending []Migration
	for _, migration := range all {
		if migration.AppliedAt.IsZero() {
			pending = append(pending, migration)
		}
	}
	return pending, nil
}

// Up applies the pending migrations and returns them; see the package comment
// for what stays when one fails. A migration whose version is lower than one
// already applied is refused, since nobody tested that order.
func (m *Migrator) Up(ctx context.Context) ([]Migration, error) {
	return m.run(ctx, func(ctx context.Context, p *goose.Provider) ([]*goose.MigrationResult, error) { return p.Up(ctx) })
}

// Down takes back the migration applied last and returns it, or
// [db.ErrNotFound] when there is none.
func (m *Migrator) Down(ctx context.Context) (Migration, error) {
	done, err := m.run(ctx, func(ctx context.Context, p *goose.Provider) ([]*goose.MigrationResult, error) {
		r, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) || err == nil && r == nil {
			return nil, db.ErrNotFound
		}
		return []*goose.MigrationResult{r}, err
	})
	if err != nil {
		return Migration{}, err
	}
	return done[0], nil
}

type appliedRow struct {
	VersionID int64
	Tstamp    time.Time
}

// applied returns what the version table says; no table says nothing.
func (m *Migrator) applied(ctx context.Context) ([]appliedRow, error) {
	exists := "SELECT to_regclass($1) IS NOT NULL"
	if m.db.Dialect() == db.SQLite {
		exists = "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = $1"
	}
	if ok, err := db.Get[bool](ctx, m.db, exists, versionTable); err != nil || !ok {
		return nil, err
	}
	return db.All[appliedRow](ctx, m.db, "SELECT version_id, max(tstamp) AS tstamp FROM "+versionTable+" WHERE version_id > 0 GROUP BY version_id ORDER BY version_id")
}

type action func(context.Context, *goose.Provider) ([]*goose.MigrationResult, error)

// run calls act under the lock, waiting for it as long as the options say.
func (m *Migrator) run(ctx context.Context, act action) ([]Migration, error) {
	deadline := time.Now().Add(m.o.LockTimeout)
	for {
		started := false
		var done []Migration
		err := m.db.Schema(ctx, func(ctx context.Context, handle *sql.DB) (err error) {
			started = true
			done, err = m.with(ctx, handle, act)
			return err
		})
		switch {
		case err == nil:
			return done, nil
		case errors.Is(err, db.ErrNotFound):
			return nil, db.ErrNotFound
		case started && m.db.Dialect() == db.SQLite:
			return nil, err // and done was rolled back
		case started || !errors.Is(err, db.ErrUnavailable) || time.Now().After(deadline):
			return done, err
		}
		// SQLite's write lock was not to be had within busy_timeout.
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// with calls act with a goose provider on handle.
func (m *Migrator) with(ctx context.Context, handle *sql.DB, act action) ([]Migration, error) {
	last := &lastStatement{}
	options := []goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true),
		goose.WithVerbose(true),
		goose.WithSlog(slog.New(last)),
	}
	dialect := goose.DialectSQLite3
	if m.db.Dialect() == db.Postgres {
		dialect = goose.DialectPostgres
		locker, err := m.locker(ctx, handle)
		if err != nil {
			return nil, fmt.Errorf("migrate: lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, handle, m.files, options...)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	results, err := act(ctx, p)
	partial, failed := errors.AsType[*goose.PartialError](err)
	if failed {
		results = partial.Applied
	}
	done := m.report(ctx, results)
	switch {
	case failed:
		return done, fmt.Errorf("migrate: %s%s: %w", partial.Failed.Source.Path, last.quote(), partial.Err)
	case err != nil && !errors.Is(err, db.ErrNotFound):
		return done, fmt.Errorf("migrate: %w", err)
	default:
		return done, err
	}
}

// locker makes the advisory lock, whose number stands for the schema, so that
// applications that share a database do not wait for each other.
func (m *Migrator) locker(ctx context.Context, handle *sql.DB) (lock.SessionLocker, error) {
	var schema sql.Null[string]
	if err := handle.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return nil, err
	}
	h := fnv.New64a()
	h.Write([]byte("gale migrate " + schema.V))
	const period = 1 // second; a poll, since a session that waits in the lock would block CREATE INDEX CONCURRENTLY
	return lock.NewPostgresSessionLocker(
		lock.WithLockID(int64(h.Sum64())),
		lock.WithLockTimeout(period, uint64(max(1, m.o.LockTimeout/time.Second))),
	)
}

func (m *Migrator) report(ctx context.Context, results []*goose.MigrationResult) []Migration {
	logger := cmp.Or(m.o.Logger, obs.Logger(ctx))
	done := make([]Migration, 0, len(results))
	for _, r := range results {
		logger.InfoContext(ctx, "migrated", "file", r.Source.Path, "direction", r.Direction, "duration", r.Duration)
		migration := Migration{Version: r.Source.Version, Name: r.Source.Path}
		if r.Direction == "up" {
			migration.AppliedAt = time.Now().UTC()
		}
		for _, f := range m.files.list {
			if f.version == r.Source.Version {
				migration.SQL = f.up
			}
		}
		done = append(done, migration)
	}
	return done
}
