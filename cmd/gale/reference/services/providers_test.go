package services_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

// CreateLinkedUser implements services.ProviderStore; err, if any, is what another
// that came first has left.
func (s *users) CreateLinkedUser(_ context.Context, u models.User, _ oauth.Record, onlyFirst bool, _ []byte) (models.User, error) {
	if onlyFirst && len(s.list) > 0 {
		return u, services.ErrNotFirst
	}
	s.list = append(s.list, u)
	return u, nil
}

// InvitationOf implements part of services.InviteStore: nobody is invited.
func (s *users) InvitationOf(context.Context, string, time.Time) (models.Link, error) {
	return models.Link{}, services.ErrNotFound
}

// late is a store in which somebody is always faster.
type late struct{ err error }

func (s late) CreateLinkedUser(context.Context, models.User, oauth.Record, bool, []byte) (models.User, error) {
	return models.User{}, s.err
}

// identity is somebody at a provider, whose address it has proved.
func identity(email string) oauth.Identity {
	return oauth.Identity{Provider: "oidc", Issuer: "https://id.example.com", Subject: "1", Email: email, EmailVerified: true}
}

func TestMayJoin(t *testing.T) {
	t.Parallel()
	store := &users{}
	a, outbox := newAccounts(t, store)
	p := &services.Providers{Accounts: a, Store: store}
	a.Open = false
	_, err := p.MayJoin(t.Context(), identity("ada@example.com"), "") // the first
	assert.NoError(t, err)
	signUp(t, a, outbox, "ada")
	unproved := identity("bob@example.com")
	unproved.EmailVerified = false
	for _, test := range []struct {
		open bool
		id   oauth.Identity
		want error
	}{
		{true, identity("bob@example.com"), nil},
		{false, identity("bob@example.com"), services.ErrSignUpClosed},
		{true, identity(" ADA@example.com"), services.ErrHasAccount},
		{false, identity("ada@example.com"), services.ErrHasAccount},
		{true, unproved, services.ErrUnproved},
		{true, identity(""), services.ErrUnproved},
		{true, identity("bob"), services.ErrUnproved},
		{true, identity("bob@example.com\x00"), services.ErrUnproved},
	} {
		a.Open = test.open
		if _, err := p.MayJoin(t.Context(), test.id, ""); !errors.Is(err, test.want) {
			t.Errorf("%+v: %v, want %v", test, err, test.want)
		}
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	store := &users{}
	a, _ := newAccounts(t, store)
	p := &services.Providers{Accounts: a, Store: store}
	_, err := p.Join(t.Context(), identity("Ada@Example.com"), "", "No no")
	wantInvalid(t, err, "name")
	u, err := p.Join(t.Context(), identity("Ada@Example.com"), "", "ada")
	assert.NoError(t, err)
	assert.Equal(t, []string{u.Name, u.Email, u.PasswordHash, string(u.Role)}, []string{"ada", "ada@example.com", "", "viewer"})
	for _, err := range []error{services.ErrNotFirst, &services.TakenError{Field: "email"}, &services.TakenError{Field: "name"}, oauth.ErrLinked} {
		p.Store = late{err}
		_, got := p.Join(t.Context(), identity("bob@example.com"), "", "bob")
		want := map[error]error{services.ErrNotFirst: services.ErrSignUpClosed}[err]
		if taken, ok := errors.AsType[*services.TakenError](err); ok && taken.Field == "email" {
			want = services.ErrHasAccount
		}
		if want == nil {
			want = err
		}
		assert.ErrorIs(t, got, want)
	}
}

// A user without a password is asked for another proof by the caller; no password
// is right, the empty one least of all.
func TestUsersWithoutPassword(t *testing.T) {
	t.Parallel()
	store := &users{}
	a, outbox := newAccounts(t, store)
	u, err := (&services.Providers{Accounts: a, Store: store}).Join(t.Context(), identity("ada@example.com"), "", "ada")
	assert.NoError(t, err)
	for _, guess := range []string{"", password} {
		_, err := a.SignIn(t.Context(), at(u.Email), guess)
		assert.ErrorIs(t, err, services.ErrCredentials)
		wantInvalid(t, a.Prove(t.Context(), u, at(u.Email), guess), "password")
		wantInvalid(t, a.ChangePassword(t.Context(), u, at(u.Email), guess, "quiet otter sells maps"), "old")
	}
	assert.NoError(t, a.AskEmail(t.Context(), u, at(u.Email), "", "new@example.com"))
	mailed(t, outbox, u.Email, "is to be changed")
	wantInvalid(t, a.Delete(t.Context(), u, at(u.Email), "eve", ""), "name")

	// The first one is set by a mailed link.
	assert.NoError(t, a.AskReset(t.Context(), u.Email))
	u, err = a.Reset(t.Context(), mailed(t, outbox, u.Email, "Set a new password"), password, false)
	assert.NoError(t, err)
	wantInvalid(t, a.AskEmail(t.Context(), u, at(u.Email), "", "new@example.com"), "password")
	_, err = a.SignIn(t.Context(), at(u.Email), password)
	assert.NoError(t, err)
}
