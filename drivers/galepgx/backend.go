package galepgx

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/galeweb/gale/db"
)

// backend is a pgx pool, which serves readers and writers alike.
type backend struct {
	pool    *pgxpool.Pool
	timeout time.Duration
}

// Dialect implements [db.Backend].
func (b *backend) Dialect() string { return db.Postgres }

// Acquire implements [db.Backend].
func (b *backend) Acquire(ctx context.Context, _ db.Role) (db.Conn, error) {
	wait, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	c, err := b.pool.Acquire(wait)
	if err == nil {
		return &conn{c}, nil
	}
	if ctx.Err() == nil && wait.Err() != nil {
		return nil, fmt.Errorf("%w: no connection within %v", db.ErrUnavailable, b.timeout)
	}
	return nil, mapError(ctx, err)
}

// Stats implements [db.Backend].
func (b *backend) Stats() []db.PoolStats {
	s := b.pool.Stat()
	return []db.PoolStats{{
		Name:     "pool",
		Max:      int(s.MaxConns()),
		Open:     int(s.TotalConns()),
		Idle:     int(s.IdleConns()),
		InUse:    int(s.AcquiredConns()),
		Waits:    s.EmptyAcquireCount(),
		WaitTime: s.EmptyAcquireWaitTime(),
	}}
}

// Schema implements [db.Backend]. The handle has connections of its own, on
// which the time limits of requests do not cut a migration short.
func (b *backend) Schema(ctx context.Context, fn func(context.Context, *sql.DB) error) error {
	c := b.pool.Config().ConnConfig.Copy()
	for _, limit := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		delete(c.RuntimeParams, limit)
	}
	// A migration changes the types that a cached statement relies on.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	handle := stdlib.OpenDB(*c)
	err := fn(ctx, handle)
	if e := handle.Close(); err == nil {
		err = e
	}
	return err
}

// Close implements [db.Backend].
func (b *backend) Close() error {
	b.pool.Close()
	return nil
}
