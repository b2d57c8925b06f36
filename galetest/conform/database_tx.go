package conform

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/internal/assert"
)

func databaseColumns(t *testing.T, d *db.DB) {
	boats(t, d, 0) // no rows: the mistake shows all the same
	type short struct{ ID int64 }
	_, err := db.All[short](t.Context(), d, "SELECT id, name FROM boats")
	assert.True(t, err != nil && strings.Contains(err.Error(), `"name"`), "a column without a field is not named")
	type long struct {
		boat
		Length float64
	}
	_, err = db.All[long](t.Context(), d, "SELECT id, name FROM boats")
	assert.True(t, err != nil && strings.Contains(err.Error(), "length"), "a field without a column is not named")
	_, err = db.All[int](t.Context(), d, "SELECT id, name FROM boats")
	assert.True(t, err != nil && strings.Contains(err.Error(), "1 column"), "two columns went into one value")
	_, err = db.All[boat](t.Context(), d, "SELECT id, name, id FROM boats")
	assert.True(t, err != nil && strings.Contains(err.Error(), "twice"), "a column went in twice")
}

func constraint(t *testing.T, err error) *db.ConstraintError {
	t.Helper()
	c, ok := errors.AsType[*db.ConstraintError](err)
	if !ok {
		t.Fatalf("error is %v, want a ConstraintError", err)
	}
	return c
}

func databaseUnique(t *testing.T, d *db.DB) {
	boats(t, d, 1)
	_, err := d.Exec(t.Context(), "INSERT INTO boats (id, name) VALUES ($1, $2)", 2, boatName(1))
	assert.ErrorIs(t, err, db.ErrConflict)
	c := constraint(t, err)
	assert.Equal(t, c.Kind, db.UniqueViolation)
	assert.Equal(t, c.Table, "boats")
	assert.Equal(t, c.Columns, []string{"name"})
	assert.True(t, !strings.Contains(c.Error(), boatName(1)), "the error shows the value")
	_, err = db.Get[int](t.Context(), d.Writer(), "INSERT INTO boats (id, name) VALUES ($1, $2) RETURNING id", 1, "other")
	assert.ErrorIs(t, err, db.ErrConflict)
}

func databaseForeignKey(t *testing.T, d *db.DB) {
	boats(t, d, 1)
	mustExec(t, d, "CREATE TABLE sails (id INTEGER PRIMARY KEY, boat INTEGER NOT NULL REFERENCES boats (id))")
	mustExec(t, d, "INSERT INTO sails VALUES (1, 1)")
	_, err := d.Exec(t.Context(), "INSERT INTO sails VALUES (2, 99)")
	assert.ErrorIs(t, err, db.ErrConflict)
	assert.Equal(t, constraint(t, err).Kind, db.ForeignKeyViolation)
	_, err = d.Exec(t.Context(), "DELETE FROM boats WHERE id = 1")
	assert.ErrorIs(t, err, db.ErrConflict)
}

func databaseCheck(t *testing.T, d *db.DB) {
	mustExec(t, d, "CREATE TABLE boats (id INTEGER PRIMARY KEY, name TEXT NOT NULL, CONSTRAINT positive CHECK (id > 0))")
	_, err := d.Exec(t.Context(), "INSERT INTO boats VALUES ($1, $2)", -1, "x")
	c := constraint(t, err)
	assert.Equal(t, c.Kind, db.CheckViolation)
	assert.Equal(t, c.Name, "positive")
	assert.True(t, !errors.Is(err, db.ErrConflict), "a check is a conflict")
	_, err = d.Exec(t.Context(), "INSERT INTO boats VALUES ($1, $2)", 1, nil)
	c = constraint(t, err)
	assert.Equal(t, c.Kind, db.NotNullViolation)
	assert.Equal(t, c.Columns, []string{"name"})
}

func databasePlaceholders(t *testing.T, d *db.DB) {
	boats(t, d, 12)
	// Out of order, repeated, and of two digits.
	got, err := db.Get[boat](t.Context(), d, `SELECT id, name FROM boats WHERE name = $2 AND id = $1 AND $2 = name
		AND id NOT IN ($3, $4, $5, $6, $7, $8, $9, $10)`, 12, boatName(12), 1, 2, 3, 4, 5, 6, 7, 8)
	assert.NoError(t, err)
	assert.Equal(t, got.ID, 12)
	_, err = db.Get[boat](t.Context(), d, "SELECT id, name FROM boats WHERE id = $1 AND name = $2", 1)
	assert.True(t, err != nil && !errors.Is(err, db.ErrNotFound), "a missing argument is not an error")
}

func databaseInjection(t *testing.T, d *db.DB) {
	boats(t, d, 2)
	_, err := db.Get[boat](t.Context(), d, "SELECT id, name FROM boats WHERE name = $1", "' OR 1=1; DROP TABLE boats; --")
	assert.ErrorIs(t, err, db.ErrNotFound)
	assert.Equal(t, count(t, d), 2)
}

