package services

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/strength"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/ratelimit"
)

// UserStore keeps users.
type UserStore interface {
	// User returns ErrNotFound for an unknown id. An address that cannot be
	// read is "", here and in Users.
	User(ctx context.Context, id string) (models.User, error)
	// UserByEmail returns ErrNotFound for an unknown address, and
	// [ErrUnreadable] for one whose row was changed.
	UserByEmail(ctx context.Context, email string) (models.User, error)
	// UpdateUser has change alter name, address, password, role and disabled of
	// the user as stored, and stores and returns the result; no other update
	// comes in between. It returns the error of change, ErrNotFound for an
	// unknown id, a [TakenError] for a name that somebody has or had or an
	// address that somebody has, [ErrManyNames], and [ErrLastAdmin] where no enabled admin
	// would be left. With another address or PasswordChangedAt, and when the
	// user is disabled, the user's links end.
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
	// ErrUnreadable is an account whose mail address cannot be decrypted:
	// somebody has changed its row in the database, or its key is gone. Until
	// the row is put back from a backup nothing is mailed for it.
	ErrUnreadable = errors.New("services: the mail address of the account cannot be read")
	// ErrChanged is a change of an account that was changed since it was seen.
	ErrChanged = errors.New("services: the account was changed meanwhile")
	// ErrLastAdmin is a change that would leave nobody who can undo it.
	ErrLastAdmin = errors.New("services: the last admin must stay one")
	// ErrManyNames is one more name than a user may have in all: see [MaxNames].
	ErrManyNames = errors.New("services: too many names")
)

// Accounts signs people up and in, and lets them and admins manage accounts.
// Each way into or out of an account has a file of its own: signup.go, reset.go,
// email.go, removal.go.
type Accounts struct {
	Store   UserStore
	SignUps SignUpStore
	Links   LinkStore
	Invites InviteStore
	Removal RemovalStore
	EndKeys KeyEnder
	Ways    WayStore
	Names   NameStore
	// Standing has the changes of who is signed in undone where the account was
	// secured meanwhile.
	Standing Standing

	Hasher    *auth.Hasher
	Passwords *strength.Checker // which passwords may be chosen
	// Throttle bounds the guesses at passwords of who signs in, Confirm those
	// of who is signed in and must show that it is still the same person.
	Throttle, Confirm *auth.Throttle
	Mails             *Mails
	Renames           *ratelimit.Limiter
	// Address returns the address of the page for a link with the token.
	Address func(purpose models.Purpose, token string) string

	Audit Recorder
	May   Gate // for what admins do

	Open bool // whether visitors may create accounts
	// Setup asks who makes the very first account for a token; nil asks nobody.
	Setup *Setup
	Now   func() time.Time

	some atomic.Bool // there is an account, for ever: the last admin must stay one
}

// SignIn returns the user whose password this is, or ErrCredentials after the
// same work whether the address is known or not; a.Account is the address. Where
// it is known, the error is a [RefusedError] around it.
// Beyond the limits of the throttle it is an [*auth.ThrottledError].
func (a *Accounts) SignIn(ctx context.Context, at auth.Attempt, password string) (models.User, error) {
	var (
		u      models.User
		rehash bool
	)
	ok, err := a.Throttle.Check(ctx, at, func(ctx context.Context) (ok bool, err error) {
		u, err = a.Store.UserByEmail(ctx, models.NormalizeEmail(at.Account))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return false, err
		}
		ok, rehash, err = a.Hasher.Verify(ctx, password, u.PasswordHash) // "" where there is no user
		return ok, err
	})
	switch {
	case err != nil:
		return models.User{}, fmt.Errorf("sign in: %w", err)
	case !ok && u.ID != "":
		return models.User{}, &RefusedError{u.ID, ErrCredentials}
	case !ok:
		return models.User{}, ErrCredentials
	case u.Disabled:
		return models.User{}, &RefusedError{u.ID, ErrDisabled}
	}
	if rehash {
		return a.renewHash(ctx, u, password)
	}
	return u, nil
}

// renewHash stores a hash of today's costs. Where the password was changed
// meanwhile, it is ErrCredentials.
func (a *Accounts) renewHash(ctx context.Context, u models.User, password string) (models.User, error) {
	hash, err := a.Hasher.Hash(ctx, password)
	if err != nil {
		return models.User{}, fmt.Errorf("sign in: %w", err)
	}
	return a.Store.UpdateUser(ctx, u.ID, func(now *models.User) error {
		if now.PasswordHash != u.PasswordHash {
			return ErrCredentials // not any more
		}
		now.PasswordHash = hash
		return nil
	})
}

