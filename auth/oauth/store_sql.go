package oauth

import (
	"context"
	"errors"
	"time"

	"github.com/galeweb/gale/db"
)

// Schema is the table of an [SQLStore], for a migration of the application,
// which may let user_id refer to its users. It is the same on SQLite and
// Postgres.
const Schema = `CREATE TABLE oauth_links (
	issuer     TEXT   NOT NULL,
	subject    TEXT   NOT NULL,
	user_id    TEXT   NOT NULL,
	provider   TEXT   NOT NULL,
	email      TEXT   NOT NULL, -- when it was linked, for people
	created_at BIGINT NOT NULL, -- this and the next: Unix milliseconds
	used_at    BIGINT NOT NULL,
	PRIMARY KEY (issuer, subject)
);
CREATE INDEX oauth_links_user_id ON oauth_links (user_id, created_at);
`

// SQLStore keeps links in the table that [Schema] makes.
type SQLStore struct{ db *db.DB }

// NewSQLStore returns a store on d, which stays the caller's to close.
func NewSQLStore(d *db.DB) *SQLStore {
	if d == nil {
		panic("oauth: NewSQLStore without a database; open one with db.Open")
	}
	return &SQLStore{d}
}

// row is one line of the table.
type row struct {
	Issuer, Subject   string
	UserID            string
	Provider, Email   string
	CreatedAt, UsedAt int64
}

func (r row) record() Record {
	return Record{
		User: r.UserID, Issuer: r.Issuer, Subject: r.Subject, Provider: r.Provider, Email: r.Email,
		Created: time.UnixMilli(r.CreatedAt).UTC(), Used: time.UnixMilli(r.UsedAt).UTC(),
	}
}

// Find implements [Links].
func (s *SQLStore) Find(ctx context.Context, issuer, subject string) (Record, error) {
	r, err := db.Get[row](ctx, s.db, `
		SELECT issuer, subject, user_id, provider, email, created_at, used_at
		FROM oauth_links WHERE issuer = $1 AND subject = $2`, issuer, subject)
	if errors.Is(err, db.ErrNotFound) {
		return Record{}, ErrNotFound
	}
	if err != nil {
		return Record{}, err
	}
	return r.record(), nil
}

// Add implements [Links].
func (s *SQLStore) Add(ctx context.Context, r Record) error { return add(ctx, s.db, r) }

// AddTx is Add in a transaction of the application's, for a sign-up that stores
// the user and the link, or neither. After an error nothing else can be done in
// tx.
func (s *SQLStore) AddTx(ctx context.Context, tx *db.Tx, r Record) error { return add(ctx, tx, r) }

func add(ctx context.Context, q db.Querier, r Record) error {
	if r.User == "" || r.Issuer == "" || r.Subject == "" {
		return errors.New("oauth: a link without user or identity")
	}
	_, err := q.Exec(ctx, `
		INSERT INTO oauth_links (issuer, subject, user_id, provider, email, created_at, used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		r.Issuer, r.Subject, r.User, r.Provider, r.Email, r.Created.UnixMilli(), r.Used.UnixMilli())
	var c *db.ConstraintError
	if errors.As(err, &c) && c.Kind == db.UniqueViolation {
		return ErrLinked
	}
	return err
}

// Touch implements [Links].
func (s *SQLStore) Touch(ctx context.Context, issuer, subject string, at time.Time) error {
	_, err := s.db.Exec(ctx, `UPDATE oauth_links SET used_at = $1 WHERE issuer = $2 AND subject = $3`,
		at.UnixMilli(), issuer, subject)
	return err
}

// maxByUser bounds a list; nobody has so many accounts elsewhere.
const maxByUser = 1000

// ByUser implements [Links].
func (s *SQLStore) ByUser(ctx context.Context, user string) ([]Record, error) {
	rows, err := db.All[row](ctx, s.db, `
		SELECT issuer, subject, user_id, provider, email, created_at, used_at
		FROM oauth_links WHERE user_id = $1 ORDER BY created_at, issuer, subject LIMIT $2`, user, maxByUser)
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, r := range rows {
		all = append(all, r.record())
	}
	return all, nil
}

// Remove implements [Links].
func (s *SQLStore) Remove(ctx context.Context, user, issuer, subject string, keepLast bool) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		// An update of the user's rows locks them, on both databases in the same
		// words: who removes another of them at once waits, and then sees that
		// this one is gone.
		n, err := tx.Exec(ctx, `UPDATE oauth_links SET used_at = used_at WHERE user_id = $1`, user)
		if err != nil {
			return err
		}
		removed, err := tx.Exec(ctx, `DELETE FROM oauth_links WHERE user_id = $1 AND issuer = $2 AND subject = $3`,
			user, issuer, subject)
		switch {
		case err != nil:
			return err
		case removed == 0:
			return ErrNotFound
		case keepLast && n == removed:
			return ErrLast // and so a rollback
		}
		return nil
	})
}

// RemoveUser removes all links of a user whose account is deleted.
func (s *SQLStore) RemoveUser(ctx context.Context, user string) error {
	_, err := s.db.Exec(ctx, `DELETE FROM oauth_links WHERE user_id = $1`, user)
	return err
}