func databaseCommit(t *testing.T, d *db.DB) {
	boats(t, d, 0)
	err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		mustExec(t, tx, "INSERT INTO boats VALUES (1, 'one')")
		assert.Equal(t, count(t, tx), 1)
		return nil
	})
	assert.NoError(t, err)
	assert.Equal(t, count(t, d), 1)
}

func databaseRollback(t *testing.T, d *db.DB) {
	boats(t, d, 0)
	wanted := errors.New("no wind")
	var kept *db.Tx
	err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		mustExec(t, tx, "INSERT INTO boats VALUES (1, 'one')")
		kept = tx
		return wanted
	})
	assert.Equal(t, err, wanted)
	assert.Equal(t, count(t, d), 0)
	_, err = kept.Exec(t.Context(), "INSERT INTO boats VALUES (1, 'one')")
	assert.True(t, err != nil, "a transaction that is over takes statements")
}

func databasePanic(t *testing.T, d *db.DB) {
	boats(t, d, 0)
	got := assert.Panics(t, func() {
		_ = d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			mustExec(t, tx, "INSERT INTO boats VALUES (1, 'one')")
			panic("overboard")
		})
	})
	assert.Equal(t, got, any("overboard"))
	assert.Equal(t, count(t, d), 0)
	mustExec(t, d, "INSERT INTO boats VALUES (1, 'one')") // the writer is free
}

func databaseCancel(t *testing.T, d *db.DB) {
	boats(t, d, 0)
	ctx, cancel := context.WithCancel(t.Context())
	err := d.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO boats VALUES (1, 'one')")
		cancel()
		return err
	})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, count(t, d), 0)
	mustExec(t, d, "INSERT INTO boats VALUES (1, 'one')")
}

func databaseAborted(t *testing.T, d *db.DB) {
	boats(t, d, 1)
	err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		mustExec(t, tx, "INSERT INTO boats VALUES (2, 'two')")
		_, err := tx.Exec(ctx, "INSERT INTO boats VALUES (1, 'again')")
		assert.ErrorIs(t, err, db.ErrConflict)
		_, err = tx.Exec(ctx, "INSERT INTO boats VALUES (3, 'three')")
		assert.ErrorIs(t, err, db.ErrAborted)
		return nil // swallowed: must not commit the half
	})
	assert.ErrorIs(t, err, db.ErrAborted)
	assert.ErrorIs(t, err, db.ErrConflict)
	assert.Equal(t, count(t, d), 1)
}

func databaseSavepoint(t *testing.T, d *db.DB) {
	boats(t, d, 1)
	err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		err := tx.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
			mustExec(t, tx, "INSERT INTO boats VALUES (2, 'two')")
			return tx.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO boats VALUES (1, 'again')")
				return err
			})
		})
		assert.ErrorIs(t, err, db.ErrConflict)
		assert.Equal(t, count(t, tx), 1)
		return tx.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
			mustExec(t, tx, "INSERT INTO boats VALUES (3, 'three')")
			return nil
		})
	})
	assert.NoError(t, err)
	ids, err := db.All[int](t.Context(), d, "SELECT id FROM boats ORDER BY id")
	assert.NoError(t, err)
	assert.Equal(t, ids, []int{1, 3})
}

func databaseNestedUse(t *testing.T, d *db.DB) {
	boats(t, d, 1)
	err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := d.Exec(ctx, "DELETE FROM boats")
		assert.ErrorIs(t, err, db.ErrNested)
		_, err = db.Get[int](ctx, d, "SELECT count(*) FROM boats")
		assert.ErrorIs(t, err, db.ErrNested)
		assert.ErrorIs(t, d.Tx(ctx, func(context.Context, *db.Tx) error { return nil }), db.ErrNested)
		return nil
	})
	assert.NoError(t, err)
}

func databaseOpenRows(t *testing.T, d *db.DB) {
	boats(t, d, 3)
	err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		rows, err := tx.Query(ctx, "SELECT id FROM boats")
		assert.NoError(t, err)
		_, err = tx.Exec(ctx, "DELETE FROM boats")
		assert.ErrorIs(t, err, db.ErrBusy)
		assert.NoError(t, rows.Close())
		_, err = tx.Exec(ctx, "DELETE FROM boats")
		return err
	})
	assert.NoError(t, err)
	assert.Equal(t, count(t, d), 0)
}

func databaseReadTx(t *testing.T, d *db.DB) {
	boats(t, d, 2)
	err := d.ReadTx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		assert.Equal(t, count(t, tx), 2)
		if d.Stats()[0].Max > 1 { // in memory, SQLite has one connection
			mustExec(t, d, "DELETE FROM boats WHERE id = 1")
		}
		assert.Equal(t, count(t, tx), 2)
		_, err := tx.Exec(ctx, "DELETE FROM boats")
		assert.ErrorIs(t, err, db.ErrReadOnly)
		return nil
	})
	assert.NoError(t, err)
}

