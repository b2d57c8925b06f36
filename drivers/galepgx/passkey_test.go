package galepgx_test

import (
	"testing"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
)

func TestPasskeyStore(t *testing.T) {
	t.Parallel()
	conform.PasskeyStore(t, func(t *testing.T) passkey.Store {
		d := open(t, schema(t).String(), db.Options{})
		_, err := d.Exec(t.Context(), passkey.Schema)
		assert.NoError(t, err)
		return passkey.NewSQLStore(d)
	})
}
