package db

import (
	"context"
	"database/sql"
	"time"
)

// The names that [DB.Dialect] returns.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Driver opens one kind of database. gale's own are galesqlite.Driver and
// galepgx.Driver.
type Driver interface {
	// Schemes returns the URL schemes that the driver answers to.
	Schemes() []string
	// Open connects and makes sure that the database answers. An error must
	// not show a password.
	Open(ctx context.Context, url string, o DriverOptions) (Backend, error)
}

// DriverOptions are the settings that every driver understands. The zero
// value of a field stands for the driver's default.
type DriverOptions struct {
	// MaxConns bounds the connections of the pool; on SQLite, of its readers.
	MaxConns int
	// AcquireTimeout bounds the wait for a connection; always positive.
	AcquireTimeout time.Duration
}

// Role says what a connection is acquired for.
type Role int

const (
	// Reader is for statements that only read.
	Reader Role = iota
	// Writer is for everything else.
	Writer
)

// Backend is an open database as a driver sees it. Errors that it and its
// connections return are already mapped: [ErrUnavailable], [*ConstraintError],
// the context's own, or as they are.
type Backend interface {
	// Dialect is [SQLite] or [Postgres].
	Dialect() string
	// Acquire returns a connection that nobody else uses until its Release.
	// It waits at most DriverOptions.AcquireTimeout, then returns
	// ErrUnavailable.
	Acquire(ctx context.Context, role Role) (Conn, error)
	// Stats returns one entry for each pool.
	Stats() []PoolStats
	// Schema runs fn with a database/sql handle on which a migration tool may
	// work; the handle is closed when fn has returned.
	Schema(ctx context.Context, fn func(context.Context, *sql.DB) error) error
	// Close waits for the connections in use and closes all of them.
	Close() error
}

// Conn is a connection between Acquire and Release. It is used by one
// goroutine at a time.
type Conn interface {
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
	// Begin starts a transaction, on SQLite with the write lock already held
	// unless readOnly.
	Begin(ctx context.Context, readOnly bool) error
	// End commits or rolls back. When it returns an error the transaction is
	// over and nothing of it is stored, except that a connection lost during
	// the commit leaves that unknown.
	End(ctx context.Context, commit bool) error
	// Release gives the connection back, or closes it when it is not in the
	// state that Acquire promises.
	Release()
}

// Rows is the result of a query. Get, All and Each are easier to use.
type Rows interface {
	Columns() []string
	// Next moves to the next row; false means the end, or an error in Err.
	Next() bool
	// Scan stores the row's values in what dest points to: basic kinds,
	// []byte, and every [sql.Scanner].
	Scan(dest ...any) error
	Err() error
	// Close may be called more than once, and must be called once.
	Close() error
}

// PoolStats is the state of one pool.
type PoolStats struct {
	// Name is "writer", "reader", or "pool" where one serves both.
	Name string
	// Max bounds Open; Open is Idle and InUse together.
	Max, Open, Idle, InUse int
	// Waits counts acquisitions that had to wait, WaitTime is their sum.
	Waits    int64
	WaitTime time.Duration
}
