package totp

import (
	"context"
	"strings"
	"time"

	"github.com/galeweb/gale/db"
)

// Schema is the table of a [SQLStore], for a migration of the application. It
// is the same on SQLite and Postgres. Package reencrypt moves the column
// secret to a new key with [UserOf] as TableOptions.Row.
const Schema = `CREATE TABLE totp_authenticators (
	id           TEXT    PRIMARY KEY, -- user id, "/", id
	user_id      TEXT    NOT NULL,
	name         TEXT    NOT NULL,
	secret       BYTEA   NOT NULL,    -- encrypted, bound to the user id
	created_at   BIGINT  NOT NULL,    -- this and the next: Unix milliseconds
	last_used_at BIGINT  NOT NULL,    -- 0 for never
	last_step    BIGINT  NOT NULL,
	confirmed    BOOLEAN NOT NULL
);
CREATE INDEX totp_authenticators_user_id ON totp_authenticators (user_id, created_at);
`

// SQLStore keeps authenticators in the table that [Schema] makes.
type SQLStore struct{ db *db.DB }

// NewSQLStore returns a store on d, which stays the caller's to close.
func NewSQLStore(d *db.DB) *SQLStore {
	if d == nil {
		panic("totp: NewSQLStore without a database; open one with db.Open")
	}
	return &SQLStore{d}
}

// UserOf returns what the secret of the row with a key is bound to.
func UserOf(key string) string { return key[:max(0, strings.LastIndexByte(key, '/'))] }

// rowKey has the user in it, so that the key of a row is enough to open its secret.
func rowKey(user, id string) string { return user + "/" + id }

// row is one line of the table.
type row struct {
	ID                    string
	UserID                string
	Name                  string
	Secret                []byte
	CreatedAt, LastUsedAt int64
	LastStep              int64
	Confirmed             bool
}

func (r row) record() Record {
	rec := Record{
		ID: strings.TrimPrefix(r.ID, rowKey(r.UserID, "")), User: r.UserID, Name: r.Name,
		Sealed: r.Secret, Created: time.UnixMilli(r.CreatedAt).UTC(),
		Confirmed: r.Confirmed, LastStep: r.LastStep,
	}
	if r.LastUsedAt != 0 {
		rec.LastUsed = time.UnixMilli(r.LastUsedAt).UTC()
	}
	return rec
}

// Add implements [Store].
func (s *SQLStore) Add(ctx context.Context, r Record, max int) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := db.Get[int64](ctx, tx, `SELECT count(*) FROM totp_authenticators WHERE user_id = $1 AND confirmed = $2`, r.User, true)
		if err != nil {
			return err
		}
		if n >= int64(max) {
			return ErrTooMany
		}
		if _, err := tx.Exec(ctx, `DELETE FROM totp_authenticators WHERE user_id = $1 AND confirmed = $2`, r.User, false); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO totp_authenticators (id, user_id, name, secret, created_at, last_used_at, last_step, confirmed)
			VALUES ($1, $2, $3, $4, $5, 0, 0, $6)`,
			rowKey(r.User, r.ID), r.User, r.Name, r.Sealed, r.Created.UnixMilli(), false)
		return err
	})
}

// maxByUser bounds a list beyond what any MaxPerUser lets in.
const maxByUser = 1000

// ByUser implements [Store].
func (s *SQLStore) ByUser(ctx context.Context, user string) ([]Record, error) {
	rows, err := db.All[row](ctx, s.db, `
		SELECT id, user_id, name, secret, created_at, last_used_at, last_step, confirmed
		FROM totp_authenticators WHERE user_id = $1 ORDER BY created_at, id LIMIT $2`, user, maxByUser)
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, r := range rows {
		all = append(all, r.record())
	}
	return all, nil
}

// Confirm implements [Store].
func (s *SQLStore) Confirm(ctx context.Context, user, id string, step int64, at time.Time) (bool, error) {
	n, err := s.db.Exec(ctx, `
		UPDATE totp_authenticators SET confirmed = $1, last_step = $2, last_used_at = $3
		WHERE id = $4 AND user_id = $5 AND confirmed = $6`, true, step, at.UnixMilli(), rowKey(user, id), user, false)
	return n == 1, err
}

// Advance implements [Store]. The comparison stands in the statement that
// writes: whoever comes second finds the step taken, whatever it read before.
func (s *SQLStore) Advance(ctx context.Context, user, id string, step int64, at time.Time) (bool, error) {
	n, err := s.db.Exec(ctx, `
		UPDATE totp_authenticators SET last_step = $1, last_used_at = $2
		WHERE id = $3 AND user_id = $4 AND confirmed = $5 AND last_step < $6`,
		step, at.UnixMilli(), rowKey(user, id), user, true, step)
	return n == 1, err
}

// Delete implements [Store].
func (s *SQLStore) Delete(ctx context.Context, user, id string) (bool, error) {
	n, err := s.db.Exec(ctx, `DELETE FROM totp_authenticators WHERE id = $1 AND user_id = $2`, rowKey(user, id), user)
	return n == 1, err
}
