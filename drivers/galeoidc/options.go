package galeoidc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/galeweb/gale/web"
)

// ErrNoUser is returned by [Users.Claims] for a user who is gone or blocked:
// the user's tokens then end.
var ErrNoUser = errors.New("galeoidc: no such user")

// Session is who is signed in to the application.
type Session struct {
	// UserID is the sub of tokens. It must never be given to another user.
	UserID string
	// AuthTime is when the user last proved who they are.
	AuthTime time.Time
}

// Claims are what a client may know of a user. A field is sent only when its
// scope was granted.
type Claims struct {
	// Name, PreferredUsername, Picture and Locale need the scope profile.
	Name, PreferredUsername, Picture, Locale string
	// Updated needs profile too. The zero value is not sent.
	Updated time.Time
	// Email and EmailVerified need the scope email.
	Email         string
	EmailVerified bool
}

// Users are those of the application.
type Users interface {
	// Session returns who is signed in in the browser that sent r; ok is false
	// when nobody is.
	Session(r *http.Request) (s Session, ok bool, err error)
	// Claims returns what is known of a user, or [ErrNoUser]. It is asked for
	// each token, so that a blocked user gets no more; about a token of a client
	// for itself, of [Client].CreatedBy.
	Claims(ctx context.Context, userID string) (Claims, error)
}

// Options configure a [Server]. Issuer, Keys, Store, Users, LoginURL and
// ConsentURL are required.
type Options struct {
	// Issuer is the address of the server, from the configuration, such as
	// "https://app.example.com/oauth", without a slash at its end. http is
	// accepted for this machine's loopback only, by address or as localhost.
	Issuer string
	// Keys sign tokens; see [RingKeys].
	Keys SigningKeys
	// Store keeps clients, tokens and grants.
	Store *Store
	// Users are those of the application.
	Users Users
	// LoginURL is the page to sign in at. next is a path of this server, to go
	// on at afterwards. With fresh, the page must ask for the password, or the
	// passkey, even of a user who is signed in.
	LoginURL func(next string, fresh bool) string
	// ConsentURL is the page that asks the user, with [Server.Request], and
	// answers by [Server.Approve] or [Server.Deny].
	ConsentURL func(requestID string) string
	// Scopes are those that the server knows, besides openid, profile, email and
	// offline_access. They are in the metadata.
	Scopes []string
	// Audience is the aud of access tokens: the identifiers of the resource
	// servers. Defaults to the issuer.
	Audience []string
	// AccessLifetime is that of access tokens and ID tokens. Defaults to 10
	// minutes; at most 24 hours.
	AccessLifetime time.Duration
	// RefreshIdle is how long a refresh token may lie unused. Defaults to 30
	// days.
	RefreshIdle time.Duration
	// RefreshLifetime is when the user must approve again, however often the
	// tokens were refreshed. Defaults to 180 days.
	RefreshLifetime time.Duration
	// Throttle is called for each attempt at a client's secret and calls verify,
	// or refuses with an error, such as that of auth.Throttle, whose status is
	// answered. Defaults to no limit, which is enough for the secrets made here.
	Throttle func(r *http.Request, clientID string, verify func(context.Context) (bool, error)) (bool, error)
	// Refused is told of each client that did not authenticate, to be written
	// down; bound how often. What Throttle refuses, and requests that name no
	// client, are not told. Optional.
	Refused func(ctx context.Context, r Refusal)
	// ErrorPage shows people what keeps the authorization endpoint from sending
	// them back to the client, such as a redirect address that is not the
	// client's. Its Code is that of OAuth. Programs get JSON. Defaults to
	// [web.Pages].
	ErrorPage web.Renderer
	// Clock tells the time, also to Store. Defaults to [time.Now].
	Clock func() time.Time
}

// The lifetimes that are no option.
const (
	requestLifetime = 30 * time.Minute // for a person to sign in, and to read
	codeLifetime    = time.Minute
	sweepEvery      = time.Minute
)

// The paths below the issuer.
const (
	pathAuthorize  = "/authorize"
	pathResume     = "/authorize/resume"
	pathToken      = "/token"
	pathIntrospect = "/introspect"
	pathRevoke     = "/revoke"
	pathUserinfo   = "/userinfo"
	pathJWKS       = "/jwks"
	pathDiscovery  = "/.well-known/openid-configuration"
	pathMetadata   = "/.well-known/oauth-authorization-server"
)

