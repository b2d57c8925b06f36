package galesqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
)

func TestPasskeyStore(t *testing.T) {
	t.Parallel()
	conform.PasskeyStore(t, func(t *testing.T) passkey.Store {
		d := openURL(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), db.Options{})
		_, err := d.Exec(t.Context(), passkey.Schema)
		assert.NoError(t, err)
		return passkey.NewSQLStore(d)
	})
}
