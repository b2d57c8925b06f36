package services_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
)

func TestSignUpByLink(t *testing.T) {
	t.Parallel()
	store := &users{}
	a, outbox := newAccounts(t, store)
	signUp(t, a, outbox, "ada")
	_, first, err := a.SignUp(t.Context(), "bob", " Bob@example.com", "", "")
	assert.NoError(t, err)
	assert.Equal(t, first, false)
	token := mailed(t, outbox, "bob@example.com", "Confirm")
	assert.Equal(t, len(store.list), 1)
	if bytes.Contains(store.links[0].Hash, []byte(token)) || len(store.links[0].Hash) != 32 {
		t.Errorf("stored is %q", store.links[0].Hash)
	}
	_, _, err = a.SignUp(t.Context(), "ada", "cay@example.com", "", "")
	taken, ok := errors.AsType[*services.TakenError](err)
	assert.Equal(t, ok && taken.Field == "name", true)
	_, err = a.ConfirmSignUp(t.Context(), token, "B", "short")
	wantInvalid(t, err, "name", "password")
	_, err = a.ConfirmSignUp(t.Context(), token+"x", "bob", password)
	assert.ErrorIs(t, err, services.ErrNotFound)
	u, err := a.ConfirmSignUp(t.Context(), token, "robert", password)
	assert.NoError(t, err)
	assert.Equal(t, []string{u.Email, u.Name, string(u.Role)}, []string{"bob@example.com", "robert", "viewer"})
	_, err = a.ConfirmSignUp(t.Context(), token, "robert2", password)
	assert.ErrorIs(t, err, services.ErrNotFound)
	// A second sign-up with the address makes nothing, and says so to its owner.
	_, first, err = a.SignUp(t.Context(), "robert3", "bob@example.com", "", "")
	assert.NoError(t, err)
	assert.Equal(t, first, false)
	reset := mailed(t, outbox, "bob@example.com", "already have an account")
	_, err = a.LinkOf(t.Context(), models.ResetLink, reset)
	assert.NoError(t, err)
}

func TestResetOfAPassword(t *testing.T) {
	t.Parallel()
	store := &users{}
	a, outbox := newAccounts(t, store)
	ada := signUp(t, a, outbox, "ada")
	wantInvalid(t, a.AskReset(t.Context(), "nobody"), "email")
	assert.NoError(t, a.AskReset(t.Context(), "ADA@example.com"))
	token := mailed(t, outbox, ada.Email, "Set a new password")
	// The account had moved to another mailbox before the link was stored.
	store.list[0].Email = "moved@example.com"
	links := slices.Clone(store.links)
	_, err := a.Reset(t.Context(), token, "quiet otter sells maps", false)
	assert.ErrorIs(t, err, services.ErrNotFound)
	store.list[0].Email, store.links = ada.Email, links
	_, err = a.Reset(t.Context(), token, "ada@example.com", false)
	wantInvalid(t, err, "password")
	u, err := a.Reset(t.Context(), token, "quiet otter sells maps", false)
	assert.NoError(t, err)
	assert.Equal(t, u.PasswordChangedAt.Equal(now), true)
	mailed(t, outbox, ada.Email, "Your password was changed")
	since, err := a.TrustedSince(t.Context(), " ADA@example.com")
	assert.NoError(t, err)
	assert.Equal(t, since.Equal(now), true)
	since, err = a.TrustedSince(t.Context(), "nobody@example.com")
	assert.NoError(t, err)
	assert.Equal(t, since, time.Time{})
	_, err = a.Reset(t.Context(), token, "a third good one", false)
	assert.ErrorIs(t, err, services.ErrNotFound)
	_, err = a.SignIn(t.Context(), at(ada.Email), password)
	assert.ErrorIs(t, err, services.ErrCredentials)
	_, err = a.SignIn(t.Context(), at(ada.Email), "quiet otter sells maps")
	assert.NoError(t, err)
}

func TestChangeOfEmail(t *testing.T) {
	t.Parallel()
	store := &users{}
	a, outbox := newAccounts(t, store)
	ada := signUp(t, a, outbox, "ada")
	wantInvalid(t, a.AskEmail(t.Context(), ada, at(ada.Email), "wrong", "ADA@example.com"), "email", "password")
	wantInvalid(t, a.AskEmail(t.Context(), ada, at(ada.Email), "wrong", "new@example.com"), "password")
	assert.Equal(t, len(store.links), 0)
	assert.NoError(t, a.AskEmail(t.Context(), ada, at(ada.Email), password, "New@example.com"))
	toNew := mailed(t, outbox, "new@example.com", "Confirm your new")
	toOld := mailed(t, outbox, ada.Email, "is to be changed")
	done, err := a.AnswerEmail(t.Context(), models.OldEmailLink, toOld, true)
	assert.NoError(t, err)
	assert.Equal(t, done, false)
	done, err = a.AnswerEmail(t.Context(), models.NewEmailLink, toNew, true)
	assert.NoError(t, err)
	assert.Equal(t, done, true)
	assert.Equal(t, store.list[0].Email, "new@example.com")
	mailed(t, outbox, ada.Email, "was changed")
}

func TestGuessesOfWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	a, outbox := newAccounts(t, &users{})
	ada := signUp(t, a, outbox, "ada")
	for range 5 {
		wantInvalid(t, a.Delete(t.Context(), ada, at(ada.Email), "ada", "wrong"), "password")
	}
	err := a.ChangePassword(t.Context(), ada, at(ada.Email), password, "quiet otter sells maps")
	if _, ok := errors.AsType[*auth.ThrottledError](err); !ok {
		t.Errorf("the error is %v", err)
	}
	_, err = a.SignIn(t.Context(), at(ada.Email), password) // has limits of its own
	assert.NoError(t, err)
}
