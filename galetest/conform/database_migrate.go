package conform

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/db/migrate"
	"github.com/galeweb/gale/internal/assert"
)

// Migrations is the part of the database suite that is about
// [github.com/galeweb/gale/db/migrate]. open returns a new, empty database;
// its second result opens the same one again.
func Migrations(t *testing.T, open func(t *testing.T) (*db.DB, func() *db.DB)) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, d *db.DB, again func() *db.DB)
	}{
		{"UpAndDown", migrateUpAndDown},
		{"Failure", migrateFailure},
		{"Together", migrateTogether},
		{"Rebuild", migrateRebuild},
		{"OutOfOrder", migrateOutOfOrder},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d, again := open(t)
			test.run(t, d, again)
		})
	}
}

const (
	boatsUp  = "-- +goose Up\nCREATE TABLE boats (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n-- +goose Down\nDROP TABLE boats;\n"
	sailsUp  = "-- +goose Up\nCREATE TABLE sails (id INTEGER PRIMARY KEY, boat INTEGER NOT NULL REFERENCES boats (id) ON DELETE CASCADE);\n-- +goose Down\nDROP TABLE sails;\n"
	sqliteUp = "-- +goose Up\nCREATE TABLE kind (sqlite TEXT);\n-- +goose Down\nDROP TABLE kind;\n"
	pgUp     = "-- +goose Up\nCREATE TABLE kind (postgres TEXT);\n-- +goose Down\nDROP TABLE kind;\n"
)

func migrator(t *testing.T, d *db.DB, files map[string]string) *migrate.Migrator {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys["migrations/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	m, err := migrate.New(d, fsys, migrate.Options{Logger: slog.New(slog.DiscardHandler)})
	assert.NoError(t, err)
	return m
}

func names(list []migrate.Migration) []string {
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
	}
	return names
}

func migrateUpAndDown(t *testing.T, d *db.DB, _ func() *db.DB) {
	m := migrator(t, d, map[string]string{
		"00001_boats.sql": boatsUp, "00002_kind.sql": "-- +goose Up\nSELECT wrong;\n",
		"sqlite/00002_kind.sql": sqliteUp, "postgres/00002_kind.sql": pgUp,
	})
	plan, err := m.Plan(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, names(plan), []string{"00001_boats.sql", "00002_kind.sql"})
	assert.Equal(t, plan[0].SQL, "CREATE TABLE boats (id INTEGER PRIMARY KEY, name TEXT NOT NULL);")
	_, err = d.Exec(t.Context(), "SELECT * FROM goose_db_version")
	assert.True(t, err != nil, "the dry run made a table")

	done, err := m.Up(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, names(done), []string{"00001_boats.sql", "00002_kind.sql"})
	mustExec(t, d, "INSERT INTO kind ("+d.Dialect()+") VALUES ('x')")
	done, err = m.Up(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, len(done), 0)

	status, err := m.Status(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, len(status), 2)
	assert.True(t, !status[1].AppliedAt.IsZero(), "an applied migration has no time")
	plan, err = m.Plan(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, len(plan), 0)

	for _, want := range []string{"00002_kind.sql", "00001_boats.sql"} {
		down, err := m.Down(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, down.Name, want)
	}
	_, err = m.Down(t.Context())
	assert.ErrorIs(t, err, db.ErrNotFound)
	plan, err = m.Plan(t.Context())
	assert.NoError(t, err)
	assert.Equal(t, len(plan), 2)
}

func migrateFailure(t *testing.T, d *db.DB, _ func() *db.DB) {
	m := migrator(t, d, map[string]string{
		"00001_boats.sql": boatsUp,
		"00002_bad.sql":   "-- +goose Up\nINSERT INTO boats VALUES (1, 'kept?');\nINSERT INTO nowhere VALUES ($tag$x$tag$);\n",
	})
	done, err := m.Up(t.Context())
	assert.True(t, err != nil, "a wrong migration is not an error")
	assert.Contains(t, err.Error(), "00002_bad.sql")
	assert.Contains(t, err.Error(), "INSERT INTO nowhere")
	plan, err := m.Plan(t.Context())
	assert.NoError(t, err)
	if d.Dialect() == db.SQLite {
		assert.Equal(t, len(done), 0)
		assert.Equal(t, len(plan), 2)
		mustExec(t, d, "CREATE TABLE boats (id INTEGER)") // nothing is there
		return
	}
	assert.Equal(t, names(done), []string{"00001_boats.sql"})
	assert.Equal(t, names(plan), []string{"00002_bad.sql"})
	assert.Equal(t, count(t, d), 0)
}

func migrateTogether(t *testing.T, d *db.DB, again func() *db.DB) {
	var wg sync.WaitGroup
	for _, d := range []*db.DB{d, again(), again(), again()} {
		wg.Go(func() {
			m := migrator(t, d, map[string]string{"00001_boats.sql": boatsUp, "00002_sails.sql": sailsUp})
			if _, err := m.Up(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, count(t, d), 0)
}

// migrateRebuild does what SQLite advises for changing a table, which must not
// delete what refers to it.
func migrateRebuild(t *testing.T, d *db.DB, _ func() *db.DB) {
	files := map[string]string{"00001_boats.sql": boatsUp, "00002_sails.sql": sailsUp}
	_, err := migrator(t, d, files).Up(t.Context())
	assert.NoError(t, err)
	mustExec(t, d, "INSERT INTO boats VALUES (1, 'one')")
	mustExec(t, d, "INSERT INTO sails VALUES (1, 1)")
	files["postgres/00003_length.sql"] = "-- +goose Up\nALTER TABLE boats ADD COLUMN length INTEGER CHECK (length > 0);\n"
	files["sqlite/00003_length.sql"] = `-- +goose Up
CREATE TABLE new_boats (id INTEGER PRIMARY KEY, name TEXT NOT NULL, length INTEGER CHECK (length > 0));
INSERT INTO new_boats (id, name) SELECT id, name FROM boats;
DROP TABLE boats;
ALTER TABLE new_boats RENAME TO boats;
`
	_, err = migrator(t, d, files).Up(t.Context())
	assert.NoError(t, err)
	n, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM sails JOIN boats ON boats.id = sails.boat WHERE length IS NULL")
	assert.NoError(t, err)
	assert.Equal(t, n, 1)
	// Enforced again, in migrations at the end.
	_, err = d.Exec(t.Context(), "INSERT INTO sails VALUES (2, 99)")
	assert.ErrorIs(t, err, db.ErrConflict)
	files["00004_orphan.sql"] = "-- +goose Up\nINSERT INTO sails VALUES (3, 77);\n"
	_, err = migrator(t, d, files).Up(t.Context())
	assert.True(t, err != nil && strings.Contains(err.Error(), "sails"), "a migration left a row that refers to nothing")
}

func migrateOutOfOrder(t *testing.T, d *db.DB, _ func() *db.DB) {
	_, err := migrator(t, d, map[string]string{"00002_boats.sql": boatsUp}).Up(t.Context())
	assert.NoError(t, err)
	m := migrator(t, d, map[string]string{"00001_kind.sql": pgUp, "00002_boats.sql": boatsUp})
	_, err = m.Up(t.Context())
	assert.True(t, err != nil && strings.Contains(err.Error(), "1"), "a migration went below one that was applied")
	// A program that does not know the version says so.
	status, err := migrator(t, d, map[string]string{"00003_kind.sql": pgUp}).Status(context.WithoutCancel(t.Context()))
	assert.NoError(t, err)
	assert.Equal(t, names(status), []string{"", "00003_kind.sql"})
}
