package roles

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/galeweb/gale/db"
)

// Schema makes the tables of an [SQLStore], for a migration of the application.
// It is the same on SQLite and Postgres.
const Schema = `CREATE TABLE role_permissions (
	role        TEXT PRIMARY KEY,
	permissions TEXT NOT NULL -- JSON array of strings
);
CREATE TABLE role_version (
	id      INTEGER PRIMARY KEY CHECK (id = 1),
	version BIGINT  NOT NULL
);
INSERT INTO role_version (id, version) VALUES (1, 0);
`

// SQLStore keeps changed roles in the tables that [Schema] makes. A statement
// that changes role_permissions by hand must add 1 to the version, or running
// processes do not see it.
type SQLStore struct{ db *db.DB }

// NewSQLStore returns a store on d, which stays the caller's to close.
func NewSQLStore(d *db.DB) *SQLStore {
	if d == nil {
		panic("roles: NewSQLStore without a database; open one with db.Open")
	}
	return &SQLStore{d}
}

// Version implements [Store].
func (s *SQLStore) Version(ctx context.Context) (int64, error) {
	return db.Get[int64](ctx, s.db, `SELECT version FROM role_version WHERE id = 1`)
}

// Load implements [Store].
func (s *SQLStore) Load(ctx context.Context) (State, error) {
	// The version first: what is changed in between is then seen, at the
	// latest, when the version is asked for again.
	version, err := s.Version(ctx)
	if err != nil {
		return State{}, err
	}
	rows, err := db.All[struct{ Role, Permissions string }](ctx, s.db, `SELECT role, permissions FROM role_permissions`)
	if err != nil {
		return State{}, err
	}
	st := State{Version: version, Roles: map[string][]string{}}
	for _, row := range rows {
		var permissions []string
		if err := json.Unmarshal([]byte(row.Permissions), &permissions); err != nil {
			return State{}, fmt.Errorf("permissions of role %q: %w", row.Role, err)
		}
		st.Roles[row.Role] = permissions
	}
	return st, nil
}

// Save implements [Store].
func (s *SQLStore) Save(ctx context.Context, version int64, role string, permissions []string) error {
	if permissions == nil {
		permissions = []string{} // null would be no list
	}
	text, err := json.Marshal(permissions)
	if err != nil {
		return err
	}
	return s.change(ctx, version, `
		INSERT INTO role_permissions (role, permissions) VALUES ($1, $2)
		ON CONFLICT (role) DO UPDATE SET permissions = excluded.permissions`, role, string(text))
}

// Delete implements [Store].
func (s *SQLStore) Delete(ctx context.Context, version int64, role string) error {
	return s.change(ctx, version, `DELETE FROM role_permissions WHERE role = $1`, role)
}

// change makes it one transaction: the row of the version is locked by the
// first statement, so that a second change waits and then finds another version.
func (s *SQLStore) change(ctx context.Context, version int64, statement string, args ...any) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE role_version SET version = version + 1 WHERE id = 1 AND version = $1`, version)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrConflict
		}
		_, err = tx.Exec(ctx, statement, args...)
		return err
	})
}
