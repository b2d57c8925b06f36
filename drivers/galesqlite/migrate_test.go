package galesqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest/conform"
)

func TestMigrations(t *testing.T) {
	t.Parallel()
	conform.Migrations(t, func(t *testing.T) (*db.DB, func() *db.DB) {
		url := "sqlite:" + filepath.Join(t.TempDir(), "test.db")
		again := func() *db.DB { return openURL(t, url, db.Options{}) }
		return again(), again
	})
}
