package galesqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/internal/assert"
)

const packets = "CREATE TABLE packets (id INTEGER PRIMARY KEY, body BLOB NOT NULL)"

func exec(t *testing.T, q db.Querier, sql string, args ...any) {
	t.Helper()
	_, err := q.Exec(t.Context(), sql, args...)
	assert.NoError(t, err)
}

// hold takes the write lock of a database and returns what gives it back.
func hold(t *testing.T, d *db.DB) (release func()) {
	t.Helper()
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- d.Tx(context.WithoutCancel(t.Context()), func(context.Context, *db.Tx) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	return func() {
		close(free)
		assert.NoError(t, <-done)
	}
}

// TestLocked: another process, for which a second DB stands, holds the lock.
func TestLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	d := openURL(t, "sqlite:"+path+"?busy_timeout=1ms", db.Options{})
	exec(t, d, packets)
	release := hold(t, openURL(t, "sqlite:"+path, db.Options{}))

	_, err := d.Exec(t.Context(), "INSERT INTO packets (body) VALUES ($1)", "x")
	assert.ErrorIs(t, err, db.ErrUnavailable)
	err = d.Tx(t.Context(), func(context.Context, *db.Tx) error { t.Error("the transaction began"); return nil })
	assert.ErrorIs(t, err, db.ErrUnavailable)
	n, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM packets") // readers do not care
	assert.NoError(t, err)
	assert.Equal(t, n, 0)

	release()
	exec(t, d, "INSERT INTO packets (body) VALUES ($1)", "x")
}

// TestWriterBusy: the one writer of this process is taken.
func TestWriterBusy(t *testing.T) {
	t.Parallel()
	d := openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), db.Options{AcquireTimeout: 1})
	exec(t, d, packets)
	release := hold(t, d)
	_, err := d.Exec(t.Context(), "INSERT INTO packets (body) VALUES ('x')")
	assert.ErrorIs(t, err, db.ErrUnavailable)
	assert.Equal(t, d.Stats()[0].Waits, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Exec(ctx, "INSERT INTO packets (body) VALUES ('x')")
	assert.ErrorIs(t, err, context.Canceled)
	release()
	exec(t, d, "INSERT INTO packets (body) VALUES ('x')")
}

// TestFull stands for a full disk, which gives the same result code.
func TestFull(t *testing.T) {
	t.Parallel()
	d := openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), db.Options{})
	exec(t, d, packets)
	exec(t, d, "PRAGMA max_page_count = 20")
	big := make([]byte, 30<<10)
	fill := func() error {
		for range 10 {
			if _, err := d.Exec(t.Context(), "INSERT INTO packets (body) VALUES ($1)", big); err != nil {
				return err
			}
		}
		return nil
	}
	assert.ErrorIs(t, fill(), db.ErrUnavailable)
	before, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM packets")
	assert.NoError(t, err)

	// SQLite itself rolls such a transaction back; what follows in it must
	// not be stored on its own.
	err = d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM packets WHERE id = 1")
		assert.NoError(t, err)
		_, err = tx.Exec(ctx, "INSERT INTO packets (body) VALUES ($1)", make([]byte, 90<<10))
		assert.ErrorIs(t, err, db.ErrUnavailable)
		_, _ = tx.Exec(ctx, "DELETE FROM packets")
		return nil
	})
	assert.ErrorIs(t, err, db.ErrAborted)
	assert.ErrorIs(t, err, db.ErrUnavailable)
	after, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM packets")
	assert.NoError(t, err)
	assert.Equal(t, after, before)

	exec(t, d, "PRAGMA max_page_count = 100000")
	assert.NoError(t, fill())
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	assert.NoError(t, os.WriteFile(path, []byte(strings.Repeat("this is no database ", 500)), 0o600))
	_, err := db.Open(t.Context(), "sqlite:"+path, db.Options{Drivers: []db.Driver{galesqlite.Driver()}})
	assert.True(t, err != nil && strings.Contains(err.Error(), "restore it from a backup"), "a file that is no database was opened")
	assert.True(t, !errors.Is(err, db.ErrUnavailable), "waiting will not help")
	got, err := os.ReadFile(path)
	assert.NoError(t, err)
	assert.Equal(t, len(got), 10000) // and it is left alone
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for url, want := range map[string]string{
		"sqlite:" + dir + "/missing/test.db":                 "does not exist; create it",
		"sqlite:":                                            "without a path",
		"sqlite:%zz":                                         "broken % escape",
		"sqlite:x.db?synchronous=off":                        "use normal, full or extra",
		"sqlite:x.db?busy_timeout=5":                         "not a duration",
		"sqlite:x.db?cache_size=-1":                          "not a number from",
		"sqlite:x.db?_pragma=writable_schema(1)":             `unknown parameter "_pragma"`,
		"sqlite:x.db?vfs=other":                              `unknown parameter "vfs"`,
		"sqlite:" + dir:                                      "unavailable",
		"mysql://root:sesame@host/db":                        `unknown scheme "mysql"; known are sqlite, sqlite3`,
		"sesame":                                             "URL without a scheme",
		"p:sesame@host":                                      "known are sqlite",
		"sqlite:" + filepath.Join(dir, "a%00b.db?x=%zz"):     "zero byte",
		"sqlite:" + filepath.Join(dir, "a.db?synchronous=%"): "do not parse",
	} {
		_, err := db.Open(t.Context(), url, db.Options{Drivers: []db.Driver{galesqlite.Driver()}})
		if err == nil {
			t.Errorf("%s: no error", url)
			continue
		}
		assert.Contains(t, err.Error(), want)
		assert.True(t, !strings.Contains(err.Error(), "sesame"), "the error shows a password")
	}
	entries, err := os.ReadDir(dir)
	assert.NoError(t, err)
	assert.Equal(t, len(entries), 0)
}