// TrustedSince returns when the password of the address was last changed, for
// [auth.ThrottleOptions].
func (a *Accounts) TrustedSince(ctx context.Context, email string) (time.Time, error) {
	u, err := a.Store.UserByEmail(ctx, models.NormalizeEmail(email))
	if errors.Is(err, ErrNotFound) || err == nil && u.PasswordChangedAt == nil {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return *u.PasswordChangedAt, nil
}

// isUser adds to bad what is wrong with the password of u, as the field of a
// form: a session that was stolen must not be enough for what cannot be undone.
// Who has no password has none that is right: see confirmed.
func (a *Accounts) isUser(ctx context.Context, bad *Invalid, field string, u models.User, at auth.Attempt, password string) error {
	ok, err := a.Confirm.Check(ctx, at, func(ctx context.Context) (bool, error) {
		ok, _, err := a.Hasher.Verify(ctx, password, u.PasswordHash)
		return ok, err
	})
	if err == nil && !ok {
		bad.check(field, "is not your password")
	}
	return err
}

// confirmed is isUser, but for who has no password: the caller lets these through
// only with another proof of a moment ago, see app.recentWithoutPassword.
func (a *Accounts) confirmed(ctx context.Context, bad *Invalid, field string, u models.User, at auth.Attempt, password string) error {
	if u.PasswordHash == "" {
		return nil
	}
	return a.isUser(ctx, bad, field, u, at, password)
}

// Prove reports, as Invalid, that the password is not that of u: for pages that
// ask again who it is.
func (a *Accounts) Prove(ctx context.Context, u models.User, at auth.Attempt, password string) error {
	var bad Invalid
	if err := a.isUser(ctx, &bad, "password", u, at, password); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	return bad.err()
}

// ChangePassword sets a new password after checking the old one, and mails the
// user that it did.
func (a *Accounts) ChangePassword(ctx context.Context, u models.User, at auth.Attempt, old, password string) error {
	var bad Invalid
	if err := a.isUser(ctx, &bad, "old", u, at, old); err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	bad.check("password", a.checkPassword(password, u.Name, u.Email))
	if err := bad.err(); err != nil {
		return err
	}
	hash, err := a.Hasher.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	_, err = a.Store.UpdateUser(record(ctx, a.Audit, u, "password.changed", u.ID), u.ID, func(now *models.User) error {
		if now.PasswordHash != u.PasswordHash {
			return Invalid{{"old", "is not your password"}} // not any more
		}
		a.setPassword(now, hash)
		return nil
	})
	if err != nil {
		return err
	}
	a.notify(ctx, passwordChanged(u))
	return nil
}

func (a *Accounts) setPassword(u *models.User, hash string) {
	now := a.Now().UTC().Truncate(time.Microsecond) // as it is stored
	u.PasswordHash, u.PasswordChangedAt = hash, &now
}

// MaxNames is how many names a user can have, one after the other: nobody else
// ever gets one of them.
const MaxNames = 10

// renameLimit bounds how fast a user gets through them.
var renameLimit = ratelimit.Limit{Name: "renames", Rate: 3, Per: 30 * 24 * time.Hour}

// Rename changes the handle under which others see the user. More than three
// times in 30 days, and to an eleventh name, it is [Invalid].
func (a *Accounts) Rename(ctx context.Context, u models.User, name string) error {
	var bad Invalid
	bad.check("name", models.CheckUserName(name))
	if err := bad.err(); err != nil {
		return err
	}
	if name == u.Name {
		return nil
	}
	res, err := a.Renames.Allow(ctx, renameLimit, u.ID)
	if err != nil {
		return fmt.Errorf("rename: %w", err)
	}
	if !res.Allowed {
		return Invalid{{"name", "can be changed three times in 30 days"}}
	}
	_, err = a.Store.UpdateUser(record(ctx, a.Audit, u, "name.changed", u.ID, "name", name), u.ID, func(u *models.User) error {
		u.Name = name
		return nil
	})
	if err != nil {
		// A name that was taken is no change; if this fails, it counts as one.
		_, _ = a.Renames.Take(context.WithoutCancel(ctx), []ratelimit.Take{{Limit: renameLimit, Key: u.ID, Cost: -1}})
	}
	if errors.Is(err, ErrManyNames) {
		return Invalid{{"name", "cannot be another one: an account has at most " + strconv.Itoa(MaxNames) + ", and you can go back to those"}}
	}
	return err
}

// Change sets the role of a user and whether the account is disabled, and mails
// the user what has changed. Where that was not as seen, which is what
// [models.User.Access] was, it is [ErrChanged]: an old page must not undo what
// another admin did, and [ErrOutdated] for an admin who is not what was read. The
// caller must hold [MayAdmin].
func (a *Accounts) Change(ctx context.Context, by models.User, id, seen string, role models.Role, disabled bool) (models.User, error) {
	if err := a.May.require(ctx, MayAdmin); err != nil {
		return models.User{}, err
	}
	var was models.User
	changing := ctx
	if id != by.ID {
		changing = a.Standing.Unchanged(ctx, by)
	}
	recorded := record(changing, a.Audit, by, "user.changed", id, "role", string(role), "disabled", strconv.FormatBool(disabled))
	u, err := a.Store.UpdateUser(recorded, id, func(u *models.User) error {
		was = *u
		// Admins may disable themselves, which Unchanged would take for the work of
		// somebody else; but who was disabled meanwhile may not undo that.
		if id == by.ID && (was.Disabled || was.Stamp() != by.Stamp()) {
			return ErrOutdated
		}
		u.Role, u.Disabled = role, disabled
		if was.Access() != seen && was.Access() != u.Access() {
			return ErrChanged
		}
		return nil
	})
	if errors.Is(err, ErrNoRole) {
		return u, Invalid{{"role", "does not exist, or not any more"}}
	}
	if err != nil {
		return u, err
	}
	var changes []string
	if u.Role != was.Role {
		changes = append(changes, "has the role "+string(u.Role)+" now, and had the role "+string(was.Role))
	}
	switch {
	case u.Disabled && !was.Disabled:
		changes = append(changes, "was disabled: nobody signs in to it")
	case !u.Disabled && was.Disabled:
		changes = append(changes, "is not disabled any more")
	}
	if changes != nil {
		a.notify(ctx, userChanged(u, strings.Join(changes, ", and ")))
	}
	return u, nil
}

// checkPassword returns, for the form, why a user should not choose password,
// or "".
func (a *Accounts) checkPassword(password string, personal ...string) string {
	err := a.Passwords.Check(password, personal...)
	if err == nil {
		return ""
	}
	if weak, ok := errors.AsType[*auth.PasswordError](err); ok {
		return weak.Message
	}
	return "cannot be used"
}
