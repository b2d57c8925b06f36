package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/db/migrate"
)

func TestSealingSurvivesAKillOnSQLite(t *testing.T) {
	t.Parallel()
	testSealing(t, "sqlite:"+t.TempDir()+"/relay.db")
}

func TestSealingSurvivesAKillOnPostgres(t *testing.T) {
	t.Parallel()
	testSealing(t, postgresSchema(t))
}

// testSealing upgrades a database of before mail addresses were encrypted, kills
// relay in the middle of it, and starts it again, twice at once.
func testSealing(t *testing.T, databaseURL string) {
	const users = 4000
	d, err := db.Open(t.Context(), databaseURL, db.Options{Drivers: database.Drivers(), SlowQuery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	olden(t, d, users)
	keys := keysFor(t)
	cmd := command(t, keys, "RELAY_ADDR=127.0.0.1:0", "RELAY_DATABASE_URL="+databaseURL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	sealed := func() int {
		// There is no such column at first.
		n, err := db.Get[int](ctx, d, "SELECT count(*) FROM users WHERE email_index IS NOT NULL")
		if err != nil {
			return 0
		}
		return n
	}
	until(ctx, t, "some are encrypted", func() bool { return sealed() > 0 })
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if n := sealed(); n%500 != 0 || n == users {
		t.Fatalf("%d of %d are encrypted", n, users)
	}
	second := command(t, keys, "RELAY_ADDR=127.0.0.1:0", "RELAY_DATABASE_URL="+databaseURL)
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = second.Process.Kill()
		_ = second.Wait()
	})
	first := start(t, databaseURL, keys)
	if n := sealed(); n != users {
		t.Errorf("%d of %d are encrypted", n, users)
	}
	// They are found: who has an account is mailed that, others a link.
	for _, n := range []int{0, users - 1} {
		first.must(http.StatusOK, http.MethodPost, "/sign-up", "application/x-www-form-urlencoded", "",
			url.Values{"name": {fmt.Sprint("new", n)}, "email": {fmt.Sprintf("USER%d@old.example", n)}}.Encode())
	}
	until(ctx, t, "both are mailed", func() bool {
		_, page := first.must(http.StatusOK, http.MethodGet, "/dev/outbox", "", "", "")
		return strings.Count(page, "You already have an account") >= 2
	})
}

// olden makes the schema of before, and users in it.
func olden(t *testing.T, d *db.DB, users int) {
	t.Helper()
	old := fstest.MapFS{}
	err := fs.WalkDir(database.Migrations(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() >= "00011" {
			return err
		}
		text, err := fs.ReadFile(database.Migrations(), path)
		old[path] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := migrate.New(d, old, migrate.Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		_, err = m.Up(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	err = d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		for i := range users {
			if _, err := tx.Exec(ctx, "INSERT INTO users (id, name, email, password_hash, role, created_at) VALUES ($1, $2, $3, '', 'viewer', $4)",
				fmt.Sprint("id", i), fmt.Sprint("user", i), fmt.Sprintf("user%d@old.example", i), time.Now()); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "UPDATE counters SET value = $1 WHERE name = 'users'", users)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
