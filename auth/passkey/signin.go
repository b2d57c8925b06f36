package passkey

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/galeweb/gale/web"
)

// BeginSignIn answers what navigator.credentials.get is to be called with to
// sign in by a passkey alone, by a button or, with mediation "conditional", from
// the autofill of the field for the user name. It stores nothing and costs about
// a signature.
func (p *Passkeys) BeginSignIn(w http.ResponseWriter, r *http.Request) error {
	return p.request(w, r, challenge{Purpose: signingIn}, nil, true)
}

// FinishSignIn checks what navigator.credentials.get returned and calls
// [Options].SignedIn. The user was verified by the authenticator.
func (p *Passkeys) FinishSignIn(w http.ResponseWriter, r *http.Request) error {
	return p.finish(w, r, signingIn, "", true, p.o.SignedIn)
}

// BeginConfirm answers what navigator.credentials.get is to be called with for
// the user that [Options].Pending names.
func (p *Passkeys) BeginConfirm(w http.ResponseWriter, r *http.Request) error {
	user, err := p.pending(r)
	if err != nil {
		return err
	}
	own, err := p.List(r.Context(), user)
	if err != nil {
		return err
	}
	if len(own) == 0 {
		return &web.Error{Status: http.StatusConflict, Code: "passkey_none", Message: "There is no passkey for this account."}
	}
	return p.request(w, r, challenge{Purpose: confirming, UserID: user}, own, !p.o.AllowUnverified)
}

// FinishConfirm checks what navigator.credentials.get returned and calls
// [Options].Confirmed.
func (p *Passkeys) FinishConfirm(w http.ResponseWriter, r *http.Request) error {
	user, err := p.pending(r)
	if err != nil {
		return err
	}
	return p.finish(w, r, confirming, user, !p.o.AllowUnverified, p.o.Confirmed)
}

func (p *Passkeys) pending(r *http.Request) (string, error) {
	if p.o.Pending == nil {
		return "", &web.Error{Status: http.StatusNotFound, Err: errors.New("passkey: Options.Pending is not set")}
	}
	user, err := p.o.Pending(r)
	if err == nil && user == "" {
		err = errors.New("passkey: Options.Pending returned no user, and no error")
	}
	return user, err
}

// request answers a begin request.
func (p *Passkeys) request(w http.ResponseWriter, r *http.Request, ch challenge, allowed []Credential, userVerification bool) error {
	value, state, err := p.begin(w, r, ch)
	if err != nil {
		return err
	}
	o := requestOptions{
		Challenge: value, Timeout: timeout, RPID: p.o.RPID,
		AllowCredentials: descriptors(allowed), UserVerification: "preferred",
	}
	if userVerification {
		o.UserVerification = "required"
	}
	return web.WriteJSON(w, http.StatusOK, begun[requestOptions]{state, o})
}

func (p *Passkeys) finish(w http.ResponseWriter, r *http.Request, as purpose, user string, userVerification bool, then Done) error {
	w.Header().Set("Cache-Control", "no-store")
	ctx := r.Context()
	web.LimitBody(w, r, maxBody)
	in, err := web.DecodeJSON[assertion](w, r)
	if err != nil {
		return err
	}
	f := Failure{UserID: user, CredentialID: encode(in.Credential.ID)}
	ch, err := p.open(r, in.State, as, user)
	if err != nil {
		f.Err = err
		return p.refuse(ctx, http.StatusUnauthorized, f)
	}
	c, err := p.use(ctx, ch, in.Credential, userVerification)
	switch {
	case errors.Is(err, ErrRefused), errors.Is(err, ErrReplayed), errors.Is(err, ErrSignCount), errors.Is(err, ErrNotFound):
		if f.Err = err; f.UserID == "" {
			f.UserID = c.UserID
		}
		return p.refuse(ctx, http.StatusUnauthorized, f)
	case err != nil:
		return err
	}
	return done(w, r, then, c)
}

