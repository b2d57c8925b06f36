package db

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/galeweb/gale/internal/ctxkey"
)

// Tx is a transaction. It is used by one goroutine at a time, and its rows are
// closed before its next statement.
type Tx struct {
	db       *DB
	conn     Conn
	readOnly bool
	depth    int
	rows     *rows // open
	err      error // the first statement that failed
	done     atomic.Bool
	idle     bool // it has changed nothing that [Also] is for
}

var txKey = ctxkey.New[*Tx]("db.Tx")

// Tx runs fn in a transaction: committed when fn returns nil, rolled back when
// it returns an error, panics, or ctx ends. The error of fn is returned as it
// is. On SQLite the transaction holds the one write lock from its start, so
// that it cannot fail halfway for want of it: keep fn short, and no network
// calls in it.
//
// As on Postgres, a failed statement ends the transaction on SQLite too:
// later ones return [ErrAborted], and so does Tx if fn returns nil. What may
// fail and be gone on from belongs in a nested [Tx.Tx].
//
// The context that fn gets is refused by the methods of the DB with
// [ErrNested].
func (d *DB) Tx(ctx context.Context, fn func(context.Context, *Tx) error) error {
	for try := 0; ; try++ {
		err := d.tx(ctx, Writer, fn)
		if err == nil || try >= d.retries || !isSerialization(err) {
			return err
		}
		// Twice the wait each time, for the transaction that won to end.
		timer := time.NewTimer(time.Millisecond << min(try, 8))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// ReadTx runs fn in a transaction that only reads and sees one state of the
// database throughout. It takes a reader and blocks nobody.
func (d *DB) ReadTx(ctx context.Context, fn func(context.Context, *Tx) error) error {
	return d.tx(ctx, Reader, fn)
}

func (d *DB) tx(ctx context.Context, role Role, fn func(context.Context, *Tx) error) error {
	if err := d.usable(ctx); err != nil {
		return err
	}
	conn, err := d.backend.Acquire(ctx, role)
	if err != nil {
		d.metrics.observe(err)
		return err
	}
	defer conn.Release()
	if err := conn.Begin(ctx, role == Reader); err != nil {
		d.metrics.observe(err)
		return err
	}
	t := &Tx{db: d, conn: conn, readOnly: role == Reader}
	defer t.done.Store(true)
	// The end is not cut short by ctx: it decides what is stored.
	endCtx := context.WithoutCancel(ctx)
	ended := false
	defer func() {
		if !ended { // fn panicked
			t.closeRows()
			_ = conn.End(endCtx, false)
		}
	}()
	err = fn(txKey.With(ctx, t), t)
	err = t.verdict(ctx, err)
	var besides *also
	if err == nil && role == Writer && !t.idle {
		besides = alsoOf(ctx)
		err = t.verdict(ctx, besides.do(txKey.With(ctx, t), t))
	}
	ended = true
	t.closeRows()
	start := time.Now()
	endErr := conn.End(endCtx, err == nil)
	if err == nil {
		d.observe(ctx, "COMMIT", time.Since(start), 0, endErr)
		if endErr == nil {
			besides.done()
		}
		return endErr
	}
	return err // and not endErr, which would only say so again
}

// verdict returns why the transaction must not be committed, or nil.
func (t *Tx) verdict(ctx context.Context, err error) error {
	switch {
	case err != nil:
		return err
	case t.err != nil:
		return fmt.Errorf("%w: %w", ErrAborted, t.err)
	case t.rows != nil:
		return ErrBusy
	default:
		return ctx.Err()
	}
}

// Tx runs fn in a savepoint: when fn fails, what it did is undone and the
// transaction around it goes on.
func (t *Tx) Tx(ctx context.Context, fn func(context.Context, *Tx) error) error {
	if err := t.usable(); err != nil {
		return err
	}
	t.depth++
	defer func() { t.depth-- }()
	name := "gale_" + strconv.Itoa(t.depth)
	if _, err := t.Exec(ctx, "SAVEPOINT "+name); err != nil {
		return err
	}
	undo := func() {
		// A rollback that fails means that the transaction is gone.
		t.closeRows()
		t.err = nil
		endCtx := context.WithoutCancel(ctx)
		if _, err := t.conn.Exec(endCtx, "ROLLBACK TO SAVEPOINT "+name); err != nil {
			t.err = err
		} else if _, err := t.conn.Exec(endCtx, "RELEASE SAVEPOINT "+name); err != nil {
			t.err = err
		}
	}
	ended := false
	defer func() {
		if !ended { // fn panicked
			undo()
		}
	}()
	err := t.verdict(ctx, fn(ctx, t))
	ended = true
	if err != nil {
		undo()
		return err
	}
	_, err = t.Exec(ctx, "RELEASE SAVEPOINT "+name)
	return err
}

// Query runs a statement that returns rows, which may also write.
func (t *Tx) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	if t.readOnly && writes(sql) {
		return nil, ErrReadOnly
	}
	r, err := t.db.queryOn(ctx, t.conn, sql, args)
	if err != nil {
		t.fail(err)
		return nil, err
	}
	t.rows = r
	r.ended = func(err error) {
		t.rows = nil
		t.fail(err)
	}
	return r, nil
}

// Exec runs a statement and returns how many rows it affected.
func (t *Tx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if err := t.usable(); err != nil {
		return 0, err
	}
	if t.readOnly && writes(sql) {
		return 0, ErrReadOnly
	}
	n, err := t.db.exec(ctx, t.conn, sql, args)
	t.fail(err)
	return n, err
}

func (t *Tx) usable() error {
	switch {
	case t.done.Load():
		return errors.New("db: the transaction is over")
	case t.err != nil:
		return fmt.Errorf("%w: %w", ErrAborted, t.err)
	case t.rows != nil:
		return ErrBusy
	default:
		return nil
	}
}

// closeRows closes what fn forgot, which would keep the connection busy.
func (t *Tx) closeRows() {
	if t.rows != nil {
		_ = t.rows.Close()
	}
}

func (t *Tx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// isSerialization reports whether Postgres asks to run the transaction again.
func isSerialization(err error) bool {
	var s interface{ SQLState() string }
	if !errors.As(err, &s) {
		return false
	}
	const serializationFailure, deadlockDetected = "40001", "40P01"
	return s.SQLState() == serializationFailure || s.SQLState() == deadlockDetected
}
