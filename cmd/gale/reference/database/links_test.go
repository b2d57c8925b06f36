package database_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func TestALinkWorksForItsPurposeAndTime(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ada := newUser(t, s, "ada")
		l := link(models.ResetLink, ada.ID, ada.Email, "h")
		assert.NoError(t, s.AddLinks(t.Context(), l))
		got, err := s.Link(t.Context(), models.ResetLink, l.Hash, start)
		assert.NoError(t, err)
		assert.Equal(t, got, l)
		for name, find := range map[string]func() error{
			"another purpose": func() error { _, err := s.Link(t.Context(), models.SignUpLink, l.Hash, start); return err },
			"another token":   func() error { _, err := s.Link(t.Context(), models.ResetLink, []byte("H"), start); return err },
			"too old":         func() error { _, err := s.Link(t.Context(), models.ResetLink, l.Hash, l.ExpiresAt); return err },
			"spent for another purpose": func() error {
				_, err := s.CreateUser(t.Context(), models.User{ID: "x", Name: "x", CreatedAt: start}, l.Hash)
				return err
			},
			"spent too late": func() error {
				_, err := s.UpdateUserByLink(t.Context(), models.ResetLink, l.Hash, l.ExpiresAt, func(*models.User) error { return nil })
				return err
			},
		} {
			if err := find(); !errors.Is(err, services.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		later := link(models.ResetLink, ada.ID, ada.Email, "later")
		later.CreatedAt = l.ExpiresAt
		assert.NoError(t, s.AddLinks(t.Context(), later)) // sweeps
		_, err = s.Link(t.Context(), models.ResetLink, l.Hash, start)
		assert.ErrorIs(t, err, services.ErrNotFound)
	})
}

// Of many who come with one link at once, one gets in.
func TestALinkWorksOnce(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ada := newUser(t, s, "ada")
		l := link(models.ResetLink, ada.ID, ada.Email, "h")
		assert.NoError(t, s.AddLinks(t.Context(), l))
		var (
			wg   sync.WaitGroup
			mu   sync.Mutex
			used int
		)
		for range 8 {
			wg.Go(func() {
				_, err := s.UpdateUserByLink(t.Context(), models.ResetLink, l.Hash, start, func(u *models.User) error { u.PasswordHash = "new"; return nil })
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					used++
				} else if !errors.Is(err, services.ErrNotFound) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, used, 1)
	})
}

// What fails leaves the link as it was.
func TestALinkIsKeptWhenItsUseFails(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		newUser(t, s, "ada")
		l := link(models.SignUpLink, "", "bob@example.com", "h")
		assert.NoError(t, s.AddLinks(t.Context(), l))
		_, err := s.CreateUser(t.Context(), models.User{ID: "b", Name: "ada", CreatedAt: start}, l.Hash)
		taken(t, err, "name")
		u, err := s.CreateUser(t.Context(), models.User{ID: "b", Name: "bob", Email: "other@example.com", CreatedAt: start}, l.Hash)
		assert.NoError(t, err)
		assert.Equal(t, u.Email, "bob@example.com") // what the link proves, not what was asked
		free, err := s.NameTaken(t.Context(), "cay")
		assert.NoError(t, err)
		held, err := s.NameTaken(t.Context(), "bob")
		assert.NoError(t, err)
		assert.Equal(t, []bool{free, held}, []bool{false, true})
	})
}

func TestLinksEndWithThePasswordAndTheAccount(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		newUser(t, s, "ada")
		bob := newUser(t, s, "bob")
		for name, end := range map[string]func(*models.User) error{
			"password": func(u *models.User) error { at := start; u.PasswordChangedAt = &at; return nil },
			"address":  func(u *models.User) error { u.Email = "bob2@example.com"; return nil },
			"disabled": func(u *models.User) error { u.Disabled = true; return nil },
		} {
			l := link(models.ResetLink, bob.ID, bob.Email, name)
			assert.NoError(t, s.AddLinks(t.Context(), l))
			_, err := s.UpdateUser(t.Context(), bob.ID, func(u *models.User) error { u.Disabled = false; u.Name = "bob3"; return nil })
			assert.NoError(t, err)
			_, err = s.Link(t.Context(), models.ResetLink, l.Hash, start)
			assert.NoError(t, err) // another change leaves it
			_, err = s.UpdateUser(t.Context(), bob.ID, end)
			assert.NoError(t, err)
			if _, err = s.Link(t.Context(), models.ResetLink, l.Hash, start); !errors.Is(err, services.ErrNotFound) {
				t.Errorf("%s: the link is there: %v", name, err)
			}
		}
	})
}

