package services

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// AskReset mails a link with which the password of an account is set anew, if
// the address has one. Nobody is told whether it has.
func (a *Accounts) AskReset(_ context.Context, email string) error {
	email = models.NormalizeEmail(email)
	var bad Invalid
	bad.check("email", models.CheckEmail(email))
	if err := bad.err(); err != nil {
		return err
	}
	return later(a.Mails.resets, func(ctx context.Context) error { return a.mailReset(ctx, email) })
}

// mailReset mails a link to the owner of an account that is not disabled.
func (a *Accounts) mailReset(ctx context.Context, email string) error {
	u, err := a.Store.UserByEmail(ctx, email)
	switch {
	case errors.Is(err, ErrNotFound):
		return a.mailNobody(ctx, email, byReset)
	case err != nil:
		return err
	}
	return a.mailUser(ctx, u, forgotten)
}

func (a *Accounts) mailUser(ctx context.Context, u models.User, letter func(models.User, string) letter) error {
	if u.Disabled {
		return a.mailNobody(ctx, u.Email, letter(u, "").asked)
	}
	l, token := a.newLink(models.Link{Purpose: models.ResetLink, UserID: u.ID, Email: u.Email}, resetAge)
	return a.mailLink(ctx, l, letter(u, a.Address(l.Purpose, token)))
}

// mailNobody does for an address without an account what is done for others, and
// mails nothing. A request that comes right after waits for the same writes:
// without, its time would tell who has an account.
func (a *Accounts) mailNobody(ctx context.Context, email, asked string) error {
	if err := a.Mails.allowed(ctx, letter{to: email, asked: asked}); err != nil {
		return err
	}
	l, _ := a.newLink(models.Link{Purpose: models.ResetLink}, 0) // one that never works, and goes with the next
	return a.Links.AddLinks(ctx, l)
}

// KeyEnder ends API keys with a change of their owner.
type KeyEnder interface {
	// RevokeKeys returns a context with which a change also revokes all keys of
	// the user.
	RevokeKeys(ctx context.Context, userID string, at time.Time) context.Context
}

// Reset sets a new password by a link, ends all other links of the user and, with
// endKeys, the user's API keys, which whoever had the old password may have made,
// and mails the user that it did. It returns ErrNotFound for a link that does not
// work. The caller ends the user's sessions and the access of apps, with endKeys
// also of those that act as the user ([Apps.DisableOwn]).
func (a *Accounts) Reset(ctx context.Context, token, password string, endKeys bool) (models.User, error) {
	l, err := a.LinkOf(ctx, models.ResetLink, token)
	if err != nil {
		return models.User{}, err
	}
	u, err := a.Store.User(ctx, l.UserID)
	if err != nil {
		return models.User{}, err
	}
	var bad Invalid
	bad.check("password", a.checkPassword(password, u.Name, u.Email))
	if err := bad.err(); err != nil {
		return models.User{}, err
	}
	hash, err := a.Hasher.Hash(ctx, password)
	if err != nil {
		return models.User{}, fmt.Errorf("reset: %w", err)
	}
	reset := ctx
	if endKeys {
		reset = a.EndKeys.RevokeKeys(ctx, u.ID, a.Now().UTC())
	}
	reset = record(reset, a.Audit, u, "password.reset", u.ID, "keys_revoked", strconv.FormatBool(endKeys))
	u, err = a.Links.UpdateUserByLink(reset, models.ResetLink, l.Hash, a.Now().UTC(), func(u *models.User) error {
		if u.Email != l.Email {
			return ErrNotFound // it was mailed to where the account has moved away from
		}
		a.setPassword(u, hash)
		u.Unproved = false // whose the link was has the mailbox
		return nil
	})
	if err != nil {
		return models.User{}, err
	}
	a.notify(ctx, passwordChanged(u))
	return u, nil
}
