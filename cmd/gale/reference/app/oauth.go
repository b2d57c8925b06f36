package app

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/token"
	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/handlers/admin"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/web"
)

// oauthPath is where the OAuth server is.
const oauthPath = "/oauth"

// oauthOrigin is where the OAuth server and the API are, in tokens. An address of
// a network, by plain http, cannot be that of an issuer: apps then work where
// relay is opened at localhost, as passkeys do.
func (a *App) oauthOrigin() string {
	public := a.o.Config.Public()
	if u, err := url.Parse(public); err == nil && u.Scheme == "http" {
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !ip.IsLoopback() {
			_, public = relyingParty(public)
		}
	}
	return public
}

// api is the name of relay's API in access tokens.
func (a *App) api() string { return a.oauthOrigin() + "/api/v1" }

// newApps builds the OAuth server.
func (a *App) newApps() (*services.Apps, error) {
	apps := &services.Apps{
		Store: galeoidc.NewStore(a.o.DB), Accounts: a.accounts, Issuer: a.oauthOrigin() + oauthPath,
		Ended: a.KeyRevoked, Stopped: a.appStopped, Standing: a.store, Audit: a.audit, May: a.may,
	}
	var err error
	apps.Server, err = galeoidc.New(galeoidc.Options{
		Issuer: apps.Issuer, Audience: []string{a.api()}, Keys: galeoidc.RingKeys(a.o.Keys),
		Store: apps.Store, Users: oauthUsers{a}, Scopes: services.AppScopes(), LoginURL: oauthLogin, Clock: a.o.Now,
		Refused: a.appRefused, ErrorPage: oauthErrors{},
		ConsentURL: func(id string) string { return "/consent?request=" + url.QueryEscape(id) },
	})
	return apps, err
}

// oauthLogin is the page to sign in at, or to show once more who it is. From it
// the browser comes to a page that goes on to next: browsers apply the policy
// for the form of the first to all redirects that follow, and would not go on to
// an app.
func oauthLogin(next string, fresh bool) string {
	page := "/sign-in"
	if fresh {
		page = "/sign-in/again"
	}
	return page + "?next=" + url.QueryEscape("/consent/continue?next="+url.QueryEscape(next))
}

// oauthErrors shows who came from an app what keeps them from going back to it.
type oauthErrors struct{}

// RenderError implements [web.Renderer].
func (oauthErrors) RenderError(w http.ResponseWriter, r *http.Request, e *web.Error) {
	switch {
	case e.Status >= http.StatusInternalServerError:
		e.Code = "" // ours, and the page says so
	case e.Code == "unauthorized_client":
		e.Code = handlers.AppDisabled
	default:
		e.Code = handlers.AppMistaken
	}
	web.Fail(w, r, e)
}

// oauthUsers are relay's users as the OAuth server sees them.
type oauthUsers struct{ a *App }

// Session implements galeoidc.Users.
func (o oauthUsers) Session(r *http.Request) (galeoidc.Session, bool, error) {
	s, ok := o.a.oauthSession(r)
	return s, ok, nil
}

// oauthSession is who is signed in; keys and tokens do not count.
func (a *App) oauthSession(r *http.Request) (galeoidc.Session, bool) {
	ctx := r.Context()
	c, ok := a.auth.User(ctx)
	if !ok || c.KeyName != "" {
		return galeoidc.Session{}, false
	}
	return galeoidc.Session{UserID: c.ID, AuthTime: a.auth.AuthenticatedAt(ctx)}, true
}

// Claims implements galeoidc.Users. Apps lose the access to a user who is blocked,
// or has no second factor and must have one. The address of the very first account
// counts as proved once its owner has followed a link: apps know people by it.
func (o oauthUsers) Claims(ctx context.Context, id string) (galeoidc.Claims, error) {
	u, err := o.a.accounts.Store.User(ctx, id)
	if isNotFound(err) || err == nil && (u.Disabled || o.a.required.Lacks(u, true) != services.Nothing) {
		return galeoidc.Claims{}, galeoidc.ErrNoUser
	}
	return galeoidc.Claims{Name: u.Name, PreferredUsername: u.Name, Email: u.Email, EmailVerified: !u.Unproved}, err
}

// credentials are what programs come with: API keys, and the access tokens of
// relay's own OAuth server, which are checked in memory and end at once when
// they are revoked.
func (a *App) credentials() []auth.Authenticator[models.Caller] {
	s := a.apps.Server
	return []auth.Authenticator[models.Caller]{a.apiKeys, token.NewAuthenticator(token.AuthenticatorOptions[models.Caller]{
		Verifiers: []*token.Verifier{s.Verifier(a.api())}, Find: a.findToken, Denied: s.Denied,
	})}
}

