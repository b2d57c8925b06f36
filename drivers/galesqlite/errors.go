package galesqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/galeweb/gale/db"
)

// mapError says in gale's terms what SQLite's result code means; reader is
// whether the connection was opened for reading only.
func mapError(err error, reader bool) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff { // the primary code; the rest is detail
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL:
		return fmt.Errorf("%w: %w", db.ErrUnavailable, err)
	case sqlite3.SQLITE_READONLY:
		if reader {
			return fmt.Errorf("%w: %w", db.ErrReadOnly, err)
		}
		return fmt.Errorf("%w: %w", db.ErrUnavailable, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("the file is not a database or is damaged; restore it from a backup: %w", err)
	case sqlite3.SQLITE_CONSTRAINT:
		if c := constraint(e); c != nil {
			return c
		}
	}
	return err
}

func constraint(e *sqlite.Error) *db.ConstraintError {
	c := &db.ConstraintError{Err: e}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		c.Kind = db.UniqueViolation
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		c.Kind = db.ForeignKeyViolation
	case sqlite3.SQLITE_CONSTRAINT_TRIGGER:
		// ON DELETE RESTRICT is a trigger inside; others are the application's.
		if !strings.Contains(e.Error(), "FOREIGN KEY") {
			return nil
		}
		c.Kind = db.ForeignKeyViolation
	case sqlite3.SQLITE_CONSTRAINT_CHECK:
		c.Kind = db.CheckViolation
	case sqlite3.SQLITE_CONSTRAINT_NOTNULL:
		c.Kind = db.NotNullViolation
	default:
		return nil
	}
	// "… UNIQUE constraint failed: users.org, users.email (2067)"
	_, what, ok := strings.Cut(e.Error(), " constraint failed: ")
	if !ok {
		return c
	}
	if i := strings.LastIndex(what, " ("); i >= 0 {
		what = what[:i]
	}
	if c.Kind == db.CheckViolation {
		c.Name = what
		return c
	}
	if name, ok := strings.CutPrefix(what, "index '"); ok {
		c.Name = strings.TrimSuffix(name, "'")
		return c
	}
	for place := range strings.SplitSeq(what, ", ") {
		table, column, ok := strings.Cut(place, ".")
		if ok {
			c.Table = table
			c.Columns = append(c.Columns, column)
		}
	}
	return c
}

// isNoTransaction reports whether a ROLLBACK found nothing to roll back.
func isNoTransaction(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code() == sqlite3.SQLITE_ERROR && strings.Contains(e.Error(), "no transaction is active")
}

// needsNewConn reports whether a fresh connection may do better.
func needsNewConn(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	return false
}
