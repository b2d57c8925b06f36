package galepgx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/galeweb/gale/db"
)

// mapError says in gale's terms what went wrong. ctx is the caller's: when it
// has ended, that is the reason; a time limit of pgx's own is not.
func mapError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if done := ctx.Err(); done != nil {
		if errors.Is(err, done) {
			return err
		}
		return fmt.Errorf("%w: %w", done, err)
	}
	if errors.Is(err, puddle.ErrClosedPool) {
		return db.ErrClosed
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return mapPgError(e, err)
	}
	if isConnection(err) {
		// %v: a deadline of pgx's own must not pass for the caller's.
		return fmt.Errorf("%w: %v", db.ErrUnavailable, err)
	}
	return err
}

// mapPgError goes by SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
func mapPgError(e *pgconn.PgError, err error) error {
	switch e.Code {
	case "23505", "23P01": // unique; exclusion is its generalisation
		return constraint(e, db.UniqueViolation, err)
	case "23503", "23001":
		return constraint(e, db.ForeignKeyViolation, err)
	case "23514":
		return constraint(e, db.CheckViolation, err)
	case "23502":
		return constraint(e, db.NotNullViolation, err)
	case "25006":
		return fmt.Errorf("%w: %w", db.ErrReadOnly, err)
	case "40001", "40P01", // lost against another transaction
		"55P03", "57014", // lock or statement timeout of the server
		"57P01", "57P02", "57P03", "58030": // shutting down, starting, I/O error
		return fmt.Errorf("%w: %w", db.ErrUnavailable, err)
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "53": // connection; out of disk, memory or connections
		return fmt.Errorf("%w: %w", db.ErrUnavailable, err)
	}
	return err
}

func constraint(e *pgconn.PgError, kind db.ConstraintKind, err error) error {
	c := &db.ConstraintError{Kind: kind, Name: e.ConstraintName, Table: e.TableName, Err: err}
	if e.ColumnName != "" {
		c.Columns = []string{e.ColumnName}
	} else if rest, ok := strings.CutPrefix(e.Detail, "Key ("); ok {
		// "Key (org, email)=(1, a@b.c) already exists."
		if columns, _, ok := strings.Cut(rest, ")=("); ok {
			c.Columns = strings.Split(columns, ", ")
		}
	}
	return c
}

// isConnection reports whether the server could not be reached or was lost.
func isConnection(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.Timeout(err)
}
