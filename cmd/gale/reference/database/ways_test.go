package database_test

import (
	"context"
	"errors"
	"testing"

	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

// The last way to sign in stays, whichever it is, also when two go at once.
func TestKeepWay(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		s := database.New(d, newKeys(t).ring)
		links, passkeys := s.LinkedAccounts(), passkey.NewSQLStore(d)
		u, link := joiner("ada", "1")
		u, err := s.CreateLinkedUser(t.Context(), u, link, false)
		assert.NoError(t, err)
		key := passkey.Credential{ID: "AQ", UserID: u.ID, UserHandle: []byte("h"), PublicKey: []byte("k"), Created: start}
		unlink := func(ctx context.Context) error { return links.Remove(ctx, u.ID, link.Issuer, link.Subject, false) }
		remove := func(ctx context.Context) error { return passkeys.Delete(ctx, u.ID, key.ID) }
		keep := func(call func(context.Context) error) error { return call(s.KeepWay(t.Context(), u.ID)) }

		assert.ErrorIs(t, keep(unlink), services.ErrLastWay)
		for range 5 {
			assert.NoError(t, passkeys.Create(t.Context(), key))
			first := make(chan error)
			go func() { first <- keep(unlink) }()
			second := keep(remove)
			if one := <-first; (one == nil) == (second == nil) || !errors.Is(errors.Join(one, second), services.ErrLastWay) {
				t.Fatalf("both at once: %v, %v", one, second)
			}
			if second == nil {
				assert.ErrorIs(t, keep(unlink), services.ErrLastWay)
			} else {
				assert.ErrorIs(t, keep(remove), services.ErrLastWay)
				assert.NoError(t, links.Add(t.Context(), link))
				assert.NoError(t, keep(remove))
			}
		}
		_, err = s.UpdateUser(t.Context(), u.ID, func(u *models.User) error { u.PasswordHash = "h"; return nil })
		assert.NoError(t, err)
		assert.NoError(t, keep(unlink))
	})
}