func TestChangeEmailNeedsBothEnds(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		newUser(t, s, "ada")
		bob := newUser(t, s, "bob")
		ask := func(email, mark string) {
			t.Helper()
			assert.NoError(t, s.AddLinks(t.Context(),
				link(models.NewEmailLink, bob.ID, email, mark+"-new"), link(models.OldEmailLink, bob.ID, email, mark+"-old")))
		}
		answer := func(p models.Purpose, hash string, allow bool) (string, bool, error) {
			u, done, err := s.ChangeEmail(t.Context(), p, []byte(hash), start, allow)
			return u.Email, done, err
		}
		want := func(email string, done bool) func(string, bool, error) {
			return func(gotEmail string, gotDone bool, err error) {
				t.Helper()
				assert.NoError(t, err)
				assert.Equal(t, gotEmail, email)
				assert.Equal(t, gotDone, done)
			}
		}
		ask("x@example.com", "1")
		ask("y@example.com", "2") // takes the place of the first
		_, _, err := answer(models.NewEmailLink, "1-new", true)
		assert.ErrorIs(t, err, services.ErrNotFound)
		want(bob.Email, false)(answer(models.NewEmailLink, "2-new", true))
		_, _, err = answer(models.NewEmailLink, "2-new", true) // twice is not both
		assert.ErrorIs(t, err, services.ErrNotFound)
		want("y@example.com", true)(answer(models.OldEmailLink, "2-old", true))

		ask("z@example.com", "3")
		want("y@example.com", false)(answer(models.OldEmailLink, "3-old", false))
		_, _, err = answer(models.NewEmailLink, "3-new", true)
		assert.ErrorIs(t, err, services.ErrNotFound)

		ask("ada@example.com", "4") // has an account
		want("y@example.com", false)(answer(models.OldEmailLink, "4-old", true))
		_, _, err = answer(models.NewEmailLink, "4-new", true)
		taken(t, err, "email")

		// An end that has not answered in time has not agreed, even when both links
		// do not end together and its own was swept away.
		short, long := link(models.NewEmailLink, bob.ID, "late@example.com", "6-new"), link(models.OldEmailLink, bob.ID, "late@example.com", "6-old")
		short.ExpiresAt = start.Add(-time.Minute)
		assert.NoError(t, s.AddLinks(t.Context(), short, long))
		assert.NoError(t, s.ForgetLinks(t.Context(), start))
		want("y@example.com", false)(answer(models.OldEmailLink, "6-old", true))

		// Both ends at once are done once, and never not at all.
		ask("w@example.com", "5")
		var wg sync.WaitGroup
		dones := make(chan bool, 2)
		for _, p := range []models.Purpose{models.NewEmailLink, models.OldEmailLink} {
			hash := map[models.Purpose]string{models.NewEmailLink: "5-new", models.OldEmailLink: "5-old"}[p]
			wg.Go(func() {
				_, done, err := answer(p, hash, true)
				if err != nil {
					t.Error(err)
				}
				dones <- done
			})
		}
		wg.Wait()
		if first, second := <-dones, <-dones; first == second {
			t.Errorf("done is %v and %v", first, second)
		}
		u, err := s.User(t.Context(), bob.ID)
		assert.NoError(t, err)
		assert.Equal(t, u.Email, "w@example.com")
	})
}

func TestDeleteUser(t *testing.T) {
	storeTest(t, func(t *testing.T, s *database.Store) {
		ada, bob := newUser(t, s, "ada"), newUser(t, s, "bob")
		assert.ErrorIs(t, s.DeleteUser(t.Context(), ada.ID, start), services.ErrLastAdmin)
		assert.NoError(t, s.CreateKey(t.Context(), models.APIKey{ID: "k", UserID: bob.ID, Name: "k", Hash: []byte("h"), CreatedAt: start}, 100))
		l := link(models.ResetLink, bob.ID, bob.Email, "h")
		assert.NoError(t, s.AddLinks(t.Context(), l))
		_, err := s.CreateChannel(t.Context(), models.Channel{Name: "c", Title: "C", OwnerID: bob.ID, CreatedAt: start})
		assert.NoError(t, err)
		owned, err := s.Owned(t.Context(), bob.ID)
		assert.NoError(t, err)
		assert.Equal(t, len(owned), 1)

		assert.NoError(t, s.DeleteUser(t.Context(), bob.ID, start.Add(time.Hour)))
		for what, find := range map[string]func() error{
			"user":    func() error { _, err := s.User(t.Context(), bob.ID); return err },
			"address": func() error { _, err := s.UserByEmail(t.Context(), bob.Email); return err },
			"stub":    func() error { _, err := s.UserByEmail(t.Context(), "~"+bob.ID); return err },
			"key":     func() error { _, _, err := s.Key(t.Context(), "k"); return err },
			"link":    func() error { _, err := s.Link(t.Context(), models.ResetLink, l.Hash, start); return err },
			"twice":   func() error { return s.DeleteUser(t.Context(), bob.ID, start) },
			"change": func() error {
				_, err := s.UpdateUser(t.Context(), bob.ID, func(*models.User) error { return nil })
				return err
			},
		} {
			if err := find(); !errors.Is(err, services.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		users, err := s.Users(t.Context(), "", 10)
		assert.NoError(t, err)
		assert.Equal(t, len(users), 1)
		_, err = s.Channel(t.Context(), "c")
		assert.NoError(t, err)
		// The name is nobody else's, the address may come back.
		_, err = create(t, s, models.User{ID: "e", Name: "bob", Email: "eve@example.com"})
		taken(t, err, "name")
		_, err = create(t, s, models.User{ID: "b2", Name: "bob2", Email: bob.Email})
		assert.NoError(t, err)
	})
}