func databaseCanceled(t *testing.T, d *db.DB) {
	boats(t, d, 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := db.Get[boat](ctx, d, "SELECT id, name FROM boats")
	assert.ErrorIs(t, err, context.Canceled)
	_, err = d.Exec(ctx, "DELETE FROM boats")
	assert.ErrorIs(t, err, context.Canceled)
	assert.True(t, !errors.Is(err, db.ErrUnavailable), "a context's error is taken for the database's")
	assert.Equal(t, count(t, d), 2)
}

// databaseCanceledRows: a loop over many rows ends soon after its context.
func databaseCanceledRows(t *testing.T, d *db.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	const million = "WITH RECURSIVE g (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 1000000) SELECT i FROM g"
	for _, last = range db.Each[int](ctx, d, million) {
		if n++; n == 10 {
			cancel()
		}
	}
	assert.ErrorIs(t, last, context.Canceled)
	assert.True(t, n < 1_000_000, "the loop went to its end")
	assert.NoError(t, d.Ping(t.Context()))
}

// databaseForgottenRows: rows that nobody closes go with their transaction.
func databaseForgottenRows(t *testing.T, d *db.DB) {
	boats(t, d, 3)
	for _, wanted := range []error{nil, errors.New("no wind")} {
		err := d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			rows, err := tx.Query(ctx, "SELECT id FROM boats")
			assert.NoError(t, err)
			assert.True(t, rows.Next(), "no row")
			return wanted
		})
		assert.True(t, err != nil, "committed with open rows")
		mustExec(t, d, "DELETE FROM boats WHERE id = 99")
	}
}

func databaseBatcher(t *testing.T, d *db.DB) {
	boats(t, d, 0)
	b := db.NewBatcher(d, db.BatchOptions{}, func(ctx context.Context, tx *db.Tx, ids []int) ([]string, error) {
		names := make([]string, len(ids))
		for i, id := range ids {
			names[i] = fmt.Sprintf("boat %d", id)
			if _, err := tx.Exec(ctx, "INSERT INTO boats VALUES ($1, $2)", id, names[i]); err != nil {
				return nil, err
			}
		}
		return names, nil
	})
	done := make(chan error, 1)
	go func() { done <- b.Run(context.WithoutCancel(t.Context())) }()
	var wg sync.WaitGroup
	for id := range 100 {
		wg.Go(func() {
			name, err := b.Do(t.Context(), id)
			if err != nil {
				t.Error(err)
				return
			}
			assert.Equal(t, name, fmt.Sprintf("boat %d", id))
			_, err = db.Get[boat](t.Context(), d, "SELECT id, name FROM boats WHERE id = $1", id)
			if err != nil {
				t.Errorf("acknowledged, but %v", err)
			}
		})
		if id%10 == 0 {
			wg.Go(func() {
				if _, err := b.Do(t.Context(), 1000+id/100); err != nil {
					assert.ErrorIs(t, err, db.ErrConflict) // all but one of them
				}
			})
		}
	}
	wg.Wait()
	assert.NoError(t, b.Close(t.Context()))
	assert.NoError(t, <-done)
	assert.Equal(t, count(t, d), 101)
}

func databasePage(t *testing.T, d *db.DB) {
	boats(t, d, 25)
	var ids []int64
	cursor := ""
	for pages := 1; ; pages++ {
		after := int64(0)
		if cursor != "" {
			assert.NoError(t, db.DecodeCursor(cursor, &after))
		}
		const limit = 10
		items, err := db.All[boat](t.Context(), d, "SELECT id, name FROM boats WHERE id > $1 ORDER BY id LIMIT $2", after, limit+1)
		assert.NoError(t, err)
		page := db.NewPage(items, limit, func(b boat) string { return db.EncodeCursor(b.ID) })
		for _, b := range page.Items {
			ids = append(ids, b.ID)
		}
		if page.Next == "" {
			assert.Equal(t, pages, 3)
			break
		}
		cursor = page.Next
	}
	assert.Equal(t, len(ids), 25)
	assert.Equal(t, ids[24], 25)
}

func databaseClosed(t *testing.T, d *db.DB) {
	boats(t, d, 1)
	assert.NoError(t, d.Close())
	assert.NoError(t, d.Close())
	_, err := db.Get[boat](t.Context(), d, "SELECT id, name FROM boats")
	assert.ErrorIs(t, err, db.ErrClosed)
	_, err = d.Exec(t.Context(), "DELETE FROM boats")
	assert.ErrorIs(t, err, db.ErrClosed)
}
