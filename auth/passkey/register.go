package passkey

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/galeweb/gale/web"
)

const (
	// maxBody bounds the body of a finish request: an attestation has a few KiB.
	maxBody = 64 << 10
	// maxName is in characters.
	maxName = 64
	// handleLen is the longest that §5.4.3 allows.
	handleLen = 64
)

// BeginRegistration answers what navigator.credentials.create is to be called
// with, for the user that [Options].Account names. Mount it and the others with
// POST; it is a web.HandlerFunc.
func (p *Passkeys) BeginRegistration(w http.ResponseWriter, r *http.Request) error {
	account, err := p.account(r)
	if err != nil {
		return err
	}
	own, err := p.room(r.Context(), account.ID)
	if err != nil {
		return err
	}
	// The handle of a user stays the same, so that an authenticator shows one
	// account; the first passkey makes it.
	handle := make([]byte, handleLen)
	rand.Read(handle) // never fails, see its documentation
	if len(own) > 0 {
		handle = own[0].UserHandle
	}
	value, state, err := p.begin(w, r, challenge{Purpose: registering, UserID: account.ID, Handle: handle})
	if err != nil {
		return err
	}
	o := creationOptions{
		Challenge: value, PubKeyCredParams: parameters(), Timeout: timeout,
		ExcludeCredentials: descriptors(own), Attestation: "none",
	}
	o.RP.ID, o.RP.Name = p.o.RPID, p.o.RPName
	o.User.ID, o.User.Name, o.User.DisplayName = handle, account.Name, cmp.Or(account.DisplayName, account.Name)
	o.Selection.ResidentKey, o.Selection.RequireResidentKey, o.Selection.UserVerification = "required", true, "required"
	if p.o.AllowUnverified {
		o.Selection.ResidentKey, o.Selection.RequireResidentKey, o.Selection.UserVerification = "preferred", false, "preferred"
	}
	return web.WriteJSON(w, http.StatusOK, begun[creationOptions]{state, o})
}

// FinishRegistration checks what navigator.credentials.create returned, stores
// the credential under the name that the body gives, and calls
// [Options].Registered.
func (p *Passkeys) FinishRegistration(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	ctx := r.Context()
	account, err := p.account(r)
	if err != nil {
		return err
	}
	web.LimitBody(w, r, maxBody)
	in, err := web.DecodeJSON[registration](w, r)
	if err != nil {
		return err
	}
	name, err := cleanName(in.Name)
	if err != nil {
		return &web.Error{
			Status: http.StatusUnprocessableEntity, Code: "passkey_name", Err: err,
			Message: fmt.Sprintf("A name has at most %d characters, all of them text.", maxName),
		}
	}
	ch, err := p.open(r, in.State, registering, account.ID)
	if err != nil {
		return p.refuse(ctx, http.StatusBadRequest, Failure{account.ID, encode(in.Credential.ID), err})
	}
	if _, err := p.room(ctx, account.ID); err != nil {
		return err
	}
	c, err := p.create(ctx, ch, in)
	if errors.Is(err, ErrRefused) || errors.Is(err, ErrExists) {
		return p.refuse(ctx, http.StatusBadRequest, Failure{account.ID, encode(in.Credential.ID), err})
	}
	if err != nil {
		return err
	}
	c.Name = name
	if err := p.o.Store.Create(ctx, c); errors.Is(err, ErrExists) {
		return p.refuse(ctx, http.StatusBadRequest, Failure{account.ID, c.ID, err})
	} else if err != nil {
		return fmt.Errorf("passkey: store a credential: %w", err)
	}
	c.Version = 1
	return done(w, r, p.o.Registered, c)
}

// create verifies a response and returns the credential it makes. A response
// that is sent again fails by its id, which is taken then.
func (p *Passkeys) create(ctx context.Context, ch challenge, in registration) (Credential, error) {
	if raw := in.Credential.RawID; raw != nil && string(raw) != string(in.Credential.ID) {
		return Credential{}, fmt.Errorf("%w: id and rawId differ", ErrRefused)
	}
	got, err := p.o.Verifier.VerifyRegistration(ctx, p.expected(ch, !p.o.AllowUnverified), Attestation{
		CredentialID:      in.Credential.ID,
		ClientDataJSON:    in.Credential.Response.ClientDataJSON,
		AttestationObject: in.Credential.Response.AttestationObject,
	})
	if err != nil {
		return Credential{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if got.BackedUp && !got.BackupEligible {
		return Credential{}, fmt.Errorf("%w: backed up and not eligible for it", ErrRefused)
	}
	return Credential{
		ID: encode(in.Credential.ID), UserID: ch.UserID, UserHandle: ch.Handle,
		PublicKey: got.PublicKey, SignCount: got.SignCount,
		Transports:   transports(in.Credential.Response.Transports),
		UserVerified: got.UserVerified, BackupEligible: got.BackupEligible, BackedUp: got.BackedUp,
		Created: p.now(),
	}, nil
}

func (p *Passkeys) account(r *http.Request) (Account, error) {
	a, err := p.o.Account(r)
	if err == nil && (a.ID == "" || a.Name == "") {
		err = errors.New("passkey: Options.Account returned no id or no name, and no error")
	}
	return a, err
}

// room returns the credentials of a user who may have another.
func (p *Passkeys) room(ctx context.Context, user string) ([]Credential, error) {
	own, err := p.List(ctx, user)
	if err == nil && len(own) >= p.o.MaxPerUser {
		err = &web.Error{
			Status: http.StatusConflict, Code: "passkey_limit",
			Message: fmt.Sprintf("You have %d passkeys; remove one first.", len(own)),
		}
	}
	return own, err
}

func (p *Passkeys) expected(ch challenge, userVerification bool) Expected {
	return Expected{
		Challenge: ch.Value, RPID: p.o.RPID, Origins: p.o.Origins,
		UserVerification: userVerification, Algorithms: algorithms(),
	}
}

// cleanName returns the name that is stored; a passkey without one is called
// just that. Direction marks and control characters could make a list show what
// is not there.
func cleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return "Passkey", nil
	}
	bad := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	if bad || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName {
		return "", ErrName
	}
	return name, nil
}
