package services

import (
	"context"
	"errors"
	"net/http"
	"strings"

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
	// Throttle bounds the guesses at codes.
	Throttle *auth.Throttle
	Audit    Recorder
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

// Check reports by what code, of an app or for recovery, proves that it is the
// user. One that is wrong, or was used, is Invalid; too many are an
// [*auth.ThrottledError].
func (f *Factors) Check(ctx context.Context, u models.User, at auth.Attempt, code string) (auth.Method, error) {
	at.Account = u.ID
	method, verify := auth.MethodRecovery, f.Codes.Use
	if digits := strings.Join(strings.Fields(code), ""); len(digits) <= 6 || strings.Trim(digits, "0123456789") == "" {
		method, verify = auth.MethodTOTP, f.Apps.Verify
	}
	ok, err := f.Throttle.Check(ctx, at, func(ctx context.Context) (bool, error) { return verify(ctx, u.ID, code) })
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
// codes to be shown this once, for who has none yet.
func (f *Factors) ConfirmApp(ctx context.Context, u models.User, at auth.Attempt, id, code string) (codes []string, err error) {
	at.Account = u.ID
	ok, err := f.Throttle.Check(ctx, at, func(ctx context.Context) (bool, error) {
		return f.Apps.Confirm(record(ctx, f.Audit, u, "totp.added", id), u.ID, id, code)
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

// AddedPasskey is to be called once a passkey is stored.
func (f *Factors) AddedPasskey(ctx context.Context, u models.User) error {
	return f.Changed(ctx, u, "A passkey was added")
}

func (f *Factors) added(ctx context.Context, u models.User, what string) (codes []string, err error) {
	if err := f.Changed(ctx, u, what); err != nil {
		return nil, err
	}
	if left, err := f.Codes.Remaining(ctx, u.ID); err != nil || left > 0 {
		return nil, err
	}
	return f.Codes.Regenerate(record(ctx, f.Audit, u, "recovery.renewed", u.ID), u.ID)
}

// NewCodes makes new recovery codes and ends all old ones.
func (f *Factors) NewCodes(ctx context.Context, u models.User) ([]string, error) {
	codes, err := f.Codes.Regenerate(record(ctx, f.Audit, u, "recovery.renewed", u.ID), u.ID)
	if err == nil {
		f.Accounts.notify(ctx, factorsChanged(u, "New recovery codes were made"))
	}
	return codes, err
}

// RemoveApp ends an authenticator app.
func (f *Factors) RemoveApp(ctx context.Context, u models.User, id string) error {
	err := f.Apps.Remove(record(ctx, f.Audit, u, "totp.removed", id), u.ID, id)
	if errors.Is(err, totp.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	return f.Changed(ctx, u, "An authenticator app was removed")
}

// RemovePasskey ends a passkey. The last way to sign in stays: [ErrLastWay].
func (f *Factors) RemovePasskey(ctx context.Context, u models.User, id string) error {
	err := f.Passkeys.Delete(record(f.Accounts.Ways.KeepWay(ctx, u.ID), f.Audit, u, "passkey.removed", id), u.ID, id)
	if errors.Is(err, passkey.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	return f.Changed(ctx, u, "A passkey was removed")
}

// Reset takes all second factors of a user away, for one who has lost them and
// has shown an admin who they are. The caller must hold [MayAdmin].
func (f *Factors) Reset(ctx context.Context, by models.User, id string) (models.User, error) {
	if err := f.Accounts.May.require(ctx, MayAdmin); err != nil {
		return models.User{}, err
	}
	u, err := f.Accounts.Store.User(ctx, id)
	if err != nil {
		return u, err
	}
	// First, so that no factor goes without a record, even when the rest fails.
	if err := f.forget(record(ctx, f.Audit, by, "user.factors_reset", id), id); err != nil {
		return u, err
	}
	if err := f.Apps.RemoveAll(ctx, id); err != nil {
		return u, err
	}
	if err := f.Codes.RemoveAll(ctx, id); err != nil {
		return u, err
	}
	all, err := f.Passkeys.List(ctx, id)
	if err != nil {
		return u, err
	}
	for _, c := range all {
		if err := f.Passkeys.Delete(ctx, id, c.ID); err != nil && !errors.Is(err, passkey.ErrNotFound) {
			return u, err
		}
	}
	return u, f.Changed(ctx, u, "An admin took all second factors away")
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
