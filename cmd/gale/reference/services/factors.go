package services

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/auth/recovery"
	"github.com/galeweb/gale/auth/totp"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/web"
)

// Factors are the second factors of users, and the ways back for who has lost
// them: recovery codes, and an admin who takes the factors away.
type Factors struct {
	Accounts *Accounts
	Apps     *totp.TOTP
	Passkeys *passkey.Passkeys
	Codes    *recovery.Codes
	Left     LeftCodes
	// Throttle bounds the guesses at codes of apps, ForCodes those at recovery
	// codes: whoever floods one kind does not lock the other.
	Throttle, ForCodes *auth.Throttle
	Audit              Recorder
	Store              FactorStore
	// Required is who must use a second factor.
	Required Requirement
}

// LeftCodes ends recovery codes that have nothing to recover.
type LeftCodes interface {
	// EndCodes returns a context with which a change also ends the recovery codes
	// of the user, when it leaves no second factor. Of two factors that are
	// removed at once, one is the last.
	EndCodes(ctx context.Context, userID string) context.Context
}

// UserFactors are those of one user.
type UserFactors struct {
	Apps     []totp.Authenticator
	Passkeys []passkey.Credential
	Codes    int // recovery codes that are left
}

// Any reports whether a password alone does not sign the user in.
func (f UserFactors) Any() bool { return len(f.Apps)+len(f.Passkeys) > 0 }

// Of returns the factors of a user.
func (f *Factors) Of(ctx context.Context, user string) (of UserFactors, err error) {
	if of.Apps, err = f.Apps.List(ctx, user); err != nil {
		return of, err
	}
	if of.Passkeys, err = f.Passkeys.List(ctx, user); err != nil {
		return of, err
	}
	of.Codes, err = f.Codes.Remaining(ctx, user)
	return of, err
}

// TrustedSince returns when the password of the address was last changed or its
// oldest second factor was set up, whichever was later, for
// [auth.ThrottleOptions]. Browsers from before have shown no factor: whoever has
// the password could have made any number of them, each with guesses of its own.
func (f *Factors) TrustedSince(ctx context.Context, email string) (time.Time, error) {
	since, err := f.Accounts.TrustedSince(ctx, email)
	if err != nil {
		return since, err
	}
	u, err := f.Accounts.Store.UserByEmail(ctx, models.NormalizeEmail(email))
	if errors.Is(err, ErrNotFound) {
		return since, nil
	}
	if err != nil {
		return since, err
	}
	of, err := f.Of(ctx, u.ID)
	if err != nil {
		return since, err
	}
	var oldest time.Time
	for _, a := range of.Apps {
		oldest = earlier(oldest, a.Created)
	}
	for _, p := range of.Passkeys {
		oldest = earlier(oldest, p.Created)
	}
	if oldest.After(since) {
		since = oldest
	}
	return since, nil
}

// earlier returns the earlier one, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// Check reports by what code, of an app or for recovery, proves that it is the
// user. One that is wrong, or was used, is Invalid; too many are an
// [*auth.ThrottledError].
func (f *Factors) Check(ctx context.Context, u models.User, at auth.Attempt, code string) (auth.Method, error) {
	method, verify, throttle := auth.MethodRecovery, f.Codes.Use, f.ForCodes
	if digits := strings.Join(strings.Fields(code), ""); len(digits) <= 6 || strings.Trim(digits, "0123456789") == "" {
		method, verify, throttle = auth.MethodTOTP, f.Apps.Verify, f.Throttle
	}
	ok, err := throttle.Check(ctx, at, func(ctx context.Context) (bool, error) { return verify(ctx, u.ID, code) })
	if err != nil {
		return method, malformed(err)
	}
	if !ok {
		return method, Invalid{{"code", "is not right, or was used already; codes of apps change every 30 seconds"}}
	}
	if method == auth.MethodRecovery {
		left, err := f.Codes.Remaining(ctx, u.ID)
		if err != nil {
			return method, err
		}
		f.Accounts.notify(ctx, recoveryUsed(u, left))
	}
	return method, nil
}

// malformed makes what is no code a mistake in the form.
func malformed(err error) error {
	if e, ok := errors.AsType[*web.Error](err); ok && e.Status == http.StatusUnprocessableEntity {
		return Invalid{{"code", "must be the six digits of the app, or a recovery code such as G7K2M-4XQ9D"}}
	}
	return err
}

// ConfirmApp makes an app count with its first code. The codes are recovery
// codes to be shown this once, for who has none yet. It is [ErrOutdated] for a user
// who is not what was read, as by NewCodes.
func (f *Factors) ConfirmApp(ctx context.Context, u models.User, at auth.Attempt, id, code string) (codes []string, err error) {
	ok, err := f.Throttle.Check(ctx, at, func(ctx context.Context) (bool, error) {
		return f.Apps.Confirm(record(f.Accounts.Standing.Unchanged(ctx, u), f.Audit, u, "totp.added", id), u.ID, id, code)
	})
	switch {
	case errors.Is(err, totp.ErrNotFound):
		return nil, ErrNotFound
	case err != nil:
		return nil, malformed(err)
	case !ok:
		return nil, Invalid{{"code", "is not right; is the clock of the device?"}}
	}
	return f.added(ctx, u, "An authenticator app was added")
}

