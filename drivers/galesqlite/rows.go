package galesqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/galeweb/gale/db"
)

// rows steps a statement, which goes back into the cache at Close.
type rows struct {
	ctx     context.Context
	conn    *conn
	stmt    *stmt
	inner   driver.Rows
	columns []string
	values  []driver.Value
	err     error
	closed  bool
}

// Columns implements [db.Rows].
func (r *rows) Columns() []string { return r.columns }

// Next implements [db.Rows].
func (r *rows) Next() bool {
	if r.closed || r.err != nil {
		return false
	}
	// SQLite itself looks at the context only up to the first row.
	if r.err = r.ctx.Err(); r.err != nil {
		return false
	}
	err := r.inner.Next(r.values)
	if err == nil {
		return true
	}
	if errors.Is(err, io.EOF) {
		_ = r.Close() // keeps its error in r.err
		return false
	}
	r.err = r.conn.failed(err)
	return false
}

// Scan implements [db.Rows].
func (r *rows) Scan(dest ...any) error {
	if len(dest) != len(r.values) {
		return fmt.Errorf("sqlite: %d destinations for %d columns", len(dest), len(r.values))
	}
	for i, d := range dest {
		if err := db.Assign(d, r.values[i]); err != nil {
			return fmt.Errorf("column %s: %w", r.columns[i], err)
		}
	}
	return nil
}

// Err implements [db.Rows].
func (r *rows) Err() error { return r.err }

// Close implements [db.Rows].
func (r *rows) Close() error {
	if r.closed {
		return r.err
	}
	r.closed = true
	if err := r.inner.Close(); err != nil && r.err == nil {
		r.err = r.conn.failed(err)
	}
	if r.err != nil {
		r.conn.drop(r.stmt)
	} else {
		r.conn.stmts.put(r.stmt)
	}
	return r.err
}
