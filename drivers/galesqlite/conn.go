package galesqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/galeweb/gale/db"
)

// conn is one SQLite connection with its prepared statements. It is the
// driver's connection without database/sql above, which has no way to keep
// statements with the connection they belong to, nor to tell reader and writer.
type conn struct {
	pool   *pool
	raw    driver.Conn
	stmts  *stmtCache
	inTx   bool
	broken bool // to be closed at Release
}

func newConn(p *pool, raw driver.Conn) *conn {
	c := &conn{pool: p, raw: raw}
	c.stmts = newStmtCache(p.statements)
	return c
}

// Query implements [db.Conn].
func (c *conn) Query(ctx context.Context, sql string, args ...any) (db.Rows, error) {
	s, err := c.prepare(ctx, sql)
	if err != nil {
		return nil, err
	}
	values, err := namedValues(args)
	if err != nil {
		c.stmts.put(s)
		return nil, err
	}
	r, err := s.query.QueryContext(ctx, values)
	if err != nil {
		c.drop(s)
		return nil, c.failed(err)
	}
	columns := r.Columns()
	return &rows{ctx: ctx, conn: c, stmt: s, inner: r, columns: columns, values: make([]driver.Value, len(columns))}, nil
}

// Exec implements [db.Conn].
func (c *conn) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	s, err := c.prepare(ctx, sql)
	if err != nil {
		return 0, err
	}
	values, err := namedValues(args)
	if err != nil {
		c.stmts.put(s)
		return 0, err
	}
	result, err := s.exec.ExecContext(ctx, values)
	if err != nil {
		c.drop(s)
		return 0, c.failed(err)
	}
	c.stmts.put(s)
	if !s.changes {
		return 0, nil // SQLite would repeat the count of the change before
	}
	return result.RowsAffected()
}

// prepare takes the statement out of the cache, so that a second use of the
// same text meanwhile gets one of its own.
func (c *conn) prepare(ctx context.Context, sql string) (*stmt, error) {
	if s := c.stmts.take(sql); s != nil {
		return s, nil
	}
	raw, err := c.raw.(driver.ConnPrepareContext).PrepareContext(ctx, anonymous(sql))
	if err != nil {
		return nil, c.failed(err)
	}
	return newStmt(sql, raw)
}

// drop closes a statement that failed: an error is rare, and its state after
// one is the driver's affair.
func (c *conn) drop(s *stmt) { _ = s.close() }

// Begin implements [db.Conn]. A writer takes the write lock now: a transaction
// that read first and then finds the lock taken could not wait for it.
func (c *conn) Begin(ctx context.Context, readOnly bool) error {
	sql := "BEGIN IMMEDIATE"
	if readOnly {
		sql = "BEGIN DEFERRED"
	}
	if _, err := c.Exec(ctx, sql); err != nil {
		// When a context ended it, the transaction may have begun or not.
		_ = c.rollback(context.WithoutCancel(ctx))
		return err
	}
	c.inTx = true
	return nil
}

// End implements [db.Conn].
func (c *conn) End(ctx context.Context, commit bool) error {
	c.inTx = false
	if commit {
		_, err := c.Exec(ctx, "COMMIT")
		if err == nil {
			return nil
		}
		c.rollback(ctx)
		return err
	}
	return c.rollback(ctx)
}

// rollback ends a transaction. SQLite may have ended it by itself, after a
// full disk for one, and then says that there is none.
func (c *conn) rollback(ctx context.Context) error {
	_, err := c.Exec(ctx, "ROLLBACK")
	if err == nil || isNoTransaction(err) {
		return nil
	}
	c.broken = !c.pool.memory
	return err
}

// Release implements [db.Conn].
func (c *conn) Release() {
	if c.inTx {
		_ = c.End(context.Background(), false)
	}
	c.pool.put(c)
}

// failed maps an error and notes when the connection should not be used again.
func (c *conn) failed(err error) error {
	if needsNewConn(err) && !c.pool.memory {
		c.broken = true
	}
	return mapError(err, c.pool.name == "reader")
}

func (c *conn) close() error {
	err := c.stmts.close()
	if c.pool.name == "writer" && !c.broken {
		// SQLite advises it before closing: renews the planner's statistics
		// where they are stale, with its own bound on the work.
		if x, ok := c.raw.(driver.ExecerContext); ok {
			_, e := x.ExecContext(context.Background(), "PRAGMA optimize", nil)
			// Not worth failing for: another process may hold the lock.
			_ = e
		}
	}
	return errors.Join(err, c.raw.Close())
}

// namedValues turns arguments into SQLite's own types.
func namedValues(args []any) ([]driver.NamedValue, error) {
	if len(args) == 0 {
		return nil, nil
	}
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		switch arg.(type) {
		case nil, bool, int64, float64, string, []byte, time.Time:
		default:
			return nil, fmt.Errorf("sqlite: argument $%d: no way to store a %T", i+1, arg)
		}
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return values, nil
}
