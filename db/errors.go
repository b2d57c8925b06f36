package db

import (
	"context"
	"errors"
	"strings"
)

var (
	// ErrNotFound is returned by [Get] when the query has no row.
	ErrNotFound = errors.New("db: not found")
	// ErrConflict is in the tree of a [*ConstraintError] of kind
	// [UniqueViolation] or [ForeignKeyViolation]: the request is well formed,
	// but what is stored stands against it. An HTTP API answers 409.
	ErrConflict = errors.New("db: conflict")
	// ErrUnavailable means that the database cannot serve now and may again
	// without anybody's doing: locked, disk full, connection refused or lost,
	// no free connection in time. Nothing was stored, with one exception: a
	// connection lost during a commit. An HTTP API answers 503 with
	// Retry-After.
	ErrUnavailable = errors.New("db: unavailable")
	// ErrReadOnly is returned for a statement that writes where only reading
	// is allowed: [DB.Query] and [DB.ReadTx].
	ErrReadOnly = errors.New("db: statement writes on a reader; run it through Writer or Tx")
	// ErrNested is returned when the context of a transaction is used on the
	// DB instead of its Tx. The statement would run outside of the
	// transaction, and on SQLite it would wait for itself.
	ErrNested = errors.New("db: the DB is used with the context of its own transaction; use the Tx")
	// ErrBusy is returned when a Tx is used while rows of its previous query
	// are still open.
	ErrBusy = errors.New("db: rows of the previous query of this transaction are still open; close them first")
	// ErrAborted is returned by a Tx after one of its statements failed. Only
	// a nested [Tx.Tx] can fail without ending the whole.
	ErrAborted = errors.New("db: an earlier statement of the transaction failed; nothing is stored")
	// ErrClosed is returned after [DB.Close] or [Batcher.Close].
	ErrClosed = errors.New("db: closed")
)

// ConstraintKind names what kind of constraint was violated.
type ConstraintKind string

// The kinds of constraint.
const (
	UniqueViolation     ConstraintKind = "unique"
	ForeignKeyViolation ConstraintKind = "foreign"
	CheckViolation      ConstraintKind = "check"
	NotNullViolation    ConstraintKind = "notnull"
)

// ConstraintError says that a row would violate a constraint. Fields that the
// database does not report are empty: SQLite names the constraint only for
// checks and indexes on expressions, and nothing for a foreign key.
type ConstraintError struct {
	Kind ConstraintKind
	// Name is the constraint's own name, such as "users_email_key".
	Name string
	// Table and Columns say where; for unique and not-null they are filled on
	// both databases, so test these rather than Name.
	Table   string
	Columns []string
	// Err is the driver's error.
	Err error
}

// Error returns the kind and the place; never a value.
func (e *ConstraintError) Error() string {
	s := "db: " + string(e.Kind) + " constraint violated"
	if e.Table != "" {
		s += " on " + e.Table
		if len(e.Columns) > 0 {
			s += " (" + strings.Join(e.Columns, ", ") + ")"
		}
	}
	if e.Name != "" {
		s += " by " + e.Name
	}
	return s
}

// Unwrap returns the driver's error.
func (e *ConstraintError) Unwrap() error { return e.Err }

// Is reports whether target is ErrConflict and the kind is one of its two.
func (e *ConstraintError) Is(target error) bool {
	return target == ErrConflict && (e.Kind == UniqueViolation || e.Kind == ForeignKeyViolation)
}

// outcome is the label that err gets in gale_db_queries_total.
func outcome(err error) int {
	var c *ConstraintError
	switch {
	case err == nil:
		return outcomeOK
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return outcomeCanceled
	case errors.Is(err, ErrUnavailable):
		return outcomeUnavailable
	case errors.As(err, &c):
		return outcomeConstraint
	default:
		return outcomeError
	}
}
