package reencrypt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/keyring"
)

// Schema is the tables of the jobs' places and of the columns that the
// application declares, for a migration of the application. It is the same on
// SQLite and Postgres.
const Schema = `CREATE TABLE keyring_jobs (
	job       TEXT PRIMARY KEY,
	target    TEXT NOT NULL, -- ids of the keys that the job moves to
	after_key TEXT NOT NULL  -- key of the last row that it did
);
CREATE TABLE keyring_columns (
	name TEXT PRIMARY KEY -- table, dot, column: of encrypted values or of an index
);
`

// Column is an encrypted column, of type BLOB or BYTEA.
type Column struct {
	// Name of the column. Required.
	Name string
	// AEAD is what its values are encrypted with. Required.
	AEAD *keyring.AEAD
	// IndexName is the column of its blind index, built again along with it.
	// The values are then text. Where it is UNIQUE, two rows that became equal
	// while they were under different keys end the job with [db.ErrConflict].
	// Optional, as is Index.
	IndexName string
	// Index makes the values of IndexName.
	Index *keyring.BlindIndex
}

// TableOptions describe a table. Their names become SQL, so they are constants
// of the program: letters, digits and "_", with a schema before a dot.
type TableOptions struct {
	// Table is its name. Required.
	Table string
	// Key is the column that identifies a row. Defaults to "id".
	Key string
	// Columns are the encrypted ones. Required.
	Columns []Column
	// Row returns what the values of the row with the key are bound to, as it
	// was given to [keyring.Seal]. Defaults to the key as text.
	Row func(key string) string
	// Job is the name under which the place is stored. Defaults to Table.
	Job string
}

// Table is a [Batcher] and a [keyring.Counter] on a table of SQLite or
// Postgres.
type Table struct {
	db *db.DB
	o  TableOptions
}

// NewTable panics when the options make no sense.
func NewTable(d *db.DB, o TableOptions) *Table {
	o.Key = cmp.Or(o.Key, "id")
	o.Job = cmp.Or(o.Job, o.Table)
	o.Columns = slices.Clone(o.Columns)
	if o.Row == nil {
		o.Row = func(key string) string { return key }
	}
	names := []string{o.Table, o.Key}
	for _, c := range o.Columns {
		names = append(names, c.Name)
		if c.IndexName != "" {
			names = append(names, c.IndexName)
		}
		switch {
		case c.AEAD == nil:
			panic("reencrypt: column " + c.Name + " without AEAD")
		case (c.IndexName == "") != (c.Index == nil):
			panic("reencrypt: column " + c.Name + " has one of Index and IndexName; give both or neither")
		}
	}
	for _, name := range names {
		if !isName(name) {
			panic(fmt.Sprintf("reencrypt: %q is not the name of a table or column", name))
		}
	}
	switch {
	case d == nil:
		panic("reencrypt: NewTable without a database; open one with db.Open")
	case len(o.Columns) == 0:
		panic("reencrypt: NewTable without columns")
	}
	return &Table{d, o}
}

// isName reports whether s may stand in SQL as it is.
func isName(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || part[0] >= '0' && part[0] <= '9' || strings.ContainsFunc(part, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
		}) {
			return false
		}
	}
	return true
}

// target names the keys that values are moved to: a place is good only for
// the keys it was reached with.
func (t *Table) target() (string, error) {
	var ids []string
	for _, c := range t.o.Columns {
		id, err := c.AEAD.KeyID()
		if err != nil {
			return "", err
		}
		ids = append(ids, id)
		if c.Index != nil {
			if id, err = c.Index.KeyID(); err != nil {
				return "", err
			}
			ids = append(ids, id)
		}
	}
	return strings.Join(ids, ","), nil
}

// Cursor implements [Batcher].
func (t *Table) Cursor(ctx context.Context) (string, error) {
	target, err := t.target()
	if err != nil {
		return "", err
	}
	// The writer, as on a replica the place could be an older one.
	after, err := db.Get[string](ctx, t.db.Writer(), "SELECT after_key FROM keyring_jobs WHERE job = $1 AND target = $2", t.o.Job, target)
	if errors.Is(err, db.ErrNotFound) {
		return "", nil
	}
	return after, err
}

// row is what is stored; values has one for each column, with its index behind
// it where it has one.
type row struct {
	key    string
	values [][]byte
}

// Next implements [Batcher].
func (t *Table) Next(ctx context.Context, cursor string, limit int) (Batch, error) {
	rows, err := t.read(ctx, cursor, limit)
	if err != nil {
		return Batch{}, err
	}
	b := Batch{Rows: len(rows), Cursor: cursor, Last: len(rows) < limit}
	for _, r := range rows {
		b.Cursor = r.key
		changes, err := t.changes(r)
		switch {
		case errors.Is(err, keyring.ErrNoKey):
			return Batch{}, err
		case err != nil:
			b.Failed = append(b.Failed, r.key)
		}
		b.Changes = append(b.Changes, changes...)
	}
	return b, nil
}

