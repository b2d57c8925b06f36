package galesqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"

	sqlite "modernc.org/sqlite"

	"github.com/galeweb/gale/db"
)

// backend is one database file: a writer, since SQLite allows one at a time
// and waiting in a queue is quicker and fairer than its busy loop, and readers,
// which in WAL mode neither wait for the writer nor hold it up.
type backend struct {
	writer *pool
	reader *pool // the writer's pool when the database is in memory
}

// open connects one writer and one reader, so that a wrong file is found now.
func open(ctx context.Context, s settings, o db.DriverOptions) (db.Backend, error) {
	writer, err := sqlite.NewConnector(s.dsn(false))
	if err != nil {
		return nil, mapError(err, false)
	}
	reader, err := sqlite.NewConnector(s.dsn(true))
	if err != nil {
		return nil, mapError(err, false)
	}
	b := &backend{writer: newPool("writer", 1, writer, s, o)}
	if s.memory() {
		// A database in memory belongs to its connection.
		b.writer.name = "pool"
		b.reader = b.writer
	} else {
		n := o.MaxConns
		if n <= 0 {
			n = max(4, runtime.NumCPU())
		}
		b.reader = newPool("reader", n, reader, s, o)
	}
	for _, role := range []db.Role{db.Writer, db.Reader} {
		if err := b.probe(ctx, role); err != nil {
			return nil, errors.Join(fmt.Errorf("sqlite: %s: %w", s.path, err), b.Close())
		}
	}
	return b, nil
}

// probe reads the file's header and schema, where a file that is not a
// database or is damaged shows.
func (b *backend) probe(ctx context.Context, role db.Role) error {
	c, err := b.Acquire(ctx, role)
	if err != nil {
		return err
	}
	defer c.Release()
	rows, err := c.Query(ctx, "SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return err
	}
	return rows.Close()
}

// Dialect implements [db.Backend].
func (b *backend) Dialect() string { return db.SQLite }

// Acquire implements [db.Backend].
func (b *backend) Acquire(ctx context.Context, role db.Role) (db.Conn, error) {
	p := b.reader
	if role == db.Writer {
		p = b.writer
	}
	c, err := p.acquire(ctx)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Stats implements [db.Backend].
func (b *backend) Stats() []db.PoolStats {
	if b.reader == b.writer {
		return []db.PoolStats{b.writer.stats()}
	}
	return []db.PoolStats{b.writer.stats(), b.reader.stats()}
}

// Schema implements [db.Backend]: one transaction on the writer, which lends
// itself to a *sql.DB. A second process waits at its BEGIN until the first has
// committed, and then sees what it did.
func (b *backend) Schema(ctx context.Context, fn func(context.Context, *sql.DB) error) (err error) {
	c, err := b.writer.acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	// Inside of a transaction the pragma does nothing, so it stands around it.
	if _, err := c.Exec(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
		return err
	}
	endCtx := context.WithoutCancel(ctx)
	defer func() {
		if _, e := c.Exec(endCtx, "PRAGMA foreign_keys = ON"); e != nil {
			c.broken = true
			err = errors.Join(err, e)
		}
	}()
	if err := c.Begin(ctx, false); err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended { // fn panicked
			_ = c.End(endCtx, false)
		}
	}()
	handle := sql.OpenDB(lender{c})
	handle.SetMaxOpenConns(1)
	err = fn(ctx, handle)
	err = errors.Join(err, handle.Close())
	if err == nil {
		err = checkForeignKeys(ctx, c)
	}
	ended = true
	if e := c.End(endCtx, err == nil); err == nil {
		err = e
	}
	return err
}

func checkForeignKeys(ctx context.Context, c *conn) error {
	rows, err := c.Query(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return err
	}
	if !rows.Next() {
		return rows.Close()
	}
	var table, parent string
	var row sql.Null[int64]
	var key int64
	err = rows.Scan(&table, &row, &parent, &key)
	if err = errors.Join(err, rows.Close()); err != nil {
		return err
	}
	return fmt.Errorf("sqlite: a row of %s (rowid %d) refers to a row of %s that would no longer exist", table, row.V, parent)
}

// Close implements [db.Backend].
func (b *backend) Close() error {
	if b.reader == b.writer {
		return b.writer.close()
	}
	// The writer last: the last connection of a file checkpoints its WAL.
	return errors.Join(b.reader.close(), b.writer.close())
}
