package database_test

import (
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func TestKeys(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ctx := t.Context()
		ada, bob := newUser(t, s, "ada"), newUser(t, s, "bob")
		key := models.APIKey{ID: "k1", UserID: ada.ID, Name: "probe", Hash: []byte{0, 1, 255}, CreatedAt: start}
		noError(t, s.CreateKey(ctx, key))
		got, owner, err := s.Key(ctx, "k1")
		noError(t, err)
		equal(t, got, key)
		equal(t, owner, models.User{ID: ada.ID, Name: "ada", Email: ada.Email, Role: models.Admin}) // no hash, no date: not needed
		_, _, err = s.Key(ctx, "nothing")
		wantError(t, err, services.ErrNotFound)

		again := key
		again.ID = "k2"
		taken(t, s.CreateKey(ctx, again), "name")
		again.UserID = bob.ID
		noError(t, s.CreateKey(ctx, again)) // names are the user's own

		for _, id := range []string{"k2", "nothing", "\x00", "\xff"} {
			wantError(t, s.RevokeKey(ctx, ada.ID, id, start), services.ErrNotFound)
		}
		revoked := start.Add(time.Hour)
		noError(t, s.RevokeKey(ctx, ada.ID, "k1", revoked))
		wantError(t, s.RevokeKey(ctx, ada.ID, "k1", revoked), services.ErrNotFound)
		got, _, err = s.Key(ctx, "k1")
		noError(t, err)
		equal(t, *got.RevokedAt, revoked)
		again.UserID, again.ID, again.CreatedAt = ada.ID, "k3", start.Add(-time.Hour)
		noError(t, s.CreateKey(ctx, again)) // the name is free again

		list, err := s.Keys(ctx, ada.ID)
		noError(t, err)
		equal(t, len(list), 2)
		equal(t, list[0].ID+list[1].ID, "k3k1") // working ones first
	})
}

func TestTouchKey(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ada := newUser(t, s, "ada")
		noError(t, s.CreateKey(t.Context(), models.APIKey{ID: "k", UserID: ada.ID, Name: "probe", Hash: []byte{1}, CreatedAt: start}))
		for _, use := range []struct {
			at, since, want time.Time
		}{
			{start, start.Add(-time.Minute), start},                                            // the first
			{start.Add(30 * time.Second), start.Add(-30 * time.Second), start},                 // too soon
			{start.Add(61 * time.Second), start.Add(time.Second), start.Add(61 * time.Second)}, // due
		} {
			noError(t, s.TouchKey(t.Context(), "k", use.at, use.since))
			k, _, err := s.Key(t.Context(), "k")
			noError(t, err)
			equal(t, *k.LastUsedAt, use.want)
		}
	})
}
