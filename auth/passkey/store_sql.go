package passkey

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/galeweb/gale/db"
)

// Schema is the table of an [SQLStore], for a migration of the application. It
// is the same on SQLite and Postgres. Let user_id refer to the table of users
// with ON DELETE CASCADE where there is one.
const Schema = `CREATE TABLE passkeys (
	id           TEXT   PRIMARY KEY, -- credential id; this and the next but one are base64url
	user_id      TEXT   NOT NULL,
	user_handle  TEXT   NOT NULL,    -- 64 random bytes
	name         TEXT   NOT NULL,
	public_key   TEXT   NOT NULL,    -- COSE_Key in base64url
	sign_count   BIGINT NOT NULL,
	transports   TEXT   NOT NULL,    -- with spaces between
	flags        BIGINT NOT NULL,    -- 1: user verified, 2: backup eligible, 4: backed up
	created_at   BIGINT NOT NULL,    -- this and the next two: Unix milliseconds
	used_at      BIGINT NOT NULL,    -- 0 for never
	suspected_at BIGINT NOT NULL,    -- 0 for never
	recent       TEXT   NOT NULL,    -- challenges of the last minutes
	version      BIGINT NOT NULL
);
CREATE INDEX passkeys_user_id ON passkeys (user_id, created_at);
`

const (
	flagVerified = 1 << iota
	flagEligible
	flagBackedUp
)

// SQLStore keeps credentials in the table that [Schema] makes. It is safe for
// concurrent use.
type SQLStore struct{ db *db.DB }

// NewSQLStore returns a store on d, which stays the caller's to close.
func NewSQLStore(d *db.DB) *SQLStore {
	if d == nil {
		panic("passkey: NewSQLStore without a database; open one with db.Open")
	}
	return &SQLStore{d}
}

// row is one line of the table.
type row struct {
	ID, UserID, UserHandle, Name, PublicKey string
	SignCount                               int64
	Transports                              string
	Flags                                   int64
	CreatedAt, UsedAt, SuspectedAt          int64
	Recent                                  string
	Version                                 int64
}

const columns = `id, user_id, user_handle, name, public_key, sign_count, transports, flags,
	created_at, used_at, suspected_at, recent, version`

func (r row) credential() (Credential, error) {
	handle, err := base64.RawURLEncoding.DecodeString(r.UserHandle)
	if err != nil {
		return Credential{}, fmt.Errorf("passkey: row %q has no valid user handle", r.ID)
	}
	key, err := base64.RawURLEncoding.DecodeString(r.PublicKey)
	if err != nil {
		return Credential{}, fmt.Errorf("passkey: row %q has no valid public key", r.ID)
	}
	return Credential{
		ID: r.ID, UserID: r.UserID, UserHandle: handle, Name: r.Name, PublicKey: key,
		SignCount: uint32(r.SignCount), Transports: strings.Fields(r.Transports),
		UserVerified: r.Flags&flagVerified != 0, BackupEligible: r.Flags&flagEligible != 0, BackedUp: r.Flags&flagBackedUp != 0,
		Created: moment(r.CreatedAt), LastUsed: moment(r.UsedAt), Suspected: moment(r.SuspectedAt),
		Recent: r.Recent, Version: r.Version,
	}, nil
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func flags(c Credential) (f int64) {
	if c.UserVerified {
		f |= flagVerified
	}
	if c.BackupEligible {
		f |= flagEligible
	}
	if c.BackedUp {
		f |= flagBackedUp
	}
	return f
}

// ByID implements [Store].
func (s *SQLStore) ByID(ctx context.Context, id string) (Credential, error) {
	r, err := db.Get[row](ctx, s.db, `SELECT `+columns+` FROM passkeys WHERE id = $1`, id)
	if errors.Is(err, db.ErrNotFound) {
		return Credential{}, ErrNotFound
	}
	if err != nil {
		return Credential{}, err
	}
	return r.credential()
}

// ByUser implements [Store].
func (s *SQLStore) ByUser(ctx context.Context, user string) ([]Credential, error) {
	rows, err := db.All[row](ctx, s.db, `SELECT `+columns+` FROM passkeys WHERE user_id = $1 ORDER BY created_at, id`, user)
	if err != nil {
		return nil, err
	}
	var all []Credential
	for _, r := range rows {
		c, err := r.credential()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// Create implements [Store].
func (s *SQLStore) Create(ctx context.Context, c Credential) error {
	_, err := s.db.Exec(ctx, `
		INSERT INTO passkeys (`+columns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1)`,
		c.ID, c.UserID, encode(c.UserHandle), c.Name, encode(c.PublicKey), int64(c.SignCount),
		strings.Join(c.Transports, " "), flags(c), millis(c.Created), millis(c.LastUsed), millis(c.Suspected), c.Recent)
	// Only a taken id is told as such; a foreign key that fails, since the user
	// was deleted meanwhile, is an error.
	if e, ok := errors.AsType[*db.ConstraintError](err); ok && e.Kind == db.UniqueViolation {
		return ErrExists
	}
	return err
}

// Update implements [Store].
func (s *SQLStore) Update(ctx context.Context, c Credential) error {
	n, err := s.db.Exec(ctx, `
		UPDATE passkeys
		SET name = $1, sign_count = $2, flags = $3, used_at = $4, suspected_at = $5, recent = $6, version = version + 1
		WHERE id = $7 AND version = $8`,
		c.Name, int64(c.SignCount), flags(c), millis(c.LastUsed), millis(c.Suspected), c.Recent, c.ID, c.Version)
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// Delete implements [Store].
func (s *SQLStore) Delete(ctx context.Context, user, id string) error {
	n, err := s.db.Exec(ctx, `DELETE FROM passkeys WHERE id = $1 AND user_id = $2`, id, user)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}
