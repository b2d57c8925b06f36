package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/web"
)

// AuthenticatorOptions configure an [Authenticator] for users of type U.
type AuthenticatorOptions[U any] struct {
	// Verifiers are asked in this order; the first that accepts a token
	// counts. Each has keys and an issuer of its own. Required.
	Verifiers []*Verifier
	// Find returns the user that a token is for, with what its scopes allow,
	// or [auth.ErrNoUser]. Subjects are unique only within their Issuer: with
	// several Verifiers look at both. Required.
	Find func(ctx context.Context, c Claims) (U, error)
	// Denied reports whether a token is refused before it expires, by its ID,
	// or by its Subject and Issued. It is asked with each request. Defaults to
	// no: tokens are short-lived.
	Denied func(ctx context.Context, c Claims) (bool, error)
}

// Authenticator accepts access tokens from "Authorization: Bearer". It is an
// [auth.Authenticator], and safe for concurrent use.
type Authenticator[U any] struct{ o AuthenticatorOptions[U] }

// NewAuthenticator returns an Authenticator. It panics when an option is
// missing.
func NewAuthenticator[U any](o AuthenticatorOptions[U]) *Authenticator[U] {
	if len(o.Verifiers) == 0 {
		panic("token: AuthenticatorOptions.Verifiers is missing; give one from NewVerifier")
	}
	if o.Find == nil {
		panic("token: AuthenticatorOptions.Find is missing; give the function that looks a user up")
	}
	if o.Denied == nil {
		o.Denied = func(context.Context, Claims) (bool, error) { return false, nil }
	}
	return &Authenticator[U]{o}
}

// Name is what [auth.Auth.Credential] says: "token".
func (*Authenticator[U]) Name() string { return "token" }

// Authenticate returns the user of the token in r; ok is false when there is
// none. A bearer token that has not the two dots of a JWT, such as an API key,
// is left to other authenticators. Every refusal is the same 401; keys that
// cannot be fetched are a 503. Tokens in the URL or in a form are not looked
// at (RFC 9700, section 4.3.2).
func (a *Authenticator[U]) Authenticate(ctx context.Context, r *http.Request) (u U, ok bool, err error) {
	token, found, err := bearer(r)
	if err != nil || !found {
		return u, false, err
	}
	c, err := a.verify(ctx, token)
	if err != nil {
		return u, false, answer(err)
	}
	denied, err := a.o.Denied(ctx, c)
	if err != nil {
		return u, false, fmt.Errorf("token: denied: %w", err)
	}
	if denied {
		return u, false, answer(fmt.Errorf("%w: %s of %q", ErrDenied, c.ID, c.Subject))
	}
	u, err = a.o.Find(ctx, c)
	if errors.Is(err, auth.ErrNoUser) {
		return u, false, answer(fmt.Errorf("%w: %w: %q", ErrInvalid, err, c.Subject))
	}
	if err != nil {
		return u, false, fmt.Errorf("token: find %q: %w", c.Subject, err)
	}
	return u, true, nil
}

// verify asks each verifier. What one does not know is not held against the
// token; that one could not be asked is told when none accepts it.
func (a *Authenticator[U]) verify(ctx context.Context, token string) (Claims, error) {
	var failed []error
	for _, v := range a.o.Verifiers {
		c, err := v.Verify(ctx, token)
		if err == nil {
			return c, nil
		}
		if len(a.o.Verifiers) == 1 {
			return Claims{}, err
		}
		failed = append(failed, err)
	}
	return Claims{}, errors.Join(failed...)
}

// bearer returns what may be a JWT. Two credentials are refused: proxies and
// servers disagree on which of them counts.
func bearer(r *http.Request) (token string, found bool, err error) {
	lines := r.Header.Values("Authorization")
	for _, line := range lines {
		scheme, value, _ := strings.Cut(line, " ")
		value = strings.TrimSpace(value)
		if !strings.EqualFold(scheme, "Bearer") || strings.Count(value, ".") != 2 {
			continue
		}
		if len(lines) > 1 || len(r.Header.Values("X-Api-Key")) > 0 {
			return "", false, answer(fmt.Errorf("%w: more than one credential", ErrMalformed))
		}
		return value, true, nil
	}
	return "", false, nil
}

// answer is the 401 of RFC 6750, section 3.1, for every refusal. That a token
// has merely expired is not told either: the client knows from expires_in.
func answer(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return &web.Error{Status: http.StatusServiceUnavailable, Code: "unavailable", Header: http.Header{"Retry-After": {"60"}}, Err: err}
	}
	if !errors.Is(err, ErrInvalid) {
		return err
	}
	return &web.Error{
		Status:  http.StatusUnauthorized,
		Code:    "invalid_token",
		Message: "The access token is not valid.",
		Header:  http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}},
		Err:     err,
	}
}