// AddedPasskey is to be called once a passkey is stored. It reports whether the
// user should have recovery codes made: there are none, or they are from before
// this first factor.
func (f *Factors) AddedPasskey(ctx context.Context, u models.User) (needsCodes bool, err error) {
	if err := f.Changed(ctx, u, "A passkey was added"); err != nil {
		return false, err
	}
	return f.needsCodes(ctx, u)
}

// needsCodes reports whether no recovery codes belong to the factors of u. Those
// that are there beside a first factor are older than it.
func (f *Factors) needsCodes(ctx context.Context, u models.User) (bool, error) {
	of, err := f.Of(ctx, u.ID)
	return of.Codes == 0 || len(of.Apps)+len(of.Passkeys) == 1, err
}

func (f *Factors) added(ctx context.Context, u models.User, what string) (codes []string, err error) {
	if err := f.Changed(ctx, u, what); err != nil {
		return nil, err
	}
	if needs, err := f.needsCodes(ctx, u); err != nil || !needs {
		return nil, err
	}
	u.Epoch++ // by Changed
	return f.regenerate(ctx, u)
}

func (f *Factors) regenerate(ctx context.Context, u models.User) ([]string, error) {
	return f.Codes.Regenerate(record(f.Accounts.Standing.Unchanged(ctx, u), f.Audit, u, "recovery.renewed", u.ID), u.ID)
}

// NewCodes makes new recovery codes and ends all old ones.
func (f *Factors) NewCodes(ctx context.Context, u models.User) ([]string, error) {
	codes, err := f.regenerate(ctx, u)
	if err == nil {
		f.Accounts.notify(ctx, factorsChanged(u, "New recovery codes were made"))
	}
	return codes, err
}

// leaving has the removal of u's last factor undone where one is required, and
// else end the recovery codes with it.
func (f *Factors) leaving(ctx context.Context, u models.User) context.Context {
	return f.Left.EndCodes(f.Store.KeepFactor(ctx, u.ID, f.Required.Of), u.ID)
}

// RemoveApp ends an authenticator app, and with the last factor the recovery
// codes. The last factor that is required is [ErrLastFactor].
func (f *Factors) RemoveApp(ctx context.Context, u models.User, id string) error {
	err := f.Apps.Remove(record(f.leaving(ctx, u), f.Audit, u, "totp.removed", id), u.ID, id)
	if errors.Is(err, totp.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	return f.Changed(ctx, u, "An authenticator app was removed")
}

// RemovePasskey ends a passkey, as RemoveApp does an app. The last way to sign in
// stays too: [ErrLastWay].
func (f *Factors) RemovePasskey(ctx context.Context, u models.User, id string) error {
	err := f.Passkeys.Delete(record(f.Accounts.Ways.KeepWay(f.leaving(ctx, u), u.ID), f.Audit, u, "passkey.removed", id), u.ID, id)
	if errors.Is(err, passkey.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	return f.Changed(ctx, u, "A passkey was removed")
}

// Reset takes all second factors of a user away, for one who has lost them and
// has shown an admin who they are. The caller must hold [MayAdmin], and must not be
// that user where one is required: it would be a way around [ErrLastFactor].
func (f *Factors) Reset(ctx context.Context, by models.User, id string) (models.User, error) {
	if err := f.Accounts.May.require(ctx, MayAdmin); err != nil {
		return models.User{}, err
	}
	u, err := f.Accounts.Store.User(ctx, id)
	if err != nil {
		return u, err
	}
	if id == by.ID && f.Required.Of(u) {
		return u, ErrLastFactor
	}
	return u, f.takeAll(ctx, by, "user.factors_reset", u, "An admin took all second factors away")
}

// takeAll removes all second factors of u; action is what the log calls it, and what
// is told to the user. These are several changes: after an error some factors may
// still be there, and nothing was mailed, though the log has the action. To call it
// again takes the rest away.
func (f *Factors) takeAll(ctx context.Context, by models.User, action string, u models.User, what string) error {
	// First, so that no factor goes without a record, even when the rest fails.
	if err := f.forget(record(ctx, f.Audit, by, action, u.ID), u.ID); err != nil {
		return err
	}
	if err := f.Apps.RemoveAll(ctx, u.ID); err != nil {
		return err
	}
	if err := f.Codes.RemoveAll(ctx, u.ID); err != nil {
		return err
	}
	all, err := f.Passkeys.List(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, c := range all {
		if err := f.Passkeys.Delete(ctx, u.ID, c.ID); err != nil && !errors.Is(err, passkey.ErrNotFound) {
			return err
		}
	}
	return f.Changed(ctx, u, what)
}

// Forget ends the trust in all browsers of the user.
func (f *Factors) Forget(ctx context.Context, u models.User) error {
	return f.forget(record(ctx, f.Audit, u, "browsers.forgotten", u.ID), u.ID)
}

func (f *Factors) forget(ctx context.Context, id string) error {
	_, err := f.Accounts.Store.UpdateUser(ctx, id, func(u *models.User) error {
		u.Epoch++
		return nil
	})
	return err
}

// Changed ends what relied on the factors of before, and mails the user.
func (f *Factors) Changed(ctx context.Context, u models.User, what string) error {
	if err := f.forget(ctx, u.ID); err != nil {
		return err
	}
	f.Accounts.notify(ctx, factorsChanged(u, what))
	return nil
}
