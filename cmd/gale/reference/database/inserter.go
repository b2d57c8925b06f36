package database

import (
	"context"
	"strings"

	"github.com/galeweb/gale/db"
)

// inserter inserts rows many at a time, which costs a third of inserting them
// one by one. It uses statements of a few sizes only, so that they stay
// prepared.
type inserter struct {
	tx      *db.Tx
	columns int
	sizes   []insertStatement // largest first
	args    []any

	added, inserted int // rows
}

type insertStatement struct {
	rows int
	text string
}

// newInserter returns an inserter whose statements are insert, the values, and
// end.
func newInserter(tx *db.Tx, insert string, columns int, end string) *inserter {
	in := &inserter{tx: tx, columns: columns}
	for _, n := range []int{64, 8, 1} {
		in.sizes = append(in.sizes, insertStatement{n, insert + tuples(n, columns) + end})
	}
	return in
}

// tuples returns "($1,$2),($3,$4)" for 2 rows of 2 columns.
func tuples(rows, columns int) string {
	var b strings.Builder
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("(" + placeholders(i*columns+1, columns) + ")")
	}
	return b.String()
}

func (in *inserter) add(ctx context.Context, values ...any) error {
	in.added++
	in.args = append(in.args, values...)
	if len(in.args) == in.sizes[0].rows*in.columns {
		return in.flush(ctx)
	}
	return nil
}

// flush inserts what add collected.
func (in *inserter) flush(ctx context.Context) error {
	rest := in.args
	for _, s := range in.sizes {
		for n := s.rows * in.columns; len(rest) >= n; rest = rest[n:] {
			inserted, err := in.tx.Exec(ctx, s.text, rest[:n]...)
			if err != nil {
				return err
			}
			in.inserted += int(inserted)
		}
	}
	clear(in.args)
	in.args = in.args[:0]
	return nil
}
