package galesqlite_test

import (
	"testing"

	"github.com/galeweb/gale/auth/recovery"
	"github.com/galeweb/gale/auth/totp"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
)

// withSchema returns a database of the test's own that has the tables.
func withSchema(t *testing.T, schema string) *db.DB {
	t.Helper()
	d := galetest.DB(t, galetest.DBOptions{Driver: galesqlite.Driver()})
	_, err := d.Exec(t.Context(), schema)
	assert.NoError(t, err)
	return d
}

func TestTOTPStore(t *testing.T) {
	t.Parallel()
	conform.TOTPStore(t, func(t *testing.T) totp.Store { return totp.NewSQLStore(withSchema(t, totp.Schema)) })
}

func TestRecoveryStore(t *testing.T) {
	t.Parallel()
	conform.RecoveryStore(t, func(t *testing.T) recovery.Store {
		return recovery.NewSQLStore(withSchema(t, recovery.Schema))
	})
}
