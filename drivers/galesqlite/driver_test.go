package galesqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
)

// openURL opens a database that is closed with the test.
func openURL(t testing.TB, url string, o db.Options) *db.DB {
	t.Helper()
	o.Drivers = []db.Driver{galesqlite.Driver()}
	d, err := db.Open(t.Context(), url, o)
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	return d
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	conform.Database(t, func(t *testing.T) *db.DB {
		return openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), db.Options{})
	})
}

func TestDatabaseInMemory(t *testing.T) {
	t.Parallel()
	conform.Database(t, func(t *testing.T) *db.DB { return openURL(t, "sqlite::memory:", db.Options{}) })
}
