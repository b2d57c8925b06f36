package galepgx_test

import (
	"testing"

	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
)

func TestRefreshStore(t *testing.T) {
	t.Parallel()
	conform.RefreshStore(t, func(t *testing.T) token.RefreshStore {
		d := open(t, schema(t).String(), db.Options{})
		_, err := d.Exec(t.Context(), token.Schema)
		assert.NoError(t, err)
		return token.NewSQLStore(d)
	})
}
