package db

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
)

// Get returns the first row of a query as a T, or [ErrNotFound]. T is a struct
// whose fields the columns are matched to, or a single value; see the package
// comment. Further rows are not read.
func Get[T any](ctx context.Context, q Querier, sql string, args ...any) (T, error) {
	var v T
	err := each(ctx, q, sql, args, &v, func() bool { return false })
	if errors.Is(err, errNoRow) {
		err = ErrNotFound
	}
	return v, err
}

// All returns every row of a query, in its order; no rows are a nil slice. The
// query must bound their number with LIMIT, since all of them are in memory;
// use [Each] where it cannot.
func All[T any](ctx context.Context, q Querier, sql string, args ...any) ([]T, error) {
	var v T
	var all []T
	err := each(ctx, q, sql, args, &v, func() bool {
		all = append(all, v)
		return true
	})
	if err != nil && !errors.Is(err, errNoRow) {
		return nil, err
	}
	return all, nil
}

// Each returns the rows of a query one by one, in constant memory. The query
// runs when the loop starts, again in each loop. An error is the last thing
// that is yielded, with a zero T. Leaving the loop closes the rows. Meanwhile
// a connection is held: on [DB.Writer], the only one of SQLite.
func Each[T any](ctx context.Context, q Querier, sql string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var v T
		more := true
		err := each(ctx, q, sql, args, &v, func() bool {
			more = yield(v, nil)
			return more
		})
		if err != nil && more && !errors.Is(err, errNoRow) {
			var zero T
			yield(zero, err)
		}
	}
}

// errNoRow tells Get that the query had no row; it never leaves this file.
var errNoRow = errors.New("db: no row")

// each runs a query and calls next after each row has been stored in v, until
// it returns false.
func each[T any](ctx context.Context, q Querier, sql string, args []any, v *T, next func() bool) (err error) {
	r, err := q.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer func() {
		// Also when next panics: the connection must not be lost with it.
		if e := r.Close(); err == nil || errors.Is(err, errNoRow) && e != nil {
			err = e
		}
	}()
	own, _ := r.(*rows)
	var plans *planCache
	if own != nil {
		plans = &own.db.plans
	}
	// Before the first row, so that an empty table shows a wrong type as well.
	p, err := plans.plan(reflect.TypeFor[T](), r.Columns())
	if err != nil {
		if e := r.Close(); e != nil {
			return e // Postgres has no columns where the statement failed
		}
		return err
	}
	dest := p.dest(reflect.ValueOf(v).Elem()) // once: every row is scanned into v
	var zero T
	found := false
	for r.Next() {
		found = true
		*v = zero // else a row could share slices with the one before
		if err := r.Scan(dest...); err != nil {
			*v = zero
			return fmt.Errorf("db: scan: %w", err)
		}
		if !next() {
			return nil
		}
	}
	if err := r.Err(); err != nil {
		return err
	}
	if !found {
		return errNoRow
	}
	return nil
}
