package galepgx_test

import (
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest/conform"
)

func TestMigrations(t *testing.T) {
	t.Parallel()
	conform.Migrations(t, func(t *testing.T) (*db.DB, func() *db.DB) {
		url := schema(t).String()
		again := func() *db.DB { return open(t, url, db.Options{}) }
		return again(), again
	})
}
