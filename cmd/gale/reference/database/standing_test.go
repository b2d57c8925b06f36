package database_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func TestUnchanged(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		newUser(t, s, "ada")
		create := func(u models.User, name string) error {
			return s.CreateKey(s.Unchanged(t.Context(), u), models.APIKey{ID: name, UserID: u.ID, Name: name, Hash: []byte(name), CreatedAt: start}, 100)
		}
		for name, change := range map[string]func(*models.User){
			"password": func(u *models.User) { at := start; u.PasswordChangedAt = &at },
			"factors":  func(u *models.User) { u.Epoch++ },
			"disabled": func(u *models.User) { u.Disabled = true },
		} {
			u := newUser(t, s, name)
			_, err := s.UpdateUser(t.Context(), u.ID, func(u *models.User) error { u.Role = models.Operator; return nil })
			assert.NoError(t, err)
			assert.NoError(t, create(u, name+"-1")) // his sessions go on
			_, err = s.UpdateUser(t.Context(), u.ID, func(u *models.User) error { change(u); return nil })
			assert.NoError(t, err)
			assert.ErrorIs(t, create(u, name+"-2"), services.ErrOutdated)
			_, _, err = s.Key(t.Context(), name+"-2")
			assert.ErrorIs(t, err, services.ErrNotFound)
		}
		gone := newUser(t, s, "gone")
		assert.NoError(t, s.DeleteUser(t.Context(), gone.ID, start))
		assert.ErrorIs(t, create(gone, "late"), services.ErrOutdated)
	})
}

// Of the keys that are made while all are revoked with a new password, none works.
func TestNoKeySurvivesAReset(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ada := newUser(t, s, "ada")
		var wg sync.WaitGroup
		began := make(chan struct{}, 4)
		for i := range 4 {
			wg.Go(func() {
				for j := range 1000 {
					name := fmt.Sprintf("k%d-%d", i, j)
					err := s.CreateKey(s.Unchanged(t.Context(), ada), models.APIKey{ID: name, UserID: ada.ID, Name: name, Hash: []byte(name), CreatedAt: start}, 10_000)
					if j == 0 {
						began <- struct{}{}
					}
					if err != nil {
						if !errors.Is(err, services.ErrOutdated) {
							t.Error(err)
						}
						return
					}
				}
				t.Error("the thief was not stopped")
			})
		}
		<-began
		at := start.Add(time.Hour)
		_, err := s.UpdateUser(s.RevokeKeys(t.Context(), ada.ID, at), ada.ID, func(u *models.User) error { u.PasswordChangedAt = &at; return nil })
		assert.NoError(t, err)
		wg.Wait()
		list, err := s.Keys(t.Context(), ada.ID)
		assert.NoError(t, err)
		for _, k := range list {
			if k.RevokedAt == nil {
				t.Errorf("%s works", k.ID)
			}
		}
	})
}
