package galepgx_test

import (
	"testing"

	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
)

func TestRoleStore(t *testing.T) {
	t.Parallel()
	conform.RoleStore(t, func(t *testing.T) roles.Store {
		d := open(t, schema(t).String(), db.Options{})
		_, err := d.Exec(t.Context(), roles.Schema)
		assert.NoError(t, err)
		return roles.NewSQLStore(d)
	})
}
