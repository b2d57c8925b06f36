package services

import (
	"context"
	"errors"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// AskEmail begins a change of address, after checking the password: it mails a
// link to the new address, which proves that it is the user's, and one to the
// old, with which the user allows the change or stops what somebody else began.
// The answer is the same when another account has the new address.
func (a *Accounts) AskEmail(ctx context.Context, u models.User, at auth.Attempt, password, email string) error {
	if u.Email == "" {
		return ErrUnreadable // it could not be asked
	}
	email = models.NormalizeEmail(email)
	var bad Invalid
	bad.check("email", models.CheckEmail(email))
	if email == u.Email {
		bad.check("email", "is your address already")
	}
	if err := a.isUser(ctx, &bad, "password", u, at, password); err != nil {
		return err
	}
	if err := bad.err(); err != nil {
		return err
	}
	return a.Mails.Later(func(ctx context.Context) error { return a.mailEmail(ctx, u, email) })
}

func (a *Accounts) mailEmail(ctx context.Context, u models.User, email string) error {
	_, err := a.Store.UserByEmail(ctx, email)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	taken := err == nil
	proof, proofToken := a.newLink(models.Link{Purpose: models.NewEmailLink, UserID: u.ID, Email: email}, emailAge)
	consent, consentToken := a.newLink(models.Link{Purpose: models.OldEmailLink, UserID: u.ID, Email: email}, emailAge)
	toNew := proveEmail(u, email, a.Address(proof.Purpose, proofToken))
	if taken {
		toNew = emailTaken(email)
	}
	if err := a.Mails.allowed(ctx, toNew); err != nil {
		return err
	}
	if err := a.Links.AddLinks(ctx, proof, consent); err != nil {
		return err
	}
	return errors.Join(
		a.Mails.send(ctx, toNew),
		a.Mails.send(ctx, allowEmail(u, email, a.Address(consent.Purpose, consentToken))),
	)
}

// AnswerEmail uses up a link of a change of address. Done says that the change
// has happened, since the other end had allowed it before. Without allow the
// change is off. ErrNotFound is a link that does not work, or an address that
// has got another account meanwhile.
func (a *Accounts) AnswerEmail(ctx context.Context, purpose models.Purpose, token string, allow bool) (done bool, err error) {
	l, err := a.LinkOf(ctx, purpose, token)
	if err != nil {
		return false, err
	}
	before, err := a.Store.User(ctx, l.UserID)
	if err != nil {
		return false, err
	}
	u, done, err := a.Links.ChangeEmail(ctx, purpose, l.Hash, a.Now().UTC(), allow)
	if _, ok := errors.AsType[*TakenError](err); ok {
		return false, ErrNotFound
	}
	if err != nil {
		return false, err
	}
	if done {
		a.notify(ctx, emailChanged(before, u.Email))
	}
	return done, nil
}