// Server is the handler of all endpoints. It is safe for concurrent use.
type Server struct {
	o       Options
	prefix  string // the path of the issuer
	handler http.Handler
	encoder issEncoder
	swept   atomic.Int64 // Unix milliseconds
}

// New returns the server. It panics when something required is missing, and
// returns an error when the issuer, which comes from the configuration, is not
// an address that can be one.
func New(o Options) (*Server, error) {
	switch {
	case o.Keys == nil:
		panic("galeoidc: Options.Keys is missing; use RingKeys")
	case o.Store == nil:
		panic("galeoidc: Options.Store is missing; use NewStore")
	case o.Users == nil:
		panic("galeoidc: Options.Users is missing")
	case o.LoginURL == nil || o.ConsentURL == nil:
		panic("galeoidc: Options.LoginURL and Options.ConsentURL are needed")
	case o.AccessLifetime < 0 || o.AccessLifetime > 24*time.Hour || o.RefreshIdle < 0 || o.RefreshLifetime < 0:
		panic("galeoidc: a lifetime is negative, or that of access tokens over 24 hours")
	}
	for _, s := range o.Scopes {
		if !scopeToken(s) {
			panic(fmt.Sprintf("galeoidc: Options.Scopes: %q is not a scope", s))
		}
	}
	u, err := issuer(o.Issuer)
	if err != nil {
		return nil, err
	}
	o.Scopes = unique(append([]string{scopeOpenID, scopeProfile, scopeEmail, scopeOffline}, o.Scopes...))
	if len(o.Audience) == 0 {
		o.Audience = []string{o.Issuer}
	}
	if o.AccessLifetime == 0 {
		o.AccessLifetime = 10 * time.Minute
	}
	if o.RefreshIdle == 0 {
		o.RefreshIdle = 30 * 24 * time.Hour
	}
	if o.RefreshLifetime == 0 {
		o.RefreshLifetime = 180 * 24 * time.Hour
	}
	if o.ErrorPage == nil {
		o.ErrorPage = web.Pages{}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o.Store.clock.Store(&o.Clock)
	s := &Server{o: o, prefix: u.EscapedPath(), encoder: issEncoder{oidc.NewEncoder(), o.Issuer}}
	s.handler = op.RegisterServer(endpoints{s: s}, op.Endpoints{
		Authorization: op.NewEndpoint(pathAuthorize),
		Token:         op.NewEndpoint(pathToken),
		Introspection: op.NewEndpoint(pathIntrospect),
		Userinfo:      op.NewEndpoint(pathUserinfo),
		Revocation:    op.NewEndpoint(pathRevoke),
		JwksURI:       op.NewEndpoint(pathJWKS),
	}, op.WithEncoder(s.encoder), op.WithServerCORSOptions(nil))
	return s, nil
}

// issuer checks the address as RFC 8414, section 2, asks.
func issuer(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.ContainsAny(address, "?#") || u.String() != address || strings.HasSuffix(u.Path, "/") {
		return nil, fmt.Errorf("galeoidc: issuer %q is not an absolute URL without user, query, fragment and final slash", address)
	}
	local := u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost") || net.ParseIP(u.Hostname()).IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return nil, fmt.Errorf("galeoidc: issuer %q must begin with https://; http is for loopback only", address)
	}
	return u, nil
}

// Patterns are the paths to route to the server, with the methods that it
// answers itself. Cross-origin checks must leave POST of token, introspect,
// revoke and userinfo alone: pages of other sites call them, and none acts by a
// cookie.
func (s *Server) Patterns() []string {
	all := []string{pathMetadata + s.prefix}
	for _, p := range []string{
		pathAuthorize, pathResume, pathToken, pathIntrospect, pathRevoke, pathUserinfo, pathJWKS, pathDiscovery,
	} {
		all = append(all, s.prefix+p)
	}
	slices.Sort(all)
	return all
}

// issEncoder adds the issuer to every answer that goes through the browser, so
// that a client which uses several servers knows whose it is (RFC 9207).
type issEncoder struct {
	inner interface {
		Encode(src any, dst map[string][]string) error
	}
	issuer string
}

// Encode implements op's Encoder.
func (e issEncoder) Encode(src any, dst map[string][]string) error {
	if err := e.inner.Encode(src, dst); err != nil {
		return err
	}
	dst["iss"] = []string{e.issuer}
	return nil
}
