package services

import (
	"context"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// AskProof mails a link to the address of u, which opening it proves, unless it is
// proved already.
func (a *Accounts) AskProof(u models.User) error {
	if !u.Unproved {
		return nil
	}
	return a.Mails.Later(func(ctx context.Context) error {
		l, token := a.newLink(models.Link{Purpose: models.ProofLink, UserID: u.ID, Email: u.Email}, emailAge)
		return a.mailLink(ctx, l, confirmEmail(u, a.Address(l.Purpose, token)))
	})
}

// ProveEmail uses such a link up. ErrNotFound is one that does not work.
func (a *Accounts) ProveEmail(ctx context.Context, token string) error {
	l, err := a.LinkOf(ctx, models.ProofLink, token)
	if err != nil {
		return err
	}
	u, err := a.Store.User(ctx, l.UserID)
	if err != nil {
		return err
	}
	_, err = a.Links.UpdateUserByLink(record(ctx, a.Audit, u, "email.proved", u.ID), l.Purpose, l.Hash, a.Now().UTC(), func(u *models.User) error {
		u.Unproved = false
		return nil
	})
	return err
}
