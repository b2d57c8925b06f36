package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/db/migrate"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/keyring/reencrypt"
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
		_, page := first.must(http.StatusOK, http.MethodGet, first.said(outboxInLog), "", "", "")
		return strings.Count(page, "You already have an account") >= 2
	})
}

func TestReencryptionSurvivesAKillOnSQLite(t *testing.T) {
	t.Parallel()
	testReencryption(t, "sqlite:"+t.TempDir()+"/relay.db")
}

func TestReencryptionSurvivesAKillOnPostgres(t *testing.T) {
	t.Parallel()
	testReencryption(t, postgresSchema(t))
}

// testReencryption rotates the keys of a database with many addresses, kills
// relay while it moves them, and has two processes go on from there.
func testReencryption(t *testing.T, databaseURL string) {
	const users = 8000 // 1.6 s at least
	d, err := db.Open(t.Context(), databaseURL, db.Options{Drivers: database.Drivers(), SlowQuery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	olden(t, d, users)
	file := filepath.Join(t.TempDir(), "keys")
	set := keyring.NewSet(time.Now().Add(-time.Hour))
	write := func() {
		t.Helper()
		if err := errors.Join(os.WriteFile(file+".new", []byte(set.Lines().Reveal()), 0o600), os.Rename(file+".new", file)); err != nil {
			t.Fatal(err)
		}
	}
	write()
	start(t, databaseURL, "RELAY_SECRET_KEYS_FILE="+file).kill() // has encrypted them under the first keys
	var encryption, index keyring.Key
	set, encryption = set.Rotate(keyring.Encryption, time.Now().Add(-time.Minute))
	set, index = set.Rotate(keyring.Indexing, time.Now().Add(-time.Minute))
	write()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	moved := func(column string, to keyring.Key) int64 {
		n, err := reencrypt.Count(ctx, d, "users", column)
		if err != nil {
			t.Error(err)
		}
		return n[to.ID]
	}
	cmd := command(t, "RELAY_SECRET_KEYS_FILE="+file, "RELAY_ADDR=127.0.0.1:0", "RELAY_DATABASE_URL="+databaseURL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, "some are moved", func() bool { return moved("email", encryption) > 0 })
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	before := moved("email", encryption)
	if n := moved("email_index", index); n != before || before >= users {
		t.Fatalf("%d addresses and %d of their indexes are moved, of %d", before, n, users)
	}
	a, b := start(t, databaseURL, "RELAY_SECRET_KEYS_FILE="+file), start(t, databaseURL, "RELAY_SECRET_KEYS_FILE="+file)
	until(ctx, t, "all are moved", func() bool { return moved("email", encryption) == users && moved("email_index", index) == users })
	for n, p := range map[int]*process{0: a, users - 1: b} { // and found
		p.must(http.StatusOK, http.MethodPost, "/sign-up", formType, "", url.Values{"name": {fmt.Sprint("new", n)}, "email": {fmt.Sprintf("USER%d@old.example", n)}}.Encode())
		until(ctx, t, "who has an account is mailed that", func() bool {
			_, page := p.must(http.StatusOK, http.MethodGet, p.said(outboxInLog), "", "", "")
			return strings.Contains(page, "You already have an account")
		})
	}
	for _, p := range []*process{a, b} {
		if strings.Contains(p.log.text(), "cannot be decrypted") || strings.Contains(p.log.text(), "stay under their key") {
			t.Error("some values were lost")
		}
	}
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
