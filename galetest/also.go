package galetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/galeweb/gale/db"
)

// errAlso is that of a record which cannot be stored.
var errAlso = errors.New("galetest: the record cannot be stored")

// Also demands of a change of d that it and what [db.Also] adds to it are stored
// together or not at all. The change is called twice: when its record fails it
// must return that error and leave every table as it was, and when the record is
// stored, nothing of the change may be there before it, nothing come after, and
// the error be nil. The change must be one that changes something, and must hand
// its context on to it.
//
//	galetest.Also(t, d, func(ctx context.Context) error { return passkeys.Delete(ctx, user, id) })
//
// Nobody else may change d meanwhile; all of it is read six times.
func Also(tb testing.TB, d *db.DB, change func(context.Context) error) {
	tb.Helper()
	ctx := tb.Context()
	before := contents(tb, d)
	runs := 0
	err := change(db.Also(ctx, func(context.Context, *db.Tx) error { runs++; return errAlso }, func() {
		tb.Error("galetest: a change whose record failed was committed")
	}))
	switch {
	case runs == 0:
		tb.Fatalf("galetest: no record was asked for: the change returned %v, and its context has come to no write", err)
	case !errors.Is(err, errAlso):
		tb.Errorf("galetest: the record failed, and the change returned %v", err)
	}
	if now := contents(tb, d); now != before {
		tb.Fatalf("galetest: the record failed, and the change left%s", difference(before, now))
	}

	const records = "galetest_also"
	if _, err := d.Exec(ctx, "CREATE TABLE "+records+" (n BIGINT)"); err != nil {
		tb.Fatalf("galetest: %v", err)
	}
	before = contents(tb, d)
	var during, committed string
	err = change(db.Also(ctx, func(inside context.Context, tx *db.Tx) error {
		during = contents(tb, d) // outside of the transaction, which has not been committed
		_, err := tx.Exec(inside, "INSERT INTO "+records+" (n) VALUES (1)")
		return err
	}, func() { committed = contents(tb, d) }))
	after := contents(tb, d)
	if _, dropped := d.Exec(ctx, "DROP TABLE "+records); dropped != nil {
		tb.Fatalf("galetest: %v", dropped)
	}
	stored := difference(before, after)
	switch {
	case err != nil:
		tb.Errorf("galetest: the record was stored, and the change returned %v", err)
	case during != before:
		tb.Errorf("galetest: a part of the change was stored before its record:%s", difference(before, during))
	case committed != after:
		tb.Errorf("galetest: a part of the change was stored after its record:%s", difference(committed, after))
	case strings.Count(stored, "\n+ "+records) != 1 || strings.Count(stored, "\n") < 2:
		tb.Errorf("galetest: not both the change and one record were stored:%s", stored)
	}
}

// contents returns every row of every table, one a line, without an order.
func contents(tb testing.TB, d *db.DB) string {
	tb.Helper()
	tables := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`
	if d.Dialect() == db.Postgres {
		tables = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`
	}
	names, err := db.All[string](tb.Context(), d, tables)
	var lines []string
	for i := 0; i < len(names) && err == nil; i++ {
		lines, err = appendRows(tb.Context(), d, lines, names[i])
	}
	if err != nil {
		tb.Fatalf("galetest: read all tables: %v", err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func appendRows(ctx context.Context, d *db.DB, lines []string, table string) ([]string, error) {
	rows, err := d.Query(ctx, `SELECT * FROM "`+table+`"`)
	if err != nil {
		return nil, err
	}
	columns := rows.Columns()
	cells := make([]cell, len(columns))
	dest := make([]any, len(columns))
	for i := range cells {
		dest[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			_ = rows.Close()
			return nil, err
		}
		line := table
		for i, c := range cells {
			line += " " + columns[i] + "=" + string(c)
		}
		lines = append(lines, line)
	}
	return lines, rows.Close()
}

// cell takes a value of any kind.
type cell string

// Scan implements [sql.Scanner].
func (c *cell) Scan(v any) error {
	if b, ok := v.([]byte); ok {
		v = string(b)
	}
	*c = cell(fmt.Sprintf("%q", fmt.Sprint(v))) // nil is "<nil>"
	return nil
}

// difference returns the lines that only one of two contents has, each after a
// line break.
func difference(before, after string) string {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	var b strings.Builder
	only := func(sign string, of, others []string) {
		for _, line := range of {
			if line != "" && !slices.Contains(others, line) {
				b.WriteString("\n" + sign + " " + line)
			}
		}
	}
	only("-", was, is)
	only("+", is, was)
	return b.String()
}
