package galesqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

func TestSessionStore(t *testing.T) {
	t.Parallel()
	conform.SessionStore(t, func(t *testing.T) session.Store {
		d := openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), db.Options{})
		_, err := d.Exec(t.Context(), session.Schema)
		assert.NoError(t, err)
		return session.NewSQLStore(d)
	})
}
