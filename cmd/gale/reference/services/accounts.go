package services

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/models"
)

// UserStore keeps users.
type UserStore interface {
	// CreateUser stores u and returns it. The very first user becomes an admin
	// whatever u.Role says, and that holds when two sign up at once. A name or
	// address that is taken is a [TakenError].
	CreateUser(ctx context.Context, u models.User) (models.User, error)
	// User returns ErrNotFound for an unknown id.
	User(ctx context.Context, id string) (models.User, error)
	// UserByEmail returns ErrNotFound for an unknown address.
	UserByEmail(ctx context.Context, email string) (models.User, error)
	// UpdateUser has change alter name, password hash, role and disabled of the
	// user as stored, and stores and returns the result; no other update comes
	// in between. It returns the error of change, ErrNotFound for an unknown
	// id, a [TakenError] for a name that somebody has or had, and [ErrLastAdmin]
	// where no enabled admin would be left.
	UpdateUser(ctx context.Context, id string, change func(*models.User) error) (models.User, error)
	// Users lists users by name, after the name given, at most limit.
	Users(ctx context.Context, after string, limit int) ([]models.User, error)
}

// TakenError says that another account, channel or key has the value already.
type TakenError struct{ Field string }

// Error names the field.
func (e *TakenError) Error() string { return "services: " + e.Field + " is taken" }

// What signing up and in and changing accounts may answer.
var (
	// ErrCredentials is a wrong address or password; nobody is told which.
	ErrCredentials = errors.New("services: wrong address or password")
	// ErrDisabled is a right password for an account that an admin disabled.
	ErrDisabled = errors.New("services: account is disabled")
	// ErrSignUpClosed is answered when configuration allows no new accounts.
	ErrSignUpClosed = errors.New("services: sign-up is closed")
	// ErrLastAdmin is a change that would leave nobody who can undo it.
	ErrLastAdmin = errors.New("services: the last admin must stay one")
)

// Accounts signs people up and in, and lets admins manage them.
type Accounts struct {
	Store  UserStore
	Hasher *auth.Hasher
	Open   bool // whether visitors may create accounts
	Now    func() time.Time
}

// SignUp creates an account. Bad input is [Invalid], a taken name is told as
// such (names are public); a taken address answers like any other bad input
// would on that field, since sign-up cannot hide it without mail.
func (a *Accounts) SignUp(ctx context.Context, name, email, password string) (models.User, error) {
	email = models.NormalizeEmail(email)
	var bad Invalid
	bad.check("name", models.CheckUserName(name))
	bad.check("email", models.CheckEmail(email))
	if err := auth.CheckPassword(password, name, email); err != nil {
		bad.check("password", passwordAdvice(err))
	}
	if err := bad.err(); err != nil {
		return models.User{}, err
	}
	if !a.Open {
		if some, err := a.Store.Users(ctx, "", 1); err != nil || len(some) > 0 {
			return models.User{}, errors.Join(err, ErrSignUpClosed)
		}
	}
	hash, err := a.Hasher.Hash(ctx, password)
	if err != nil {
		return models.User{}, fmt.Errorf("sign up: %w", err)
	}
	return a.Store.CreateUser(ctx, models.User{
		ID: rand.Text(), Name: name, Email: email, PasswordHash: hash, Role: models.Viewer, CreatedAt: a.Now().UTC(),
	})
}

// SignIn returns the user whose password this is, or ErrCredentials after the
// same work whether the address is known or not.
func (a *Accounts) SignIn(ctx context.Context, email, password string) (models.User, error) {
	u, err := a.Store.UserByEmail(ctx, models.NormalizeEmail(email))
	if errors.Is(err, ErrNotFound) {
		if err := a.Hasher.VerifyDummy(ctx, password); err != nil {
			return models.User{}, err
		}
		return models.User{}, ErrCredentials
	}
	if err != nil {
		return models.User{}, err
	}
	ok, rehash, err := a.Hasher.Verify(ctx, password, u.PasswordHash)
	switch {
	case err != nil:
		return models.User{}, fmt.Errorf("sign in: %w", err)
	case !ok:
		return models.User{}, ErrCredentials
	case u.Disabled:
		return models.User{}, ErrDisabled
	}
	if rehash {
		return a.renewHash(ctx, u, password)
	}
	return u, nil
}

// renewHash stores a hash of today's costs, unless the password was changed
// meanwhile.
func (a *Accounts) renewHash(ctx context.Context, u models.User, password string) (models.User, error) {
	hash, err := a.Hasher.Hash(ctx, password)
	if err != nil {
		return models.User{}, fmt.Errorf("sign in: %w", err)
	}
	return a.Store.UpdateUser(ctx, u.ID, func(now *models.User) error {
		if now.PasswordHash == u.PasswordHash {
			now.PasswordHash = hash
		}
		return nil
	})
}

// ChangePassword sets a new password after checking the old one.
func (a *Accounts) ChangePassword(ctx context.Context, u models.User, old, password string) error {
	ok, _, err := a.Hasher.Verify(ctx, old, u.PasswordHash)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	var bad Invalid
	if !ok {
		bad.check("old", "is not your password")
	}
	if err := auth.CheckPassword(password, u.Name, u.Email); err != nil {
		bad.check("password", passwordAdvice(err))
	}
	if err := bad.err(); err != nil {
		return err
	}
	hash, err := a.Hasher.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	_, err = a.Store.UpdateUser(ctx, u.ID, func(now *models.User) error {
		if now.PasswordHash != u.PasswordHash {
			return Invalid{{"old", "is not your password"}} // not any more
		}
		now.PasswordHash = hash
		return nil
	})
	return err
}

// Rename changes the handle under which others see the user.
func (a *Accounts) Rename(ctx context.Context, id, name string) error {
	var bad Invalid
	bad.check("name", models.CheckUserName(name))
	if err := bad.err(); err != nil {
		return err
	}
	_, err := a.Store.UpdateUser(ctx, id, func(u *models.User) error {
		u.Name = name
		return nil
	})
	return err
}

// Change sets the role of a user and whether the account is disabled. The
// caller must hold [MayAdmin].
func (a *Accounts) Change(ctx context.Context, id string, role models.Role, disabled bool) (models.User, error) {
	if !role.Valid() {
		return models.User{}, Invalid{{"role", "must be admin, operator or viewer"}}
	}
	return a.Store.UpdateUser(ctx, id, func(u *models.User) error {
		u.Role, u.Disabled = role, disabled
		return nil
	})
}

// passwordAdvice turns the reason into words for the form.
func passwordAdvice(err error) string {
	if weak, ok := errors.AsType[*auth.PasswordError](err); ok {
		return weak.Message
	}
	return "cannot be used"
}
