package session

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/galeweb/gale/db"
)

// Schema is the table of an [SQLStore], for a migration of the application. It
// is the same on SQLite and Postgres.
const Schema = `CREATE TABLE sessions (
	hash       TEXT   PRIMARY KEY, -- SHA-256 of the token, in hex
	id         TEXT   NOT NULL,
	user_id    TEXT   NOT NULL,    -- '' for an anonymous session
	created_at BIGINT NOT NULL,    -- this and the next two: Unix milliseconds
	seen_at    BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	user_agent TEXT   NOT NULL,
	addr       TEXT   NOT NULL,
	data       TEXT   NOT NULL,    -- JSON, or ''
	version    BIGINT NOT NULL,
	stamp      TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX sessions_user_id ON sessions (user_id, seen_at) WHERE user_id <> '';
CREATE INDEX sessions_expires_at ON sessions (expires_at);
`

// SQLStore keeps sessions in the table that [Schema] makes.
type SQLStore struct{ db *db.DB }

// NewSQLStore returns a store on d, which stays the caller's to close.
func NewSQLStore(d *db.DB) *SQLStore {
	if d == nil {
		panic("session: NewSQLStore without a database; open one with db.Open")
	}
	return &SQLStore{d}
}

// row is one line of the table.
type row struct {
	Hash                         string
	ID                           string
	UserID                       string
	CreatedAt, SeenAt, ExpiresAt int64
	UserAgent, Addr              string
	Data                         string
	Version                      int64
	Stamp                        string
}

func (r row) record() (Record, error) {
	rec := Record{
		ID: r.ID, User: r.UserID, UserAgent: r.UserAgent, Addr: r.Addr, Version: r.Version, Stamp: r.Stamp,
		Created: time.UnixMilli(r.CreatedAt).UTC(),
		Seen:    time.UnixMilli(r.SeenAt).UTC(),
		Expires: time.UnixMilli(r.ExpiresAt).UTC(),
	}
	if r.Data != "" {
		rec.Data = []byte(r.Data)
	}
	if n, err := hex.Decode(rec.Hash[:], []byte(r.Hash)); err != nil || n != len(rec.Hash) {
		return Record{}, fmt.Errorf("session: row %q has no valid hash", r.ID)
	}
	return rec, nil
}

// Load implements [Store].
func (s *SQLStore) Load(ctx context.Context, h Hash) (Record, error) {
	r, err := db.Get[row](ctx, s.db, `
		SELECT hash, id, user_id, created_at, seen_at, expires_at, user_agent, addr, data, version, stamp
		FROM sessions WHERE hash = $1`, hex.EncodeToString(h[:]))
	if errors.Is(err, db.ErrNotFound) {
		return Record{}, ErrNotFound
	}
	if err != nil {
		return Record{}, err
	}
	return r.record()
}

// Save implements [Store]. A token is replaced by an UPDATE of its row: a DELETE of
// the user's rows that comes at the same time waits for it and finds the row by the
// user, on Postgres too, where it would not find one that is inserted meanwhile.
func (s *SQLStore) Save(ctx context.Context, was Hash, r Record) error {
	if r.Version == 0 {
		return s.insert(ctx, r)
	}
	args := []any{
		r.Seen.UnixMilli(), r.Expires.UnixMilli(), r.UserAgent, r.Addr, string(r.Data), r.Stamp,
		hex.EncodeToString(was[:]), r.Version,
	}
	rehash := ""
	if was != r.Hash {
		rehash = ", hash = $9"
		args = append(args, hex.EncodeToString(r.Hash[:]))
	}
	n, err := s.db.Exec(ctx, `
		UPDATE sessions
		SET seen_at = $1, expires_at = $2, user_agent = $3, addr = $4, data = $5, stamp = $6, version = version + 1`+rehash+`
		WHERE hash = $7 AND version = $8`,
		args...)
	if err == nil && n == 0 || errors.Is(err, db.ErrConflict) {
		return ErrConflict
	}
	return err
}

func (s *SQLStore) insert(ctx context.Context, r Record) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO sessions (hash, id, user_id, created_at, seen_at, expires_at, user_agent, addr, data, version, stamp)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)`,
		hex.EncodeToString(r.Hash[:]), r.ID, r.User,
		r.Created.UnixMilli(), r.Seen.UnixMilli(), r.Expires.UnixMilli(),
		r.UserAgent, r.Addr, string(r.Data), r.Stamp)
	if errors.Is(err, db.ErrConflict) {
		return ErrConflict
	}
	return err
}

// Delete implements [Store].
func (s *SQLStore) Delete(ctx context.Context, h Hash) error {
	_, err := s.db.Exec(ctx, `DELETE FROM sessions WHERE hash = $1`, hex.EncodeToString(h[:]))
	return err
}

// maxByUser bounds a list; nobody signs in on so many devices, a script that
// signs in without keeping its cookie may. Revoking starts with the last used.
const maxByUser = 10_000

// ByUser implements [Store].
func (s *SQLStore) ByUser(ctx context.Context, user string) ([]Record, error) {
	rows, err := db.All[row](ctx, s.db, `
		SELECT hash, id, user_id, created_at, seen_at, expires_at, user_agent, addr, '' AS data, version, stamp
		FROM sessions WHERE user_id = $1 AND user_id <> '' ORDER BY seen_at DESC, id LIMIT $2`, user, maxByUser)
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, r := range rows {
		rec, err := r.record()
		if err != nil {
			return nil, err
		}
		all = append(all, rec)
	}
	return all, nil
}

// errNone undoes a transaction that has changed nothing: what db.Also has added is
// not to be stored then.
var errNone = errors.New("session: none to delete")

// DeleteByUser implements [Store].
func (s *SQLStore) DeleteByUser(ctx context.Context, user, only, except string) (gone []Record, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		rows, err := db.All[row](ctx, tx, `
			DELETE FROM sessions WHERE user_id = $1 AND user_id <> '' AND (id = $2 OR $2 = '' AND (id <> $3 OR $3 = ''))
			RETURNING hash, id, user_id, created_at, seen_at, expires_at, user_agent, addr, '' AS data, version, stamp`, user, only, except)
		gone = gone[:0] // of an attempt that was undone
		for _, r := range rows {
			rec, bad := r.record()
			gone, err = append(gone, rec), errors.Join(err, bad)
		}
		if err == nil && len(gone) == 0 {
			err = errNone
		}
		return err
	})
	if err != nil {
		gone = nil
	}
	if errors.Is(err, errNone) {
		err = nil
	}
	return gone, err
}

// DeleteExpired implements [Sweeper]. It removes at most 1,000 rows a call, so
// that the request which happens to sweep is not held up.
func (s *SQLStore) DeleteExpired(ctx context.Context, now time.Time) error {
	_, err := s.db.Exec(ctx, `
		DELETE FROM sessions WHERE hash IN (
			SELECT hash FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT 1000)`, now.UnixMilli())
	return err
}