func (t *Table) read(ctx context.Context, cursor string, limit int) ([]row, error) {
	// With t, since in Postgres a bare name in ORDER BY would be the text.
	columns := []string{"CAST(t." + t.o.Key + " AS TEXT)"}
	for _, c := range t.o.Columns {
		columns = append(columns, c.Name)
		if c.Index != nil {
			columns = append(columns, c.IndexName)
		}
	}
	query, args := "SELECT "+strings.Join(columns, ", ")+" FROM "+t.o.Table+" AS t", []any{limit}
	// "" would be no integer and no UUID, so the first query has no condition.
	if cursor != "" {
		query += " WHERE t." + t.o.Key + " > $2"
		args = append(args, cursor)
	}
	found, err := t.db.Query(ctx, query+" ORDER BY t."+t.o.Key+" LIMIT $1", args...)
	if err != nil {
		return nil, err
	}
	var rows []row
	for found.Next() {
		r := row{values: make([][]byte, len(columns)-1)}
		dest := []any{&r.key}
		for i := range r.values {
			dest = append(dest, &r.values[i])
		}
		if err := found.Scan(dest...); err != nil {
			return nil, errors.Join(err, found.Close())
		}
		rows = append(rows, r)
	}
	return rows, errors.Join(found.Err(), found.Close())
}

// changes returns what of the row is not under the current keys. A value that
// fails does not keep the others from changing.
func (t *Table) changes(r row) ([]Change, error) {
	var (
		out    []Change
		failed error
	)
	values := r.values
	for _, c := range t.o.Columns {
		sealed := values[0]
		var index []byte
		values = values[1:]
		if c.Index != nil {
			index, values = values[0], values[1:]
		}
		change, err := t.change(c, r.key, sealed, index)
		switch {
		case err != nil:
			failed = err
		case change != nil:
			out = append(out, *change)
		}
	}
	return out, failed
}

// change returns nil when both values are under the current keys.
func (t *Table) change(c Column, key string, sealed, index []byte) (*Change, error) {
	if sealed == nil {
		return nil, nil
	}
	associated := []byte(t.o.Row(key))
	renewed, err := c.AEAD.Renew(sealed, associated)
	if err != nil {
		return nil, err
	}
	change := &Change{Key: key, Column: c.Name, Old: sealed, New: renewed}
	if c.Index == nil {
		return change.unless(string(renewed) == string(sealed)), nil
	}
	current, err := c.Index.KeyID()
	if err != nil {
		return nil, err
	}
	if id, _ := keyring.KeyOf(index); id == current {
		return change.unless(string(renewed) == string(sealed)), nil
	}
	plaintext, err := c.AEAD.Open(sealed, associated)
	if err != nil {
		return nil, err
	}
	change.IndexColumn = c.IndexName
	change.Index, err = c.Index.Sum(string(plaintext))
	return change, err
}

func (c *Change) unless(none bool) *Change {
	if none {
		return nil
	}
	return c
}

// Save implements [Batcher].
func (t *Table) Save(ctx context.Context, b Batch) (changed int, err error) {
	target, err := t.target()
	if err != nil {
		return 0, err
	}
	err = t.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		changed = 0 // a transaction may run twice
		for _, c := range b.Changes {
			set, args := c.Column+" = $3", []any{c.Key, c.Old, c.New}
			if c.IndexColumn != "" {
				set += ", " + c.IndexColumn + " = $4"
				args = append(args, c.Index)
			}
			n, err := tx.Exec(ctx, "UPDATE "+t.o.Table+" SET "+set+" WHERE "+t.o.Key+" = $1 AND "+c.Column+" = $2", args...)
			if err != nil {
				return err
			}
			changed += int(n)
		}
		if b.Last {
			_, err := tx.Exec(ctx, "DELETE FROM keyring_jobs WHERE job = $1", t.o.Job)
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO keyring_jobs (job, target, after_key) VALUES ($1, $2, $3)
			ON CONFLICT (job) DO UPDATE SET target = excluded.target, after_key = excluded.after_key`, t.o.Job, target, b.Cursor)
		return err
	})
	return changed, err
}

// CountKeys implements [keyring.Counter].
func (t *Table) CountKeys(ctx context.Context) (map[string]int64, error) {
	var columns []string
	for _, c := range t.o.Columns {
		columns = append(columns, c.Name)
		if c.Index != nil {
			columns = append(columns, c.IndexName)
		}
	}
	return Count(ctx, t.db, t.o.Table, columns...)
}
