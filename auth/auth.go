package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/galeweb/gale/internal/believed"
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
	// ErrNoPending is in the error of [Auth.SignIn] for a second factor
	// without the first.
	ErrNoPending = errors.New("auth: second factor without a pending sign-in of this user")
)

// Authenticator finds the user by a credential in the request itself, such as
// an API key. It is safe for concurrent use. One with a method Name() string
// gives [Auth.Credential] its name.
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
	// FindAge is how long a user that Find has returned is believed, of those
	// asked for last: another process that changes or disables the user is
	// noticed here after so long, and this one at once when it calls
	// [Auth.Forget]. Requests then share U, so nobody may change what it points
	// to. Defaults to 0: each request asks.
	FindAge time.Duration
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
	// nothing, unless PermissionsOf knows it.
	Permissions map[string][]string
	// PermissionsOf returns what a role may do, in place of Permissions, which
	// then only lists what exists: roles.Roles has one, for roles that are
	// changed at run time. It is called for each request, and must be quick;
	// the set must not be changed afterwards. Optional.
	PermissionsOf func(role string) map[string]bool
	// RoleNames returns the roles that PermissionsOf knows, for
	// [Explanation].Grantors. Defaults to those of Permissions.
	RoleNames func() []string
	// Scopes returns the permissions to which u is limited, for a user who
	// came by an API key or a token with less than all rights of its owner;
	// limited is false for others. "*" stands for all. A scope grants nothing
	// by itself. Defaults to no limits.
	Scopes func(u U) (scopes []string, limited bool)
	// Refused is told of each time that a user may not do something: the 403 of a
	// guard or of [Auth.Allow]. It is called before the answer, and must be quick
	// and bound what it keeps, since clients can have it called at will. Optional.
	Refused func(ctx context.Context, r Refusal[U])
	// Stamp returns a text that changes whenever u's password or second
	// factors do, such as a counter or the password's hash. It ends sign-ins
	// that are half done, and sessions that were begun, by [Auth.SignIn], when
	// it was another: those too that begin while a password is changed, and by
	// the old one. Whoever makes the change stays by [Auth.Rebind]. It is called
	// for each request with a session. Only its SHA-256 is kept. Required by
	// [Auth.Begin]; without it a session outlives the password unless
	// [session.Manager.RevokeAll] ends it.
	Stamp func(u U) string
	// LoginURL is where people who must sign in are sent, with the parameter
	// next; see [Next]. Defaults to "/login".
	LoginURL string
	// ConfirmURL is where people are sent who must prove again that it is
	// they, see [Auth.RequireRecent]. Defaults to "/confirm".
	ConfirmURL string
	// Authenticators are asked in this order, before the session.
	Authenticators []Authenticator[U]
	// Clock tells the time. Defaults to [time.Now].
	Clock func() time.Time
}

// Auth knows who makes a request and what they may do. It is safe for
// concurrent use.
type Auth[U any] struct {
	o       Options[U]
	login   *url.URL
	confirm *url.URL
	granted map[string]map[string]bool // role to permissions
	known   map[string]bool            // permissions listed somewhere
	key     ctxkey.Key[*principal[U]]
	found   *believed.Cache[string, U] // nil without FindAge
}

// principal is who makes the request, as far as is known.
type principal[U any] struct {
	node ctxkey.Node[*principal[U]]
	mu   sync.Mutex
	identity[U]
	pending *pending[U]
}

// identity is a user, and how it is known that the request is theirs.
type identity[U any] struct {
	user       U
	known      bool
	credential string
	session    *session.Session // nil for a credential
	rights     rights
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
	case o.PermissionsOf != nil && len(o.Permissions) == 0:
		panic("auth: Options.PermissionsOf without Permissions; what they do not list is denied")
	}
	if o.FindAge < 0 {
		panic("auth: Options.FindAge is negative; leave it 0 to ask for each request")
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
	if o.ConfirmURL == "" {
		o.ConfirmURL = "/confirm"
	}
	login, err := url.Parse(o.LoginURL)
	if err != nil {
		panic("auth: Options.LoginURL is not a URL; use a path such as /login")
	}
	confirm, err := url.Parse(o.ConfirmURL)
	if err != nil {
		panic("auth: Options.ConfirmURL is not a URL; use a path such as /confirm")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	a := &Auth[U]{o: o, login: login, confirm: confirm, key: ctxkey.New[*principal[U]]("auth.Auth")}
	a.known, a.granted = resolve(o.Permissions)
	if o.FindAge > 0 && o.Find != nil {
		a.found, a.o.Find = believing(o)
	}
	return a
}

// become makes id the principal; the zero value is nobody.
func (a *Auth[U]) become(ctx context.Context, p *principal[U], id identity[U]) {
	var name string
	if id.known {
		name, id.rights = a.o.ID(id.user), a.rights(id.user)
	}
	p.mu.Lock()
	p.identity, p.pending = id, nil
	p.mu.Unlock()
	obs.RequestFrom(ctx).SetUser(name)
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

// identity returns who makes the request; nobody outside of Identify.
func (a *Auth[U]) identity(ctx context.Context) identity[U] {
	p, ok := a.key.Value(ctx)
	if !ok {
		return identity[U]{}
	}
	return p.who()
}

func (p *principal[U]) who() identity[U] {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.identity
}

// User returns who makes the request; ok is false when nobody is signed in,
// and outside of [Auth.Identify].
func (a *Auth[U]) User(ctx context.Context) (u U, ok bool) {
	id := a.identity(ctx)
	return id.user, id.known
}

// bySession is the [Auth.Credential] of who is signed in.
const bySession = "session"

// Credential returns what says who makes the request: "session", the name of
// an [Authenticator], "credential" for one without a name, or "" for nobody.
func (a *Auth[U]) Credential(ctx context.Context) string { return a.identity(ctx).credential }

// MustUser returns who makes the request, in handlers behind [Auth.Required]
// or [Auth.Require]. It panics when nobody is signed in.
func (a *Auth[U]) MustUser(ctx context.Context) U {
	u, ok := a.User(ctx)
	if !ok {
		panic("auth: MustUser with nobody signed in; put Required or Require before the handler")
	}
	return u
}
