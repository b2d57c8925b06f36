package migrate_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing/fstest"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/db/migrate"
)

// The dry run. A program opens its database with galesqlite.Driver() or
// galepgx.Driver() and embeds its files.
func ExampleMigrator_Plan() {
	ctx := context.Background()
	d, err := db.Open(ctx, "empty:", db.Options{Drivers: []db.Driver{empty{}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	files := fstest.MapFS{
		"migrations/00001_boats.sql":         {Data: []byte("-- +goose Up\nCREATE TABLE boats (id INTEGER PRIMARY KEY);\n-- +goose Down\nDROP TABLE boats;\n")},
		"migrations/00002_time.sql":          {Data: []byte("-- +goose Up\nALTER TABLE boats ADD COLUMN built TIMESTAMP;\n")},
		"migrations/postgres/00002_time.sql": {Data: []byte("-- +goose Up\nALTER TABLE boats ADD COLUMN built TIMESTAMPTZ;\n")},
	}
	m, err := migrate.New(d, files, migrate.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	pending, err := m.Plan(ctx)
	for _, p := range pending {
		fmt.Printf("%s: %s\n", p.Name, p.SQL)
	}
	fmt.Println(err)
	// Output:
	// 00001_boats.sql: CREATE TABLE boats (id INTEGER PRIMARY KEY);
	// 00002_time.sql: ALTER TABLE boats ADD COLUMN built TIMESTAMPTZ;
	// <nil>
}

// empty is a Postgres in which there is nothing yet.
type empty struct{}

func (empty) Schemes() []string { return []string{"empty"} }
func (empty) Open(context.Context, string, db.DriverOptions) (db.Backend, error) {
	return empty{}, nil
}
func (empty) Dialect() string                                   { return db.Postgres }
func (empty) Acquire(context.Context, db.Role) (db.Conn, error) { return emptyConn{}, nil }
func (empty) Stats() []db.PoolStats                             { return nil }
func (empty) Close() error                                      { return nil }
func (empty) Schema(context.Context, func(context.Context, *sql.DB) error) error {
	return errors.ErrUnsupported
}

type emptyConn struct{}

func (emptyConn) Query(context.Context, string, ...any) (db.Rows, error) { return &no{}, nil }
func (emptyConn) Exec(context.Context, string, ...any) (int64, error)    { return 0, nil }
func (emptyConn) Begin(context.Context, bool) error                      { return nil }
func (emptyConn) End(context.Context, bool) error                        { return nil }
func (emptyConn) Release()                                               {}

// no is the answer to whether the version table exists.
type no struct{ read bool }

func (*no) Columns() []string      { return []string{"exists"} }
func (r *no) Next() bool           { first := !r.read; r.read = true; return first }
func (*no) Scan(dest ...any) error { return db.Assign(dest[0], false) }
func (*no) Err() error             { return nil }
func (*no) Close() error           { return nil }
