package galepgx_test

import (
	"testing"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/galetest/conform"
	"github.com/galeweb/gale/internal/assert"
)

func openLinks(t *testing.T) (*db.DB, *oauth.SQLStore) {
	d := open(t, schema(t).String(), db.Options{})
	_, err := d.Exec(t.Context(), oauth.Schema)
	assert.NoError(t, err)
	return d, oauth.NewSQLStore(d)
}

func TestOAuthLinks(t *testing.T) {
	t.Parallel()
	conform.OAuthLinks(t, func(t *testing.T) oauth.Links {
		_, s := openLinks(t)
		return s
	})
}

func TestOAuthLinkAndUserAreStoredTogether(t *testing.T) {
	t.Parallel()
	d, s := openLinks(t)
	conform.OAuthLinkWithUser(t, d, s)
}
