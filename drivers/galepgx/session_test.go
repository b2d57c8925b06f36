package galepgx_test

import (
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/session"
)

func TestSessionStore(t *testing.T) {
	t.Parallel()
	conform.SessionStore(t, func(t *testing.T) session.Store {
		d := open(t, schema(t).String(), db.Options{})
		_, err := d.Exec(t.Context(), session.Schema)
		assert.NoError(t, err)
		return session.NewSQLStore(d)
	})
}