// maxTries is for requests that use one credential at the same time.
const maxTries = 4

// use verifies a response and writes down that the credential was used. With an
// error it returns the credential as far as it is known.
func (p *Passkeys) use(ctx context.Context, ch challenge, in assertionCredential, userVerification bool) (Credential, error) {
	if raw := in.RawID; raw != nil && string(raw) != string(in.ID) {
		return Credential{}, fmt.Errorf("%w: id and rawId differ", ErrRefused)
	}
	for range maxTries {
		c, err := p.o.Store.ByID(ctx, encode(in.ID))
		if err != nil {
			return Credential{}, fmt.Errorf("passkey: look a credential up: %w", err)
		}
		refusal := p.check(ctx, &c, ch, in, userVerification)
		if refusal != nil && !errors.Is(refusal, ErrSignCount) {
			return c, refusal
		}
		switch err := p.o.Store.Update(ctx, c); {
		case err == nil:
			c.Version++
			return c, refusal
		case !errors.Is(err, ErrConflict):
			return c, fmt.Errorf("passkey: write down the use of a credential: %w", err)
		}
	}
	return Credential{}, &web.Error{Status: http.StatusServiceUnavailable, Err: ErrConflict}
}

// check verifies a response for c and changes c by what it says.
func (p *Passkeys) check(ctx context.Context, c *Credential, ch challenge, in assertionCredential, userVerification bool) error {
	// §7.2, step 6: of a discoverable credential the handle must be there.
	handle := in.Response.UserHandle
	switch {
	case ch.UserID != "" && c.UserID != ch.UserID:
		return fmt.Errorf("%w: the credential is of another user", ErrRefused)
	case ch.UserID == "" && handle == nil, handle != nil && !slices.Equal(*handle, binary(c.UserHandle)):
		return fmt.Errorf("%w: the user handle is not that of the credential", ErrRefused)
	}
	got, err := p.o.Verifier.VerifyAssertion(ctx, p.expected(ch, userVerification), c.PublicKey, Assertion{
		CredentialID:      in.ID,
		ClientDataJSON:    in.Response.ClientDataJSON,
		AuthenticatorData: in.Response.AuthenticatorData,
		Signature:         in.Response.Signature,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if got.BackupEligible != c.BackupEligible || got.BackedUp && !got.BackupEligible {
		return fmt.Errorf("%w: the flags of backup have become others", ErrRefused)
	}
	now := p.now()
	if c.Recent, err = spend(c.Recent, ch, now); err != nil {
		return err
	}
	if (got.SignCount != 0 || c.SignCount != 0) && got.SignCount <= c.SignCount {
		c.Suspected = now
		return ErrSignCount
	}
	c.SignCount, c.BackedUp, c.LastUsed = got.SignCount, got.BackedUp, now
	return nil
}

// done calls the application and answers.
func done(w http.ResponseWriter, r *http.Request, then Done, c Credential) error {
	var next string
	if then != nil {
		var err error
		if next, err = then(w, r, c); err != nil {
			return err
		}
	}
	return web.WriteJSON(w, http.StatusOK, finished{next})
}

// refuse tells the application why, and the client as much as helps its user.
func (p *Passkeys) refuse(ctx context.Context, status int, f Failure) error {
	if p.o.Failed != nil {
		p.o.Failed(ctx, f)
	}
	e := &web.Error{Status: status, Err: f.Err, Code: "passkey_refused", Message: "The passkey was not accepted."}
	switch {
	case errors.Is(f.Err, ErrExpired), errors.Is(f.Err, ErrReplayed):
		e.Code, e.Message = "passkey_expired", "That took too long. Please try again."
	case errors.Is(f.Err, ErrNotFound):
		e.Code, e.Message = "passkey_unknown", "This passkey is not known here any more."
	case errors.Is(f.Err, ErrExists):
		e.Status, e.Code, e.Message = http.StatusConflict, "passkey_exists", "This passkey is registered already."
	}
	return e
}
