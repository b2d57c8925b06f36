package db_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
)

// fake is a database of answers: what it is told to return, it returns, and it
// notes what was asked of it. The real ones pass the suite in galetest/conform.
type fake struct {
	columns []string
	rows    [][]any
	exec    func(sql string, args []any) error
	delay   time.Duration // of every statement

	affected int64 // rows by each statement, less 1

	mu      sync.Mutex
	log     []string
	args    []any
	options db.DriverOptions
	inUse   int
}

func openFake(t testing.TB, f *fake, o db.Options) *db.DB {
	t.Helper()
	o.Drivers = []db.Driver{f}
	d, err := db.Open(t.Context(), "fake:", o)
	assert.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, d.Close())
		assert.Equal(t, f.inUse, 0)
	})
	return d
}

func (f *fake) Schemes() []string { return []string{"fake"} }

func (f *fake) Open(_ context.Context, _ string, o db.DriverOptions) (db.Backend, error) {
	f.options = o
	return f, nil
}

func (f *fake) Dialect() string { return db.SQLite }

func (f *fake) Acquire(ctx context.Context, _ db.Role) (db.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inUse++
	return fakeConn{f}, ctx.Err()
}

func (f *fake) Stats() []db.PoolStats {
	return []db.PoolStats{{Name: "writer", Max: 1, Open: 1, Idle: 1, Waits: 3, WaitTime: 1500 * time.Millisecond}}
}

func (f *fake) Schema(context.Context, func(context.Context, *sql.DB) error) error {
	return errors.ErrUnsupported
}

func (f *fake) Close() error { return nil }

// statements returns what was run since the last call.
func (f *fake) statements() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.log, "; ")
	f.log = nil
	return s
}

func (f *fake) run(sql string, args []any) error {
	time.Sleep(f.delay)
	f.mu.Lock()
	f.log = append(f.log, sql)
	f.args = args
	f.mu.Unlock()
	if f.exec == nil {
		return nil
	}
	return f.exec(sql, args)
}

type fakeConn struct{ *fake }

func (c fakeConn) Query(_ context.Context, sql string, args ...any) (db.Rows, error) {
	if err := c.run(sql, args); err != nil {
		return nil, err
	}
	return &fakeRows{fake: c.fake}, nil
}

func (c fakeConn) Exec(_ context.Context, sql string, args ...any) (int64, error) {
	return 1 + c.affected, c.run(sql, args)
}

func (c fakeConn) Begin(context.Context, bool) error { return c.run("BEGIN", nil) }

func (c fakeConn) End(_ context.Context, commit bool) error {
	if commit {
		return c.run("COMMIT", nil)
	}
	return c.run("ROLLBACK", nil)
}

func (c fakeConn) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inUse--
}

type fakeRows struct {
	*fake
	next int
}

func (r *fakeRows) Columns() []string { return r.columns }
func (r *fakeRows) Next() bool        { r.next++; return r.next <= len(r.rows) }
func (r *fakeRows) Err() error        { return nil }
func (r *fakeRows) Close() error      { return nil }

func (r *fakeRows) Scan(dest ...any) error {
	for i, d := range dest {
		if err := db.Assign(d, r.rows[r.next-1][i]); err != nil {
			return err
		}
	}
	return nil
}

var quiet = slog.New(slog.DiscardHandler)
