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

// Of the password and the last passkey that go at once, one stays.
func TestNeedPasskey(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		s := database.New(d, newKeys(t).ring)
		passkeys := passkey.NewSQLStore(d)
		u := newUser(t, s, "ada")
		key := passkey.Credential{ID: "AQ", UserID: u.ID, UserHandle: []byte("h"), PublicKey: []byte("k"), Created: start}
		set := func(ctx context.Context, hash string) error {
			_, err := s.UpdateUser(ctx, u.ID, func(u *models.User) error { u.PasswordHash = hash; return nil })
			return err
		}
		removePassword := func() error { return set(s.NeedPasskey(t.Context(), u.ID), "") }
		assert.ErrorIs(t, removePassword(), services.ErrNoPasskey)
		for range 5 {
			assert.NoError(t, passkeys.Create(t.Context(), key))
			first := make(chan error)
			go func() { first <- removePassword() }()
			second := passkeys.Delete(s.KeepWay(t.Context(), u.ID), u.ID, key.ID)
			switch one := <-first; {
			case one == nil && errors.Is(second, services.ErrLastWay):
				assert.NoError(t, set(t.Context(), "h"))
				assert.NoError(t, passkeys.Delete(t.Context(), u.ID, key.ID))
			case second == nil && errors.Is(one, services.ErrNoPasskey):
			default:
				t.Fatalf("both at once: %v, %v", one, second)
			}
		}
	})
}

// The last way to sign in stays, whichever it is, also when two go at once.
func TestKeepWay(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		s := database.New(d, newKeys(t).ring)
		links, passkeys := s.LinkedAccounts(), passkey.NewSQLStore(d)
		u, link := joiner("ada", "1")
		u, err := s.CreateLinkedUser(t.Context(), u, link, false, nil)
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
