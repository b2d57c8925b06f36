package galetest

import (
	"context"
	"crypto/rand"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/db/migrate"
)

// dropTimeout is for removing a schema after the test.
const dropTimeout = 30 * time.Second

// DBOptions say which database a test gets. Driver is required.
type DBOptions struct {
	// Driver is galesqlite.Driver() or galepgx.Driver().
	Driver db.Driver
	// URL is the Postgres database in which a schema is made. Defaults to that
	// of [Require].
	URL string
	// Migrations are applied. Optional.
	Migrations fs.FS
}

// DB returns a database of the test's own, empty but for the migrations: a
// SQLite file in the test's directory, or a Postgres schema that is dropped
// afterwards and whose commits do not wait for the disk. It is closed when the
// test ends.
func DB(tb testing.TB, o DBOptions) *db.DB {
	tb.Helper()
	if o.Driver == nil {
		tb.Fatal("galetest: DBOptions has no Driver; use galesqlite.Driver() or galepgx.Driver()")
	}
	address := "sqlite:" + filepath.Join(tb.TempDir(), "test.db")
	if !slices.Contains(o.Driver.Schemes(), "sqlite") {
		address = schema(tb, o)
	}
	d := openDB(tb, o.Driver, address)
	cleanup(tb, func() {
		if err := d.Close(); err != nil {
			tb.Errorf("galetest: close the database: %v", err)
		}
	})
	if o.Migrations == nil {
		return d
	}
	m, err := migrate.New(d, o.Migrations, migrate.Options{})
	if err != nil {
		tb.Fatalf("galetest: %v", err)
	}
	if _, err := m.Up(tb.Context()); err != nil {
		tb.Fatalf("galetest: %v", err)
	}
	return d
}

// schema makes a Postgres schema and returns the URL that leads into it. A
// schema is much quicker to make than a database, and as good a wall.
func schema(tb testing.TB, o DBOptions) string {
	tb.Helper()
	address := o.URL
	if address == "" {
		address = Require(tb, "postgres")
	}
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatal("galetest: DBOptions.URL is not a URL") // it may hold a password
	}
	name := "galetest_" + strings.ToLower(rand.Text())
	run := func(ctx context.Context, d *db.DB, statement string) {
		if _, err := d.Exec(ctx, statement); err != nil {
			tb.Errorf("galetest: %s: %v", statement, err)
		}
	}
	q := u.Query()
	q.Set("synchronous_commit", "off") // no test outlives a power failure
	u.RawQuery = q.Encode()
	admin := openDB(tb, o.Driver, u.String())
	run(tb.Context(), admin, "CREATE SCHEMA "+name)
	cleanup(tb, func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		run(ctx, admin, "DROP SCHEMA "+name+" CASCADE")
		if err := admin.Close(); err != nil {
			tb.Errorf("galetest: close the database: %v", err)
		}
	})
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func openDB(tb testing.TB, driver db.Driver, address string) *db.DB {
	tb.Helper()
	d, err := db.Open(tb.Context(), address, db.Options{Drivers: []db.Driver{driver}})
	if err != nil {
		tb.Fatalf("galetest: %v", err)
	}
	return d
}
