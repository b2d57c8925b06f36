package galepgx_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
)

// server returns the URL of the test server, or skips the test.
func server(t testing.TB) *url.URL {
	t.Helper()
	u, err := url.Parse(galetest.Require(t, "postgres"))
	assert.NoError(t, err)
	return u
}

// schema makes a schema for the test and returns the URL that leads into it.
func schema(t testing.TB) *url.URL {
	t.Helper()
	u := server(t)
	admin := open(t, u.String(), db.Options{MaxConns: 1})
	name := "gale_" + strings.ToLower(rand.Text()[:12])
	_, err := admin.Exec(t.Context(), "CREATE SCHEMA "+name)
	assert.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.Exec(context.WithoutCancel(t.Context()), "DROP SCHEMA "+name+" CASCADE")
		assert.NoError(t, err)
	})
	q := u.Query()
	q.Set("schema", name)
	u.RawQuery = q.Encode()
	return u
}

func open(t testing.TB, url string, o db.Options) *db.DB {
	t.Helper()
	o.Drivers = []db.Driver{galepgx.Driver()}
	d, err := db.Open(t.Context(), url, o)
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	return d
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	conform.Database(t, func(t *testing.T) *db.DB { return open(t, schema(t).String(), db.Options{}) })
}
