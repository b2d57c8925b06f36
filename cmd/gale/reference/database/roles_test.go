package database_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/galeweb/gale/auth/roles"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
)

func openRoles(t *testing.T, d *db.DB, s *database.Store) *roles.Roles {
	t.Helper()
	r, err := roles.Open(t.Context(), roles.Options{
		Store: roles.NewSQLStore(d), Permissions: services.Permissions(), Protected: services.MayAdmin, Held: s.Held,
	})
	assert.NoError(t, err)
	return r
}

func TestRolesOfUsers(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		s := database.New(d, newKeys(t).ring)
		r := openRoles(t, d, s)
		ada, bob := newUser(t, s, "ada"), newUser(t, s, "bob")
		give := func(u models.User, role models.Role, disabled bool) error {
			_, err := s.UpdateUser(t.Context(), u.ID, func(u *models.User) error { u.Role, u.Disabled = role, disabled; return nil })
			return err
		}
		assert.ErrorIs(t, give(bob, "boss", false), services.ErrNoRole)
		assert.NoError(t, r.Add(t.Context(), "boss", []string{services.MayAdmin}))
		held, err := s.Held(t.Context(), "boss")
		assert.NoError(t, err)
		assert.Equal(t, held, false)
		assert.ErrorIs(t, give(ada, "viewer", false), services.ErrLastAdmin) // nobody is a boss
		assert.NoError(t, give(bob, "boss", true))
		held, err = s.Held(t.Context(), "boss")
		assert.NoError(t, err)
		assert.Equal(t, held, false) // who is disabled cannot undo anything
		assert.ErrorIs(t, give(ada, "viewer", false), services.ErrLastAdmin)
		assert.NoError(t, give(bob, "boss", false))
		assert.NoError(t, give(ada, "viewer", false))
		holders, err := s.Holders(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, holders, map[models.Role]services.Holders{"boss": {N: 1, Without: 1}, "viewer": {N: 1, Without: 1}})

		err = r.Reset(s.Guard(t.Context(), "boss"), "boss")
		assert.ErrorIs(t, err, roles.ErrProtected)
		assert.NoError(t, give(ada, "admin", false))
		heldBy, _ := errors.AsType[*services.HeldError](r.Reset(s.Guard(t.Context(), "boss"), "boss"))
		assert.Equal(t, heldBy.Users, 1)
		assert.NoError(t, s.DeleteUser(t.Context(), bob.ID, start))
		assert.NoError(t, r.Reset(s.Guard(t.Context(), "boss"), "boss")) // who has left holds nothing

		assert.NoError(t, r.Set(t.Context(), "viewer", nil))
		_, err = d.Exec(t.Context(), "UPDATE role_permissions SET permissions = 'x'")
		assert.NoError(t, err)
		if err := give(ada, "operator", false); err == nil {
			t.Error("what cannot be read is believed")
		}
	})
}

// While one admin takes the permission from the other's role, that one takes the
// role from the first: one of them is late.
func TestRolesAndUsersChangeAtOnce(t *testing.T) {
	onEach(t, database.Migrations(), func(t *testing.T, d *db.DB) {
		s := database.New(d, newKeys(t).ring)
		r := openRoles(t, d, s)
		ada, bob := newUser(t, s, "ada"), newUser(t, s, "bob")
		give := func(u models.User, role models.Role) error {
			_, err := s.UpdateUser(t.Context(), u.ID, func(u *models.User) error { u.Role = role; return nil })
			return err
		}
		for range 10 {
			assert.NoError(t, r.Set(t.Context(), "boss", []string{services.MayAdmin}))
			assert.NoError(t, give(bob, "boss"))
			assert.NoError(t, give(ada, "admin"))
			var demoted, taken error
			var wg sync.WaitGroup
			wg.Go(func() { demoted = give(ada, "viewer") })
			wg.Go(func() { taken = r.Set(s.Guard(context.WithoutCancel(t.Context()), ""), "boss", nil) })
			wg.Wait()
			if (demoted == nil) == (taken == nil) {
				t.Fatalf("both or none: %v, %v", demoted, taken)
			}
		}
	})
}
