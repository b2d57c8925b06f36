package galesqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest/conform"
)

func TestReencryption(t *testing.T) {
	t.Parallel()
	conform.Reencryption(t, func(t *testing.T) *db.DB {
		return openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), db.Options{})
	})
}