// findToken is the user that an app acts for: with a token of its own, the admin
// who has registered it, as if it had a key of theirs. Packets show under the
// id of the app, since names of apps are not unique.
func (a *App) findToken(ctx context.Context, c token.Claims) (models.Caller, error) {
	user := c.Subject
	if c.Subject == c.ClientID { // no id of a user is one of an app: both are random and made here
		app, err := a.apps.Store.Client(ctx, c.ClientID)
		if errors.Is(err, galeoidc.ErrNoClient) {
			return models.Caller{}, auth.ErrNoUser
		}
		if err != nil {
			return models.Caller{}, handlers.Told(err)
		}
		user = app.CreatedBy
	}
	caller, err := a.findUser(ctx, user)
	caller.KeyName, caller.Token, caller.Scopes, caller.Limited, caller.Until = c.ClientID, c.ID, c.Scopes, true, c.Expires
	return caller, err
}

// forPrograms reports whether an endpoint of the OAuth server is called by
// programs, which it knows by itself, and not by the browsers of users.
func (a *App) forPrograms(path string) bool {
	return !strings.HasPrefix(path, oauthPath+"/authorize") && slices.Contains(a.apps.Server.Patterns(), path)
}

// besideOAuth applies a middleware to everything but those endpoints.
func (a *App) besideOAuth(mw func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		other := mw(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "oauth") && a.forPrograms(r.URL.Path) {
				next.ServeHTTP(w, r)
			} else {
				other.ServeHTTP(w, r)
			}
		})
	}
}

// CrossOrigin lets the pages of others post to where their apps do, and nowhere
// else; no cookie counts there.
func (*App) CrossOrigin() middleware.CrossOriginOptions {
	var o middleware.CrossOriginOptions
	for _, endpoint := range []string{"/token", "/introspect", "/revoke", "/userinfo"} {
		o.Bypass = append(o.Bypass, "POST "+oauthPath+endpoint)
	}
	return o
}

// oauthServer routes to the OAuth server.
func (a *App) oauthServer(r *router.Router, limit limits) {
	s := a.apps.Server
	add := func(programs bool, reason string, mws ...func(http.Handler) http.Handler) {
		r.Group("", func(r *router.Router) {
			r.Use(append(mws, auth.Public(reason))...)
			for _, pattern := range s.Patterns() {
				if a.forPrograms(pattern) == programs {
					r.Handle(pattern, s)
				}
			}
		})
	}
	add(false, "asks who is signed in, and for consent", a.peopleOnly, limit.asked)
	add(true, "knows apps by their secrets and tokens", web.WithRenderer(web.Problems{}), limit.tokens)
}

// oauthPublic is the pages between an app and signing in.
func oauthPublic(r *router.Router, apps *handlers.Apps) {
	get := method(r.Get)
	get("/sign-in/again", apps.SignInAgain).Name("sign-in.again")
	get("/consent/continue", apps.Continue).Name("consent.continue")
}

// oauthPrivate is where users allow apps, and admins say which there are.
func (a *App) oauthPrivate(r *router.Router, apps *handlers.Apps, clients *admin.Clients) {
	r.Group("", func(r *router.Router) {
		// An app stays when the session has ended, as a key does: a browser that was
		// left open must not be enough to let one in.
		r.Use(a.auth.RequireRecent(recent))
		get, post := method(r.Get), method(r.Post)
		get("/consent", apps.Ask).Name("consent")
		post("/consent", apps.Answer)
	})
	r.Group("", func(r *router.Router) {
		r.Use(a.auth.Required)
		get, post := method(r.Get), method(r.Post)
		get("/profile/access", apps.Show).Name("access")
		post("/profile/access/{id}/revoke", apps.Revoke).Name("access.revoke")
	})
	r.Group("/admin", func(r *router.Router) {
		r.Use(a.auth.Require(services.MayAdmin))
		method(r.Get)("/clients", clients.Show).Name("clients")
		r.Group("", func(r *router.Router) {
			r.Use(a.auth.RequireRecent(recent))
			get, post := method(r.Get), method(r.Post)
			get("/clients/new", clients.New).Name("clients.new")
			post("/clients", clients.Create).Name("clients.create")
			get("/clients/{id}", clients.Edit).Name("clients.edit")
			post("/clients/{id}", clients.Change)
			post("/clients/{id}/disable", clients.Disable).Name("clients.disable")
			post("/clients/{id}/enable", clients.Enable).Name("clients.enable")
			post("/clients/{id}/rotate", clients.Rotate).Name("clients.rotate")
			post("/clients/{id}/delete", clients.Delete).Name("clients.delete")
		})
	})
}
