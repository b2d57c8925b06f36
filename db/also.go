package db

import (
	"context"

	"github.com/galeweb/gale/internal/ctxkey"
)

var alsoKey = ctxkey.New[*also]("db.Also")

// also is what a change of the database is to do besides.
type also struct {
	run       func(context.Context, *Tx) error
	committed func()
	earlier   *also
	spent     bool
}

// Also returns a context with which the next change of the database, by [DB.Tx]
// or [DB.Exec], also calls run, last in the same transaction: what run writes is
// stored exactly when the change is. It is for changes that are made by code
// which knows nothing of run:
//
//	err := passkeys.Delete(db.Also(ctx, note, nil), user, id)
//
// An error of run undoes the change and is returned for it. An Exec that changes
// no row does not call run. Committed, which may be nil, is called after the
// commit; the context then does nothing more. Of calls inside each other the
// outer one runs first.
//
// Give the context to the one call that makes the change and to nothing else: a
// call that first counts an attempt in the same database would have run stored
// with the count. What [DB.Writer] queries and a [Batcher] commits is not meant.
// One goroutine at a time uses the context.
func Also(ctx context.Context, run func(context.Context, *Tx) error, committed func()) context.Context {
	earlier, _ := alsoKey.Value(ctx)
	return alsoKey.With(ctx, &also{run: run, committed: committed, earlier: earlier})
}

// alsoOf returns what is to be done besides, or nil.
func alsoOf(ctx context.Context) *also {
	for a, _ := alsoKey.Value(ctx); a != nil; a = a.earlier {
		if !a.spent {
			return a
		}
	}
	return nil
}

func (a *also) do(ctx context.Context, tx *Tx) error {
	if a == nil {
		return nil
	}
	if err := a.earlier.do(ctx, tx); err != nil || a.spent {
		return err
	}
	return a.run(ctx, tx)
}

func (a *also) done() {
	if a == nil {
		return
	}
	a.earlier.done()
	if !a.spent {
		a.spent = true
		if a.committed != nil {
			a.committed()
		}
	}
}

// execAlso is Exec as a transaction.
func (d *DB) execAlso(ctx context.Context, sql string, args []any) (n int64, err error) {
	err = d.Tx(ctx, func(ctx context.Context, tx *Tx) (err error) {
		n, err = tx.Exec(ctx, sql, args...)
		tx.idle = n == 0
		return err
	})
	return n, err
}
