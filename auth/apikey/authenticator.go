package apikey

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/galeweb/gale/internal/believed"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/web"
)

// ErrNotFound is what Options.Find returns for an id that no key has.
var ErrNotFound = errors.New("apikey: not found")

// Record is what the application stored of a key.
type Record struct {
	// Hash is [Key].Hash.
	Hash []byte
	// Previous is the Hash from before [Rotate], which is accepted until
	// PreviousUntil, so that all who hold the key can be given the new one.
	// Optional.
	Previous      []byte
	PreviousUntil time.Time
	// Expires ends the key; the zero time means never.
	Expires time.Time
	// Revoked is true once the owner has ended the key.
	Revoked bool
}

// Options configure an [Authenticator] for users of type U.
type Options[U any] struct {
	// Prefix is the one given to [New]. Required.
	Prefix string
	// Find returns the key with an id and its owner, or [ErrNotFound]. It is
	// called before the key is proved, so it must not count as use. What scopes
	// the key has belongs in U, for auth.Options.Scopes. Required.
	Find func(ctx context.Context, id string) (Record, U, error)
	// FindAge is how long what Find has returned is believed, of the keys asked
	// for last: another process that revokes a key or changes its owner is
	// noticed here after so long, and this one at once when it calls
	// [Authenticator.Forget]. Requests then share U, so nobody may change what
	// it points to. Defaults to 0: each request asks.
	FindAge time.Duration
	// Used is told the id of each key that was accepted, to note when it was
	// last used; best not more than once a minute. An error is only logged.
	// Optional.
	Used func(ctx context.Context, id string) error
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Authenticator accepts keys from "Authorization: Bearer" and "X-API-Key". It
// is an auth.Authenticator and safe for concurrent use.
type Authenticator[U any] struct {
	o     Options[U]
	found *believed.Cache[string, owned[U]] // nil without FindAge
}

// owned is what Options.Find returns.
type owned[U any] struct {
	rec   Record
	owner U
}

// maxFound bounds the keys that are kept.
const maxFound = 10_000

// NewAuthenticator returns an Authenticator. It panics when an option is
// missing.
func NewAuthenticator[U any](o Options[U]) *Authenticator[U] {
	if !validPrefix(o.Prefix) {
		panic(fmt.Sprintf("apikey: Options.Prefix is %q; use the one given to New", o.Prefix))
	}
	if o.Find == nil {
		panic("apikey: Options.Find is missing; give the function that looks a key up")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.FindAge < 0 {
		panic("apikey: Options.FindAge is negative; leave it 0 to ask for each request")
	}
	a := &Authenticator[U]{o: o}
	if o.FindAge > 0 {
		a.found = believed.New[string, owned[U]](maxFound, o.FindAge, o.Clock)
	}
	return a
}

// Name is what auth.Auth.Credential says: "apikey".
func (*Authenticator[U]) Name() string { return "apikey" }

// Forget has the key with an id read anew for the next request, after it or its
// owner was changed, where Options.FindAge is set. It may be called by any
// goroutine.
func (a *Authenticator[U]) Forget(id string) {
	if a.found != nil {
		a.found.Forget(id)
	}
}

// ForgetAll is Forget of every key, for owners with keys that are not at hand.
func (a *Authenticator[U]) ForgetAll() {
	if a.found != nil {
		a.found.ForgetAll()
	}
}

// find looks the key up. What is mistyped costs no look-up.
func (a *Authenticator[U]) find(ctx context.Context, id, plain string) (o owned[U], err error) {
	ask := func() (o owned[U], err error) {
		if err = checkText(a.o.Prefix, plain); err == nil {
			o.rec, o.owner, err = a.o.Find(ctx, id)
		}
		return o, err
	}
	if a.found == nil {
		return ask()
	}
	return a.found.Get(id, ask)
}

// proves reports whether the key is the one that r is the record of, in a time
// that does not depend on how far it is.
func (a *Authenticator[U]) proves(r Record, plain string) bool {
	h := hash(plain)
	current := subtle.ConstantTimeCompare(r.Hash, h[:])
	previous := subtle.ConstantTimeCompare(r.Previous, h[:])
	return current == 1 || previous == 1 && a.o.Clock().Before(r.PreviousUntil)
}

// Authenticate returns the owner of the key in r; ok is false when there is
// none. Keys in the URL are not looked at: URLs end in logs and in Referer. A
// bearer token without the prefix is left to other authenticators. A wrong key
// is a 401, with the code "invalid_key" whether it never existed or its secret
// is wrong; who holds the right one is told "revoked_key" or "expired_key".
func (a *Authenticator[U]) Authenticate(ctx context.Context, r *http.Request) (u U, ok bool, err error) {
	plain, found, err := a.credential(r)
	if err != nil || !found {
		return u, false, err
	}
	id, err := parseID(a.o.Prefix, plain)
	if err != nil {
		return u, false, refused("invalid_key", "The API key is not valid.", err)
	}
	o, err := a.find(ctx, id, plain)
	rec := o.rec
	switch {
	case errors.Is(err, ErrMalformed):
		return u, false, refused("invalid_key", "The API key is not valid.", err)
	case err != nil && !errors.Is(err, ErrNotFound):
		return u, false, fmt.Errorf("apikey: find %s: %w", id, err)
	case err != nil || !a.proves(rec, plain):
		return u, false, refused("invalid_key", "The API key is not valid.", errors.Join(errors.New("apikey: no such key: "+id), err))
	}
	if rec.Revoked {
		return u, false, refused("revoked_key", "The API key has been revoked.", errors.New("apikey: revoked: "+id))
	}
	if !rec.Expires.IsZero() && !a.o.Clock().Before(rec.Expires) {
		return u, false, refused("expired_key", "The API key has expired.", errors.New("apikey: expired: "+id))
	}
	if a.o.Used != nil {
		if err := a.o.Used(ctx, id); err != nil {
			obs.Logger(ctx).WarnContext(ctx, "apikey: last use not written down", "key", id, "error", err)
		}
	}
	return o.owner, true, nil
}

// credential returns what r brings. Two credentials are refused: proxies and
// servers disagree on which of them counts.
func (a *Authenticator[U]) credential(r *http.Request) (plain string, found bool, err error) {
	own, authz := r.Header["X-Api-Key"], r.Header["Authorization"]
	var bearer string
	bearers := 0
	for _, v := range authz {
		if scheme, token, _ := strings.Cut(v, " "); strings.EqualFold(scheme, "Bearer") {
			bearer = strings.TrimSpace(token)
			bearers++
		}
	}
	switch {
	case len(own)+bearers > 1 || bearers > 0 && len(authz) > 1:
		return "", false, refused("invalid_key", "The request has more than one credential.", errors.New("apikey: more than one credential"))
	case len(own) == 1:
		return own[0], true, nil
	case bearers == 1 && strings.HasPrefix(bearer, a.o.Prefix+"_"):
		return bearer, true, nil
	}
	return "", false, nil
}

func refused(code, message string, err error) error {
	return &web.Error{
		Status:  http.StatusUnauthorized,
		Code:    code,
		Message: message,
		Header:  http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}},
		Err:     err,
	}
}
