package galepgx

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/galeweb/gale/db"
)

// endTimeout bounds COMMIT and ROLLBACK, which the caller's context does not.
const endTimeout = 10 * time.Second

type conn struct{ *pgxpool.Conn }

// Query implements [db.Conn].
func (c *conn) Query(ctx context.Context, sql string, args ...any) (db.Rows, error) {
	r, err := c.Conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, mapError(ctx, err)
	}
	return &rows{Rows: r, ctx: ctx}, nil
}

// Exec implements [db.Conn].
func (c *conn) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	tag, err := c.Conn.Exec(ctx, sql, args...)
	if err != nil {
		return 0, mapError(ctx, err)
	}
	if tag.Select() {
		return 0, nil // rows read, not affected
	}
	return tag.RowsAffected(), nil
}

// Begin implements [db.Conn].
func (c *conn) Begin(ctx context.Context, readOnly bool) error {
	sql := "BEGIN"
	if readOnly {
		sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	}
	_, err := c.Exec(ctx, sql)
	return err
}

// End implements [db.Conn].
func (c *conn) End(ctx context.Context, commit bool) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	if !commit {
		_, err := c.Exec(ctx, "ROLLBACK")
		return err
	}
	tag, err := c.Conn.Exec(ctx, "COMMIT")
	if err != nil {
		return mapError(ctx, err)
	}
	if tag.String() == "ROLLBACK" {
		return db.ErrAborted // the server's answer to COMMIT after an error
	}
	return nil
}

// rows implements [db.Rows].
type rows struct {
	pgx.Rows
	ctx context.Context
}

// Columns implements [db.Rows].
func (r *rows) Columns() []string {
	fields := r.FieldDescriptions()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// Err implements [db.Rows].
func (r *rows) Err() error { return mapError(r.ctx, r.Rows.Err()) }

// Close implements [db.Rows].
func (r *rows) Close() error {
	r.Rows.Close()
	return r.Err()
}
