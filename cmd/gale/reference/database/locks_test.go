package database_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/galetest"
)

// TestNoDeadlock: of two changes of an account, the second begins in the midst of the
// first, and goes on until it waits. A thief who does one of them again and again
// must not have the owner's reset fail.
func TestNoDeadlock(t *testing.T) {
	t.Parallel()
	d := galetest.DB(t, galetest.DBOptions{Driver: galepgx.Driver(), Migrations: database.Migrations()})
	s, ctx := database.New(d, newKeys(t).ring), t.Context()
	waits := func() bool {
		is, err := db.Get[bool](ctx, d, `SELECT EXISTS (SELECT 1 FROM pg_locks w JOIN pg_locks r ON r.pid = w.pid
			WHERE NOT w.granted AND r.relation = CAST('counters' AS regclass))`)
		if err != nil {
			t.Error(err)
		}
		return is || err != nil
	}
	reset := func(u *models.User) error { at := start; u.PasswordChangedAt = &at; return nil }
	work := func(user string) oauth.Record {
		return oauth.NewRecord(user, oauth.Identity{Provider: "work", Issuer: "https://work.example", Subject: "1"}, start)
	}
	update := func(u models.User, inMidst func()) error {
		_, err := s.UpdateUser(ctx, u.ID, func(u *models.User) error { inMidst(); return reset(u) })
		return err
	}
	for i, pair := range []struct {
		name   string
		first  func(u models.User, inMidst func()) error
		second func(u models.User) error
		ended  error // which the second may be
	}{
		{
			"a rotation and a reset",
			func(u models.User, inMidst func()) error {
				midst := db.Also(ctx, func(context.Context, *db.Tx) error { inMidst(); return nil }, nil)
				return s.RotateKey(s.Unchanged(midst, u), u.ID, u.Name, []byte("new"), start, start)
			},
			func(u models.User) error {
				_, err := s.UpdateUser(s.RevokeKeys(ctx, u.ID, start), u.ID, reset)
				return err
			},
			nil,
		},
		{
			"a reset and one by a link", update,
			func(u models.User) error {
				_, err := s.UpdateUserByLink(ctx, models.ResetLink, []byte(u.Name), start, reset)
				return err
			},
			services.ErrNotFound,
		},
		{
			"a reset and an invitation", update,
			func(u models.User) error {
				l := link(models.InviteLink, "", "eve@example.com", "invitation")
				l.Role, l.InvitedBy, l.CreatedAt = models.Viewer, u.ID, start.Add(2*time.Hour) // removes what has expired
				return s.AddLinks(s.Unchanged(ctx, u), l)
			},
			services.ErrOutdated,
		},
		{
			"a linked account and a sign-up by it",
			func(u models.User, inMidst func()) error {
				midst := db.Also(ctx, func(context.Context, *db.Tx) error { inMidst(); return nil }, nil)
				return s.LinkedAccounts().Add(s.Unchanged(midst, u), work(u.ID))
			},
			func(models.User) error {
				_, err := s.CreateLinkedUser(ctx, models.User{ID: "late", Name: "late", Email: "late@example.com", Role: models.Viewer, CreatedAt: start}, work("late"), false, nil)
				return err
			},
			oauth.ErrLinked,
		},
	} {
		u := newUser(t, s, fmt.Sprint("u", i))
		assert.NoError(t, s.CreateKey(ctx, models.APIKey{ID: u.Name, UserID: u.ID, Name: "k", Hash: []byte(u.ID), CreatedAt: start}, 100))
		assert.NoError(t, s.AddLinks(ctx, link(models.ResetLink, u.ID, u.Email, u.Name)))
		second := make(chan error, 1)
		err := pair.first(u, func() {
			go func() { second <- pair.second(u) }()
			for !waits() {
			}
		})
		other := <-second
		if err != nil || other != nil && !errors.Is(other, pair.ended) {
			t.Errorf("%s: %v, %v", pair.name, err, other)
		}
	}
}
