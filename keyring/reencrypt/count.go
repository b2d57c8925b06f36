package reencrypt

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/keyring"
)

var errNoColumns = errors.New("reencrypt: keyring_columns names no column; the migration that makes an encrypted column inserts its name there")

// Columns returns the names in the table keyring_columns, such as
// "users.phone": all columns that the application has declared to have
// encrypted values or those of an index, so that gale secret needs only the
// database to count what is under a key. None is an error, since that would
// read as if every key could go.
func Columns(ctx context.Context, d *db.DB) ([]string, error) {
	names, err := db.All[string](ctx, d, "SELECT name FROM keyring_columns ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("reencrypt: declared columns: %w", err)
	}
	if len(names) == 0 {
		return nil, errNoColumns
	}
	return names, nil
}

// Count returns how many values of the columns, encrypted or of an index, are
// under each key, by its ID. Values that no key made, such as those from before
// the column was encrypted, are counted under "".
func Count(ctx context.Context, d *db.DB, table string, columns ...string) (map[string]int64, error) {
	counts := map[string]int64{}
	for _, column := range columns {
		if !isName(table) || !isName(column) {
			return nil, fmt.Errorf("reencrypt: %q or %q is not the name of a table or column", table, column)
		}
		prefix := "hex(substr(" + column + ", 1, 5))"
		if d.Dialect() == db.Postgres {
			prefix = "encode(substring(" + column + " from 1 for 5), 'hex')"
		}
		// What no key made is one group, whatever it begins with.
		begin := "CASE WHEN " + prefix + " LIKE '01%' OR " + prefix + " LIKE '02%' THEN " + prefix + " ELSE '' END"
		type count struct {
			Begin  string
			Number int64
		}
		all, err := db.All[count](ctx, d, "SELECT begin, count(*) AS number FROM (SELECT "+begin+" AS begin FROM "+table+
			" WHERE "+column+" IS NOT NULL) AS begins GROUP BY begin")
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			raw, err := hex.DecodeString(c.Begin)
			if err != nil {
				return nil, fmt.Errorf("reencrypt: count %s.%s: %w", table, column, err)
			}
			id, _ := keyring.KeyOf(raw)
			counts[id] += c.Number
		}
	}
	return counts, nil
}
