package token

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/galeweb/gale/db"
)

// Schema is the table of an [SQLStore], for a migration of the application. It
// is the same on SQLite and Postgres.
const Schema = `CREATE TABLE refresh_grants (
	lookup           TEXT   PRIMARY KEY, -- SHA-256 of the part that all tokens of the grant share; this and all hashes in hex
	id               TEXT   NOT NULL,
	user_id          TEXT   NOT NULL,
	client_id        TEXT   NOT NULL,
	scopes           TEXT   NOT NULL,    -- separated by spaces
	current          TEXT   NOT NULL,    -- SHA-256 of the token that is valid
	previous         TEXT   NOT NULL,    -- SHA-256 of the one before
	seed             TEXT   NOT NULL,    -- '' without a grace period
	user_agent       TEXT   NOT NULL,
	addr             TEXT   NOT NULL,
	authenticated_at BIGINT NOT NULL,    -- this and the next three: Unix milliseconds; 0 when not known
	created_at       BIGINT NOT NULL,
	seen_at          BIGINT NOT NULL,
	expires_at       BIGINT NOT NULL,
	version          BIGINT NOT NULL
);
CREATE INDEX refresh_grants_user_id ON refresh_grants (user_id, seen_at);
CREATE INDEX refresh_grants_expires_at ON refresh_grants (expires_at);
`

// SQLStore keeps grants in the table that [Schema] makes.
type SQLStore struct{ db *db.DB }

// NewSQLStore returns a store on d, which stays the caller's to close.
func NewSQLStore(d *db.DB) *SQLStore {
	if d == nil {
		panic("token: NewSQLStore without a database; open one with db.Open")
	}
	return &SQLStore{d}
}

// row is one line of the table.
type row struct {
	Lookup, ID, UserID, ClientID, Scopes          string
	Current, Previous, Seed                       string
	UserAgent, Addr                               string
	AuthenticatedAt, CreatedAt, SeenAt, ExpiresAt int64
	Version                                       int64
}

const columns = `lookup, id, user_id, client_id, scopes, current, previous, seed,
	user_agent, addr, authenticated_at, created_at, seen_at, expires_at, version`

func (r row) record() (RefreshRecord, error) {
	rec := RefreshRecord{
		Grant: Grant{
			ID: r.ID, User: r.UserID, ClientID: r.ClientID, Scopes: strings.Fields(r.Scopes),
			UserAgent: r.UserAgent, Addr: r.Addr,
			Created: time.UnixMilli(r.CreatedAt).UTC(),
			Seen:    time.UnixMilli(r.SeenAt).UTC(),
			Expires: time.UnixMilli(r.ExpiresAt).UTC(),
		},
		Version: r.Version,
	}
	if r.AuthenticatedAt != 0 {
		rec.Authenticated = time.UnixMilli(r.AuthenticatedAt).UTC()
	}
	for _, h := range []struct {
		text string
		dest *Hash
	}{{r.Lookup, &rec.Lookup}, {r.Current, &rec.Current}, {r.Previous, &rec.Previous}} {
		raw, err := hex.DecodeString(h.text)
		if err != nil || copy(h.dest[:], raw) != len(h.dest) || len(raw) != len(h.dest) {
			return RefreshRecord{}, fmt.Errorf("token: grant %q has no valid hash", r.ID)
		}
	}
	if r.Seed != "" {
		var err error
		if rec.Seed, err = hex.DecodeString(r.Seed); err != nil {
			return RefreshRecord{}, fmt.Errorf("token: grant %q has no valid seed", r.ID)
		}
	}
	return rec, nil
}

// Load implements [RefreshStore].
func (s *SQLStore) Load(ctx context.Context, lookup Hash) (RefreshRecord, error) {
	// From the writer: a replica that lags would take a spent token for the
	// current one, or a current one for spent.
	r, err := db.Get[row](ctx, s.db.Writer(), `SELECT `+columns+` FROM refresh_grants WHERE lookup = $1`, hex.EncodeToString(lookup[:]))
	if errors.Is(err, db.ErrNotFound) {
		return RefreshRecord{}, ErrNotFound
	}
	if err != nil {
		return RefreshRecord{}, err
	}
	return r.record()
}

// Save implements [RefreshStore].
func (s *SQLStore) Save(ctx context.Context, r RefreshRecord) error {
	if r.Version == 0 {
		return s.insert(ctx, r)
	}
	n, err := s.db.Exec(ctx, `
		UPDATE refresh_grants
		SET scopes = $1, current = $2, previous = $3, seed = $4, user_agent = $5, addr = $6,
			seen_at = $7, expires_at = $8, version = version + 1
		WHERE lookup = $9 AND version = $10`,
		strings.Join(r.Scopes, " "), hex.EncodeToString(r.Current[:]), hex.EncodeToString(r.Previous[:]), hex.EncodeToString(r.Seed),
		r.UserAgent, r.Addr, r.Seen.UnixMilli(), r.Expires.UnixMilli(),
		hex.EncodeToString(r.Lookup[:]), r.Version)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrConflict
	}
	return nil
}

func (s *SQLStore) insert(ctx context.Context, r RefreshRecord) error {
	var authenticated int64
	if !r.Authenticated.IsZero() {
		authenticated = r.Authenticated.UnixMilli()
	}
	_, err := s.db.Exec(ctx, `
		INSERT INTO refresh_grants (`+columns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1)`,
		hex.EncodeToString(r.Lookup[:]), r.ID, r.User, r.ClientID, strings.Join(r.Scopes, " "),
		hex.EncodeToString(r.Current[:]), hex.EncodeToString(r.Previous[:]), hex.EncodeToString(r.Seed),
		r.UserAgent, r.Addr, authenticated, r.Created.UnixMilli(), r.Seen.UnixMilli(), r.Expires.UnixMilli())
	if errors.Is(err, db.ErrConflict) {
		return ErrConflict
	}
	return err
}

// Delete implements [RefreshStore].
func (s *SQLStore) Delete(ctx context.Context, lookup Hash) error {
	_, err := s.db.Exec(ctx, `DELETE FROM refresh_grants WHERE lookup = $1`, hex.EncodeToString(lookup[:]))
	return err
}

// maxByUser bounds a list; no user has so many apps, a script that signs in
// again and again may. Revoking starts with the last used.
const maxByUser = 10_000

// ByUser implements [RefreshStore].
func (s *SQLStore) ByUser(ctx context.Context, user string) ([]RefreshRecord, error) {
	rows, err := db.All[row](ctx, s.db.Writer(), `
		SELECT `+columns+` FROM refresh_grants WHERE user_id = $1 ORDER BY seen_at DESC, id LIMIT $2`, user, maxByUser)
	if err != nil {
		return nil, err
	}
	var all []RefreshRecord
	for _, r := range rows {
		rec, err := r.record()
		if err != nil {
			return nil, err
		}
		all = append(all, rec)
	}
	return all, nil
}

// DeleteExpired implements [RefreshStore]. It removes at most 1,000 rows a
// call, so that the request which happens to sweep is not held up.
func (s *SQLStore) DeleteExpired(ctx context.Context, now time.Time) error {
	_, err := s.db.Exec(ctx, `
		DELETE FROM refresh_grants WHERE lookup IN (
			SELECT lookup FROM refresh_grants WHERE expires_at <= $1 ORDER BY expires_at LIMIT 1000)`, now.UnixMilli())
	return err
}