// TestPath: whatever the path holds, it is a path and never a parameter.
func TestPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := "a b#c;é&mode=ro%"
	d := openURL(t, "sqlite://"+dir+"/a b#c;é&mode=ro%25", db.Options{})
	exec(t, d, packets)
	_, err := os.Stat(filepath.Join(dir, name))
	assert.NoError(t, err)
	if runtime.GOOS != "windows" {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(filepath.Join(dir, name+suffix))
			assert.NoError(t, err)
			assert.Equal(t, info.Mode().Perm(), 0o600)
		}
	}
}

// TestReader: WITH … INSERT passes the look at the first word, not SQLite.
func TestReader(t *testing.T) {
	t.Parallel()
	d := openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), db.Options{})
	exec(t, d, packets)
	const insert = "WITH new (body) AS (VALUES ('x')) INSERT INTO packets (body) SELECT body FROM new RETURNING id"
	_, err := db.Get[int](t.Context(), d, insert)
	assert.ErrorIs(t, err, db.ErrReadOnly)
	id, err := db.Get[int](t.Context(), d.Writer(), insert)
	assert.NoError(t, err)
	assert.Equal(t, id, 1)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	d := openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), db.Options{MaxConns: 2})
	for _, q := range []db.Querier{d, d.Writer()} {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "mmap_size": "0", "trusted_schema": "0",
		} {
			got, err := db.Get[any](t.Context(), q, "PRAGMA "+pragma)
			assert.NoError(t, err)
			assert.Equal(t, fmt.Sprint(got), want)
		}
	}
	_, err := db.Get[string](t.Context(), d, `SELECT "no_such_column"`)
	assert.True(t, err != nil, "a misspelt column is a string")
	assert.Equal(t, d.Stats()[1].Max, 2)
}

// TestStatementCache: more statements than are kept, and one text twice at once.
func TestStatementCache(t *testing.T) {
	t.Parallel()
	d := openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db")+"?statements=2", db.Options{})
	exec(t, d, packets)
	for i := range 5 {
		exec(t, d, "INSERT INTO packets (body) VALUES ($1) /* "+strings.Repeat("x", i)+" */", "x")
	}
	const query = "SELECT id FROM packets ORDER BY id"
	n := 0
	for outer, err := range db.Each[int](t.Context(), d, query) {
		assert.NoError(t, err)
		for inner, err := range db.Each[int](t.Context(), d, query) {
			assert.NoError(t, err)
			n += outer * inner
		}
	}
	assert.Equal(t, n, 15*15)
	// The schema changes under the prepared statement.
	const star = "SELECT * FROM packets WHERE id = 1"
	type before struct {
		ID   int
		Body []byte
	}
	_, err := db.Get[before](t.Context(), d, star)
	assert.NoError(t, err)
	exec(t, d, "ALTER TABLE packets ADD COLUMN note TEXT")
	type after struct {
		before
		Note *string
	}
	_, err = db.Get[after](t.Context(), d, star)
	assert.NoError(t, err)
}
