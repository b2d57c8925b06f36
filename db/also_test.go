package db_test

import (
	"context"
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
)

func TestAlso(t *testing.T) {
	t.Parallel()
	f := &fake{}
	d := openFake(t, f, db.Options{Logger: quiet, Retries: 1})
	var err error
	committed := 0
	note := func(ctx context.Context) context.Context {
		return db.Also(ctx, func(ctx context.Context, tx *db.Tx) error {
			if _, failed := tx.Exec(ctx, "NOTE"); failed != nil {
				return failed
			}
			return err
		}, func() { committed++ })
	}
	change := func(ctx context.Context) error {
		return d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error { _, err := tx.Exec(ctx, "CHANGE"); return err })
	}

	ctx := note(t.Context())
	_, failed := d.Exec(ctx, "CHANGE")
	assert.NoError(t, failed)
	assert.Equal(t, f.statements(), "BEGIN; CHANGE; NOTE; COMMIT")
	assert.NoError(t, change(ctx)) // once
	_, failed = d.Exec(ctx, "CHANGE")
	assert.NoError(t, failed)
	assert.Equal(t, f.statements(), "BEGIN; CHANGE; COMMIT; CHANGE")
	assert.Equal(t, committed, 1)

	// What only reads is no change, and an inner call comes after the outer.
	ctx = db.Also(note(t.Context()), func(ctx context.Context, tx *db.Tx) error { _, err := tx.Exec(ctx, "INNER"); return err }, nil)
	assert.NoError(t, d.ReadTx(ctx, func(context.Context, *db.Tx) error { return nil }))
	assert.NoError(t, change(ctx))
	assert.Equal(t, f.statements(), "BEGIN; COMMIT; BEGIN; CHANGE; NOTE; INNER; COMMIT")

	// What was not committed is not done: the next try has it again.
	ctx, err = note(t.Context()), state("40001")
	assert.ErrorIs(t, change(ctx), err)
	assert.Equal(t, f.statements(), "BEGIN; CHANGE; NOTE; ROLLBACK; BEGIN; CHANGE; NOTE; ROLLBACK")
	err = nil
	assert.NoError(t, change(ctx))
	assert.Equal(t, f.statements(), "BEGIN; CHANGE; NOTE; COMMIT")
	assert.Equal(t, committed, 3)

	ctx = note(t.Context())
	assert.ErrorIs(t, d.Tx(ctx, func(context.Context, *db.Tx) error { return errBad }), errBad)
	assert.Equal(t, f.statements(), "BEGIN; ROLLBACK")
	f.affected = -1
	_, failed = d.Exec(ctx, "CHANGE")
	assert.NoError(t, failed)
	assert.Equal(t, f.statements(), "BEGIN; CHANGE; COMMIT") // no row, no note
	f.affected = 0
	f.exec = func(sql string, _ []any) error {
		if sql == "COMMIT" {
			return db.ErrUnavailable
		}
		return nil
	}
	assert.ErrorIs(t, change(ctx), db.ErrUnavailable)
	assert.Equal(t, committed, 3)
}
