package database_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func TestKeys(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ctx := t.Context()
		ada, bob := newUser(t, s, "ada"), newUser(t, s, "bob")
		key := models.APIKey{ID: "k1", UserID: ada.ID, Name: "probe", Hash: []byte{0, 1, 255}, CreatedAt: start}
		assert.NoError(t, s.CreateKey(ctx, key, 100))
		got, owner, err := s.Key(ctx, "k1")
		assert.NoError(t, err)
		assert.Equal(t, got, key)
		assert.Equal(t, owner, models.User{ID: ada.ID, Name: "ada", Email: ada.Email, Role: models.Admin}) // no hash, no date: not needed
		_, _, err = s.Key(ctx, "nothing")
		assert.ErrorIs(t, err, services.ErrNotFound)

		again := key
		again.ID = "k2"
		taken(t, s.CreateKey(ctx, again, 100), "name")
		again.UserID = bob.ID
		assert.NoError(t, s.CreateKey(ctx, again, 100)) // names are the user's own

		for _, id := range []string{"k2", "nothing", "\x00", "\xff"} {
			assert.ErrorIs(t, s.RevokeKey(ctx, ada.ID, id, start), services.ErrNotFound)
		}
		revoked := start.Add(time.Hour)
		assert.NoError(t, s.RevokeKey(ctx, ada.ID, "k1", revoked))
		assert.ErrorIs(t, s.RevokeKey(ctx, ada.ID, "k1", revoked), services.ErrNotFound)
		got, _, err = s.Key(ctx, "k1")
		assert.NoError(t, err)
		assert.Equal(t, *got.RevokedAt, revoked)
		again.UserID, again.ID, again.CreatedAt = ada.ID, "k3", start.Add(-time.Hour)
		assert.NoError(t, s.CreateKey(ctx, again, 100)) // the name is free again

		// The cap counts what is not revoked, and two at once are no way around it.
		again.ID, again.Name = "k4", "more"
		assert.ErrorIs(t, s.CreateKey(ctx, again, 1), services.ErrTooManyKeys)
		var made atomic.Int64
		var wg sync.WaitGroup
		for i := range 4 {
			k := again
			k.ID, k.Name, k.UserID = fmt.Sprint("b", i), fmt.Sprint("b", i), bob.ID
			wg.Go(func() {
				if err := s.CreateKey(ctx, k, 2); err == nil { // bob has one
					made.Add(1)
				} else if !errors.Is(err, services.ErrTooManyKeys) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, made.Load(), 1)

		list, err := s.Keys(ctx, ada.ID)
		assert.NoError(t, err)
		assert.Equal(t, len(list), 2)
		assert.Equal(t, list[0].ID+list[1].ID, "k3k1") // working ones first
	})
}

func TestTouchKey(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ada := newUser(t, s, "ada")
		assert.NoError(t, s.CreateKey(t.Context(), models.APIKey{ID: "k", UserID: ada.ID, Name: "probe", Hash: []byte{1}, CreatedAt: start}, 100))
		for _, use := range []struct {
			at, since, want time.Time
		}{
			{start, start.Add(-time.Minute), start},                                            // the first
			{start.Add(30 * time.Second), start.Add(-30 * time.Second), start},                 // too soon
			{start.Add(61 * time.Second), start.Add(time.Second), start.Add(61 * time.Second)}, // due
		} {
			assert.NoError(t, s.TouchKey(t.Context(), "k", use.at, use.since))
			k, _, err := s.Key(t.Context(), "k")
			assert.NoError(t, err)
			assert.Equal(t, *k.LastUsedAt, use.want)
		}
	})
}
