package recovery

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/galeweb/gale/db"
)

// Schema is the table of a [SQLStore], for a migration of the application. It
// is the same on SQLite and Postgres.
const Schema = `CREATE TABLE recovery_codes (
	user_id    TEXT   NOT NULL,
	slot       BIGINT NOT NULL, -- 0, 1, 2 …: a user has no two codes in one
	hash       BYTEA  NOT NULL, -- keyed
	created_at BIGINT NOT NULL, -- Unix milliseconds
	PRIMARY KEY (user_id, slot)
);
`

// SQLStore keeps hashes in the table that [Schema] makes.
type SQLStore struct{ db *db.DB }

// NewSQLStore returns a store on d, which stays the caller's to close.
func NewSQLStore(d *db.DB) *SQLStore {
	if d == nil {
		panic("recovery: NewSQLStore without a database; open one with db.Open")
	}
	return &SQLStore{d}
}

// Replace implements [Store]. The slots make two calls at once wait for one
// another on Postgres, where each would otherwise delete the old codes and add
// its own beside those of the other.
func (s *SQLStore) Replace(ctx context.Context, user string, hashes [][]byte, at time.Time) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		if len(hashes) > 0 {
			var sql strings.Builder
			sql.WriteString(`INSERT INTO recovery_codes (user_id, slot, hash, created_at) VALUES `)
			var args []any
			for i, h := range hashes {
				if i > 0 {
					sql.WriteString(", ")
				}
				sql.WriteString("(" + placeholders(len(args)+1, 4) + ")")
				args = append(args, user, int64(i), h, at.UnixMilli())
			}
			sql.WriteString(` ON CONFLICT (user_id, slot) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at`)
			if _, err := tx.Exec(ctx, sql.String(), args...); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1 AND slot >= $2`, user, int64(len(hashes)))
		return err
	})
}

// Use implements [Store].
func (s *SQLStore) Use(ctx context.Context, user string, hashes [][]byte) (bool, error) {
	if len(hashes) == 0 {
		return false, nil
	}
	args := []any{user}
	for _, h := range hashes {
		args = append(args, h)
	}
	n, err := s.db.Exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1 AND hash IN (`+placeholders(2, len(hashes))+`)`, args...)
	return n > 0, err
}

// Count implements [Store].
func (s *SQLStore) Count(ctx context.Context, user string) (int, error) {
	n, err := db.Get[int64](ctx, s.db, `SELECT count(*) FROM recovery_codes WHERE user_id = $1`, user)
	return int(n), err
}

// placeholders returns n of them, from the one numbered first on.
func placeholders(first, n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(names, ", ")
}
