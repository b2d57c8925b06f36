// Package database keeps what relay knows, in SQLite or Postgres: the same
// statements run on both.
package database

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/db/migrate"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/keyring"
)

//go:embed migrations
var migrations embed.FS

// Drivers are the databases that relay runs on.
func Drivers() []db.Driver { return []db.Driver{galesqlite.Driver(), galepgx.Driver()} }

// Migrations returns the folder of schema changes.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic("database: " + err.Error()) // the folder is embedded
	}
	return sub
}

// Migrate brings the schema up to date; several processes may do so at once.
func Migrate(ctx context.Context, d *db.DB) error {
	m, err := migrate.New(d, Migrations(), migrate.Options{})
	if err != nil {
		return err
	}
	if _, err := m.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Store implements the storage interfaces of package services, but for
// packets, which [Packets] keeps.
type Store struct {
	db           *db.DB
	keys         *keyring.Ring
	users, links emails
}

// New returns a store on a migrated database, which stays the caller's, with
// the keys that mail addresses are encrypted with; see [Store.Seal].
func New(d *db.DB, keys *keyring.Ring) *Store {
	return &Store{d, keys, newEmails(keys, "users"), newEmails(keys, "mail_links")}
}

// next returns the next n numbers of a counter as the last of them. Its row
// stays locked until tx ends, so that numbers grow in the order of commits.
func next(ctx context.Context, tx *db.Tx, counter string, n int) (int64, error) {
	return db.Get[int64](ctx, tx, "UPDATE counters SET value = value + $2 WHERE name = $1 RETURNING value", counter, n)
}

// known turns the database's errors into those of services. A unique rule of
// table is told as its last column, the one that the asker chose.
func known(err error, table string) error {
	if errors.Is(err, db.ErrNotFound) {
		return services.ErrNotFound
	}
	c, ok := errors.AsType[*db.ConstraintError](err)
	if ok && c.Kind == db.UniqueViolation && c.Table == table {
		return &services.TakenError{Field: strings.TrimSuffix(c.Columns[len(c.Columns)-1], "_index")}
	}
	return err
}

// storable reports whether text can be in a column at all: Postgres refuses
// what is not UTF-8 or holds a zero byte, which a path or query may bring.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}
