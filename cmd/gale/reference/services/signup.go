package services

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// SignUpStore keeps new users.
type SignUpStore interface {
	// NameTaken reports whether somebody has or had the name.
	NameTaken(ctx context.Context, name string) (bool, error)
	// CreateUser stores u and returns it. With the hash of a
	// [models.SignUpLink] or a [models.InviteLink], that is used up, u gets its
	// address, and with an invitation its role; all links of these kinds for the
	// address end. It is ErrNotFound when the link does not work, or whoever has
	// invited holds [MayAdmin] no more, and [ErrNoRole] when the role is gone.
	// Without one, u must be the very first, or it is [ErrNotFirst]. The very
	// first becomes an admin whatever u.Role says. All of this holds when two
	// sign up at once. A name or address that is taken is a [TakenError], and
	// the link stays.
	CreateUser(ctx context.Context, u models.User, link []byte) (models.User, error)
}

// ErrNotFirst is returned for an account without a link that would not be the
// very first.
var ErrNotFirst = errors.New("services: there is an account already")

// IsNew reports whether nobody has an account yet. The first one is made without
// a mail: whoever sets relay up may have no mail server yet, and a proven address
// would not show that it is the right person who came first.
func (a *Accounts) IsNew(ctx context.Context) (bool, error) {
	if a.some.Load() {
		return false, nil
	}
	some, err := a.Store.Users(ctx, "", 1)
	if len(some) > 0 {
		a.some.Store(true)
	}
	return err == nil && len(some) == 0, err
}

// SignUp makes the very first account, and returns it with first set. For any
// other it mails a link with which the account is made, and does not look at the
// password: it is chosen where the link leads, so that whoever typed another's
// address knows no password of the account. The answer is the same when the
// address has an account, whose owner is mailed that. Bad input is [Invalid], a
// name that is taken a [TakenError]: names are public. The very first account
// also needs the token of Setup, where there is one.
func (a *Accounts) SignUp(ctx context.Context, name, email, password, setup string) (u models.User, first bool, err error) {
	email = models.NormalizeEmail(email)
	if first, err = a.IsNew(ctx); err != nil {
		return u, false, err
	}
	var bad Invalid
	bad.check("name", models.CheckUserName(name))
	bad.check("email", models.CheckEmail(email))
	if first {
		bad.check("password", a.checkPassword(password, name, email))
		if a.Setup != nil {
			ok, err := a.Setup.check(setup)
			if err != nil {
				return u, false, err
			}
			if !ok {
				bad.check("setup", "is not the token in the log of relay's start")
			}
		}
	}
	if err := bad.err(); err != nil {
		return u, false, err
	}
	if first {
		u, err = a.create(ctx, models.User{Name: name, Email: email, Unproved: true}, password, nil)
		if !errors.Is(err, ErrNotFirst) {
			return u, err == nil, err
		}
	}
	if !a.Open {
		return models.User{}, false, ErrSignUpClosed
	}
	taken, err := a.SignUps.NameTaken(ctx, name)
	if err == nil && taken {
		err = &TakenError{"name"}
	}
	if err != nil {
		return models.User{}, false, err
	}
	return models.User{}, false, later(a.Mails.signUps, func(ctx context.Context) error { return a.mailSignUp(ctx, name, email) })
}

func (a *Accounts) mailSignUp(ctx context.Context, name, email string) error {
	u, err := a.Store.UserByEmail(ctx, email)
	switch {
	case err == nil:
		return a.mailUser(ctx, u, hasAccount)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	l, token := a.newLink(models.Link{Purpose: models.SignUpLink, Email: email, Name: name}, signUpAge)
	return a.mailLink(ctx, l, welcome(l, a.Address(l.Purpose, token)))
}

// ConfirmSignUp makes the account that a link is for. Bad input is [Invalid],
// and what was wished for and is taken by now a [TakenError]; the link works on
// then.
func (a *Accounts) ConfirmSignUp(ctx context.Context, token, name, password string) (models.User, error) {
	return a.join(ctx, models.SignUpLink, token, name, password)
}

func (a *Accounts) join(ctx context.Context, purpose models.Purpose, token, name, password string) (models.User, error) {
	l, err := a.LinkOf(ctx, purpose, token)
	if err != nil {
		return models.User{}, err
	}
	var bad Invalid
	bad.check("name", models.CheckUserName(name))
	bad.check("password", a.checkPassword(password, name, l.Email))
	if err := bad.err(); err != nil {
		return models.User{}, err
	}
	u, err := a.create(ctx, models.User{Name: name, Email: l.Email}, password, l.Hash, accepted(l)...)
	if taken, ok := errors.AsType[*TakenError](err); ok && taken.Field == "email" {
		return models.User{}, ErrNotFound // it has got an account otherwise
	}
	return u, err
}

func (a *Accounts) create(ctx context.Context, u models.User, password string, link []byte, detail ...string) (models.User, error) {
	hash, err := a.Hasher.Hash(ctx, password)
	if err != nil {
		return models.User{}, fmt.Errorf("sign up: %w", err)
	}
	u.ID, u.PasswordHash, u.Role, u.CreatedAt = rand.Text(), hash, models.Viewer, a.Now().UTC()
	return a.SignUps.CreateUser(record(ctx, a.Audit, u, "account.created", u.ID, detail...), u, link)
}
