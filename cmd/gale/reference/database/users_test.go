package database_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

// taken fails unless err says that the field is taken.
func taken(t *testing.T, err error, field string) {
	t.Helper()
	if e, ok := errors.AsType[*services.TakenError](err); !ok || e.Field != field {
		t.Fatalf("error is %v, want a TakenError for %s", err, field)
	}
}

func TestFirstUserIsAdmin(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		_, err := s.User(t.Context(), "nobody")
		assert.ErrorIs(t, err, services.ErrNotFound)
		ada, bob := newUser(t, s, "ada"), newUser(t, s, "bob")
		assert.Equal(t, ada.Role, models.Admin)
		assert.Equal(t, bob.Role, models.Viewer)
		for _, want := range []models.User{ada, bob} {
			byID, err := s.User(t.Context(), want.ID)
			assert.NoError(t, err)
			assert.Equal(t, byID, want)
			byEmail, err := s.UserByEmail(t.Context(), want.Email)
			assert.NoError(t, err)
			assert.Equal(t, byEmail, want)
		}
	})
}

func TestOneAdminOfManyAtOnce(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		var wg sync.WaitGroup
		roles := make([]models.Role, 8)
		for i := range roles {
			wg.Go(func() {
				u, err := create(t, s, models.User{ID: fmt.Sprint(i), Name: fmt.Sprint("u", i), Email: fmt.Sprint(i, "@example.com")})
				if err != nil {
					t.Error(err)
				}
				roles[i] = u.Role
			})
		}
		wg.Wait()
		admins := 0
		for _, r := range roles {
			if r == models.Admin {
				admins++
			}
		}
		assert.Equal(t, admins, 1)
	})
}

func TestNameAndAddressAreUnique(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ada := newUser(t, s, "ada")
		_, err := create(t, s, models.User{ID: "2", Name: "ada", Email: "other@example.com"})
		taken(t, err, "name")
		_, err = create(t, s, models.User{ID: "2", Name: "other", Email: ada.Email})
		taken(t, err, "email")
		// What failed left nothing, not even a number.
		assert.Equal(t, newUser(t, s, "other").Role, models.Viewer)
	})
}

// An attacker who takes the name that somebody gave up would send as them.
func TestNameOfAnotherStaysTaken(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ada := newUser(t, s, "ada")
		rename := func(id, name string) error {
			_, err := s.UpdateUser(t.Context(), id, func(u *models.User) error { u.Name = name; return nil })
			return err
		}
		assert.NoError(t, rename(ada.ID, "countess"))
		_, err := create(t, s, models.User{ID: "2", Name: "ada", Email: "mallory@example.com"})
		taken(t, err, "name")
		mallory := newUser(t, s, "mallory")
		taken(t, rename(mallory.ID, "ada"), "name")
		taken(t, rename(mallory.ID, "countess"), "name")
		assert.NoError(t, rename(ada.ID, "ada"))
	})
}

func TestUpdateUser(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		newUser(t, s, "ada")
		bob := newUser(t, s, "bob")
		got, err := s.UpdateUser(t.Context(), bob.ID, func(u *models.User) error {
			u.Name, u.PasswordHash, u.Role, u.Disabled = "robert", "new", models.Operator, true
			return nil
		})
		assert.NoError(t, err)
		bob.Name, bob.PasswordHash, bob.Role, bob.Disabled = "robert", "new", models.Operator, true
		assert.Equal(t, got, bob)
		stored, err := s.User(t.Context(), bob.ID)
		assert.NoError(t, err)
		assert.Equal(t, stored, bob)

		refused := errors.New("refused")
		_, err = s.UpdateUser(t.Context(), bob.ID, func(u *models.User) error { u.Name = "x"; return refused })
		assert.ErrorIs(t, err, refused)
		for _, id := range []string{"nobody", "\x00", "\xff"} {
			_, err = s.UpdateUser(t.Context(), id, func(*models.User) error { return nil })
			assert.ErrorIs(t, err, services.ErrNotFound)
		}
	})
}

// Each changes its own field; none may undo another's.
func TestUpdatesAtOnceAreAllKept(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		newUser(t, s, "ada")
		bob := newUser(t, s, "bob")
		var wg sync.WaitGroup
		for _, change := range []func(*models.User){
			func(u *models.User) { u.Name = "robert" },
			func(u *models.User) { u.PasswordHash = "new" },
			func(u *models.User) { u.Role = models.Operator },
			func(u *models.User) { u.Disabled = true },
		} {
			wg.Go(func() {
				if _, err := s.UpdateUser(t.Context(), bob.ID, func(u *models.User) error { change(u); return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		bob.Name, bob.PasswordHash, bob.Role, bob.Disabled = "robert", "new", models.Operator, true
		got, err := s.User(t.Context(), bob.ID)
		assert.NoError(t, err)
		assert.Equal(t, got, bob)
	})
}

func TestLastAdminStays(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ada, bob := newUser(t, s, "ada"), newUser(t, s, "bob")
		set := func(id string, role models.Role, disabled bool) error {
			_, err := s.UpdateUser(t.Context(), id, func(u *models.User) error { u.Role, u.Disabled = role, disabled; return nil })
			return err
		}
		assert.ErrorIs(t, set(ada.ID, models.Viewer, false), services.ErrLastAdmin)
		assert.ErrorIs(t, set(ada.ID, models.Admin, true), services.ErrLastAdmin)
		assert.NoError(t, set(bob.ID, models.Admin, true))
		assert.ErrorIs(t, set(ada.ID, models.Viewer, false), services.ErrLastAdmin) // a disabled admin does not count
		got, err := s.User(t.Context(), ada.ID)
		assert.NoError(t, err)
		assert.Equal(t, got, ada)
	})
}

func TestLastAdminStaysWhenAllStepDownAtOnce(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		var ids []string
		for i := range 6 {
			ids = append(ids, newUser(t, s, fmt.Sprint("admin", i)).ID)
			_, err := s.UpdateUser(t.Context(), ids[i], func(u *models.User) error { u.Role = models.Admin; return nil })
			assert.NoError(t, err)
		}
		var wg sync.WaitGroup
		results := make([]error, len(ids))
		for i, id := range ids {
			wg.Go(func() {
				_, results[i] = s.UpdateUser(t.Context(), id, func(u *models.User) error {
					if i%2 == 0 {
						u.Role = models.Viewer
					} else {
						u.Disabled = true
					}
					return nil
				})
			})
		}
		wg.Wait()
		refused := 0
		for _, err := range results {
			if err != nil {
				assert.ErrorIs(t, err, services.ErrLastAdmin)
				refused++
			}
		}
		assert.Equal(t, refused, 1)
	})
}

func TestUsersByPages(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		for _, name := range []string{"eve", "ada", "dan", "bob", "cay"} {
			newUser(t, s, name)
		}
		var got []string
		after := ""
		for {
			page, err := s.Users(t.Context(), after, 2)
			assert.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, u := range page {
				got = append(got, u.Name)
			}
			after = got[len(got)-1]
		}
		assert.Equal(t, got, []string{"ada", "bob", "cay", "dan", "eve"})
		for _, after := range []string{"zz", "\xff", "a\x00"} {
			page, err := s.Users(t.Context(), after, 2)
			assert.NoError(t, err)
			assert.Equal(t, len(page), 0)
		}
	})
}
