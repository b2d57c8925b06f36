package db

import (
	"context"
	"strings"
	"time"
)

// Querier runs statements: a [*DB], a [*Tx], or what [DB.Writer] returns.
// Placeholders are $1, $2 … on both databases. Arguments are described in the
// package comment.
type Querier interface {
	// Query runs a statement that returns rows; the caller closes them.
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
	// Exec runs a statement, or several separated by semicolons when there
	// are no arguments, and returns how many rows the last INSERT, UPDATE or
	// DELETE affected; 0 for other statements.
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
}

// Query runs a statement that only reads, on a reader. A statement that writes
// returns [ErrReadOnly]: use [DB.Writer] or [DB.Tx] for INSERT … RETURNING.
// (On Postgres only the statement's first word is looked at.)
func (d *DB) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	if writes(sql) {
		return nil, ErrReadOnly
	}
	return d.query(ctx, Reader, sql, args)
}

// Exec runs a statement on the writer.
func (d *DB) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if err := d.usable(ctx); err != nil {
		return 0, err
	}
	if alsoOf(ctx) != nil {
		return d.execAlso(ctx, sql, args)
	}
	conn, err := d.backend.Acquire(ctx, Writer)
	if err != nil {
		d.metrics.observe(err)
		return 0, err
	}
	defer conn.Release()
	return d.exec(ctx, conn, sql, args)
}

// Writer returns a Querier whose Query runs on the writer, so that it may
// write: db.Get[int64](ctx, d.Writer(), "INSERT … RETURNING id", …). Its rows
// hold the one writer of SQLite until they are closed.
func (d *DB) Writer() Querier { return writer{d} }

type writer struct{ *DB }

func (w writer) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	return w.query(ctx, Writer, sql, args)
}

func (d *DB) query(ctx context.Context, role Role, sql string, args []any) (Rows, error) {
	if err := d.usable(ctx); err != nil {
		return nil, err
	}
	conn, err := d.backend.Acquire(ctx, role)
	if err != nil {
		d.metrics.observe(err)
		return nil, err
	}
	r, err := d.queryOn(ctx, conn, sql, args)
	if err != nil {
		conn.Release()
		return nil, err
	}
	r.release = conn.Release
	return r, nil
}

// queryOn runs a query on a connection that the caller has.
func (d *DB) queryOn(ctx context.Context, conn Conn, sql string, args []any) (*rows, error) {
	args, err := bind(args)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	inner, err := conn.Query(ctx, sql, args...)
	if err != nil {
		d.observe(ctx, sql, time.Since(start), 0, err)
		return nil, err
	}
	return &rows{Rows: inner, ctx: ctx, db: d, sql: sql, spent: time.Since(start)}, nil
}

func (d *DB) exec(ctx context.Context, conn Conn, sql string, args []any) (int64, error) {
	args, err := bind(args)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	n, err := conn.Exec(ctx, sql, args...)
	d.observe(ctx, sql, time.Since(start), n, err)
	return n, err
}

// writes reports whether the first word of sql is one that changes data. It is
// here to give a clear and equal answer early; what it lets through, SQLite
// refuses itself on a reader.
func writes(sql string) bool {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n(;")
		if rest, ok := strings.CutPrefix(sql, "--"); ok {
			_, sql, _ = strings.Cut(rest, "\n")
		} else if rest, ok := strings.CutPrefix(sql, "/*"); ok {
			_, sql, _ = strings.Cut(rest, "*/")
		} else {
			break
		}
	}
	for _, word := range [...]string{"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "CREATE", "ALTER", "DROP", "TRUNCATE"} {
		if len(sql) > len(word) && strings.EqualFold(sql[:len(word)], word) && strings.IndexByte(" \t\r\n/-", sql[len(word)]) >= 0 {
			return true
		}
	}
	return false
}
