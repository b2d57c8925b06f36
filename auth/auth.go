package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/galeweb/gale/internal/ctxkey"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/session"
)

var (
	// ErrNoUser is what Options.Find returns for an id that no user has.
	ErrNoUser = errors.New("auth: no such user")
	// ErrInactive is returned by [Auth.SignIn] for a user whom Options.Active
	// refuses.
	ErrInactive = errors.New("auth: user is not active")
)

// Authenticator finds the user by a credential in the request itself, such as
// an API key. It is safe for concurrent use.
type Authenticator[U any] interface {
	// Authenticate returns ok false when r brings no credential of this kind.
	// A credential that is wrong is an error, best a [*web.Error] with status
	// 401 and a WWW-Authenticate header.
	Authenticate(ctx context.Context, r *http.Request) (u U, ok bool, err error)
}

// Options configure an [Auth] for users of type U.
type Options[U any] struct {
	// Sessions keeps people signed in. Optional: an API may do with
	// Authenticators.
	Sessions *session.Manager
	// Find returns the user with an id, or [ErrNoUser]. It is called for each
	// request of a signed-in user, so that changes apply at once. Required
	// with Sessions.
	Find func(ctx context.Context, id string) (U, error)
	// ID returns the id that Find understands. It must be unique and never
	// given to another user. Required.
	ID func(U) string
	// Active reports whether the user may be signed in. One who may not is
	// signed out in effect, at the next request. Defaults to everyone.
	Active func(U) bool
	// Roles returns the user's roles. Defaults to none.
	Roles func(U) []string
	// Permissions lists what each role may do. "*" stands for every
	// permission that is listed somewhere. A role that is not here may do
	// nothing.
	Permissions map[string][]string
	// LoginURL is where people who must sign in are sent, with the parameter
	// next; see [Next]. Defaults to "/login".
	LoginURL string
	// Authenticators are asked in this order, before the session.
	Authenticators []Authenticator[U]
}

// Auth knows who makes a request and what they may do. It is safe for
// concurrent use.
type Auth[U any] struct {
	o       Options[U]
	login   *url.URL
	granted map[string]map[string]bool // role to permissions
	known   map[string]bool            // permissions listed somewhere
	key     ctxkey.Key[*principal[U]]
}

// principal is who makes the request, as far as is known.
type principal[U any] struct {
	mu     sync.Mutex
	user   U
	known  bool
	grants map[string]bool
}

// New returns an Auth. It panics when an option is missing or contradicts
// another.
func New[U any](o Options[U]) *Auth[U] {
	switch {
	case o.ID == nil:
		panic("auth: Options.ID is missing; give the function that returns a user's id")
	case o.Sessions == nil && len(o.Authenticators) == 0:
		panic("auth: neither Options.Sessions nor Authenticators; nobody could ever sign in")
	case o.Sessions != nil && o.Find == nil:
		panic("auth: Options.Find is missing; sessions know only the user's id")
	case o.Roles == nil && len(o.Permissions) > 0:
		panic("auth: Options.Permissions without Roles; nobody could ever be granted one")
	}
	if o.Active == nil {
		o.Active = func(U) bool { return true }
	}
	if o.Roles == nil {
		o.Roles = func(U) []string { return nil }
	}
	if o.LoginURL == "" {
		o.LoginURL = "/login"
	}
	login, err := url.Parse(o.LoginURL)
	if err != nil {
		panic("auth: Options.LoginURL is not a URL; use a path such as /login")
	}
	a := &Auth[U]{o: o, login: login, key: ctxkey.New[*principal[U]]("auth.Auth")}
	a.known, a.granted = resolve(o.Permissions)
	return a
}

// set makes u the principal, nobody when ok is false.
func (a *Auth[U]) set(ctx context.Context, p *principal[U], u U, ok bool) {
	var id string
	var grants map[string]bool
	if ok {
		id, grants = a.o.ID(u), a.grants(u)
	}
	p.mu.Lock()
	p.user, p.known, p.grants = u, ok, grants
	p.mu.Unlock()
	obs.RequestFrom(ctx).SetUser(id)
}

// principal panics in the name of a caller for whom a missing Identify would
// be a hole or a riddle.
func (a *Auth[U]) principal(ctx context.Context, caller string) *principal[U] {
	p, ok := a.key.Value(ctx)
	if !ok {
		panic("auth: " + caller + " outside of Identify; put Identify around the router")
	}
	return p
}

// User returns who makes the request; ok is false when nobody is signed in,
// and outside of [Auth.Identify].
func (a *Auth[U]) User(ctx context.Context) (u U, ok bool) {
	p, found := a.key.Value(ctx)
	if !found {
		return u, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.user, p.known
}

// MustUser returns who makes the request, in handlers behind [Auth.Required]
// or [Auth.Require]. It panics when nobody is signed in.
func (a *Auth[U]) MustUser(ctx context.Context) U {
	u, ok := a.User(ctx)
	if !ok {
		panic("auth: MustUser with nobody signed in; put Required or Require before the handler")
	}
	return u
}

// SignIn makes u the user of this session and request. Call it after the
// password, and every further factor, was found right. The session gets a new
// token. A user who is not active is refused with [ErrInactive].
func (a *Auth[U]) SignIn(ctx context.Context, u U) error {
	p := a.principal(ctx, "SignIn")
	if a.o.Sessions == nil {
		panic("auth: SignIn without Options.Sessions; set it")
	}
	if !a.o.Active(u) {
		return ErrInactive
	}
	if err := session.From(ctx).SignIn(ctx, a.o.ID(u)); err != nil {
		return fmt.Errorf("auth: sign in: %w", err)
	}
	a.set(ctx, p, u, true)
	return nil
}

// SignOut ends the session. From then on nobody is signed in.
func (a *Auth[U]) SignOut(ctx context.Context) error {
	p := a.principal(ctx, "SignOut")
	if a.o.Sessions == nil {
		panic("auth: SignOut without Options.Sessions; set it")
	}
	if err := session.From(ctx).SignOut(ctx); err != nil {
		return fmt.Errorf("auth: sign out: %w", err)
	}
	var nobody U
	a.set(ctx, p, nobody, false)
	return nil
}
