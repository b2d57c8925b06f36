package services

import (
	"context"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// Recover is the way back into an account for whoever runs relay: the only admin
// may have lost the second factor, the recovery codes and the mailbox at once. It
// takes all second factors away, tells the user so by mail, and returns a link that
// sets a new password, once, within an hour. ErrNotFound is an address without an
// account, and [ErrDisabled] an account that an admin has to enable first. After
// another error some factors may still be there, and no link, though the audit log
// has user.recovered: call it again. No route may lead here. The caller ends the
// user's sessions and the access of apps.
func (f *Factors) Recover(ctx context.Context, email string) (u models.User, link string, err error) {
	a := f.Accounts
	if u, err = a.Store.UserByEmail(ctx, models.NormalizeEmail(email)); err != nil {
		return u, "", err
	}
	if u.Disabled {
		return u, "", ErrDisabled
	}
	operator := models.User{Name: "the command line"}
	if err := f.takeAll(ctx, operator, "user.recovered", u, "Whoever runs relay took all second factors away, and made a link for a new password"); err != nil {
		return u, "", err
	}
	l, token := a.newLink(models.Link{Purpose: models.ResetLink, UserID: u.ID, Email: u.Email}, resetAge)
	return u, a.Address(l.Purpose, token), a.Links.AddLinks(ctx, l)
}
