package galepgx_test

import (
	"context"
	"errors"
	"testing"
	"time"

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
	_, err := d.Exec(t.Context(), "CREATE TABLE users (id TEXT PRIMARY KEY)")
	assert.NoError(t, err)
	signUp := func(user string) error {
		return d.Tx(t.Context(), func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO users (id) VALUES ($1)", user); err != nil {
				return err
			}
			return s.AddTx(ctx, tx, oauth.NewRecord(user, oauth.Identity{Issuer: "https://id.example.com", Subject: "1"}, time.Now()))
		})
	}
	assert.NoError(t, signUp("u1"))
	assert.True(t, errors.Is(signUp("u2"), oauth.ErrLinked), "an identity has two users")
	users, err := db.All[string](t.Context(), d, "SELECT id FROM users")
	assert.NoError(t, err)
	assert.Equal(t, users, []string{"u1"})

	assert.NoError(t, s.RemoveUser(t.Context(), "u1"))
	_, err = s.Find(t.Context(), "https://id.example.com", "1")
	assert.ErrorIs(t, err, oauth.ErrNotFound)
}
