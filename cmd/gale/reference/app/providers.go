package app

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/galeweb/gale/auth/oauth"
	"github.com/galeweb/gale/cmd/gale/reference/config"
	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/ratelimit"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/web"
)

// providersOf returns the providers that the configuration names, in the order
// of their buttons. Their names are in addresses and in the database.
func providersOf(c config.Providers) (all []oauth.Provider) {
	if c.OIDCID != "" {
		p := oauth.OIDC("oidc", c.OIDCIssuer, c.OIDCID, c.OIDCSecret)
		p.Label = cmp.Or(c.OIDCName, "single sign-on")
		all = append(all, p)
	}
	if c.GoogleID != "" {
		all = append(all, oauth.Google(c.GoogleID, c.GoogleSecret))
	}
	if c.MicrosoftID != "" {
		all = append(all, oauth.Microsoft(cmp.Or(c.MicrosoftTenant, "common"), c.MicrosoftID, c.MicrosoftSecret))
	}
	if c.GitHubID != "" {
		all = append(all, oauth.GitHub(c.GitHubID, c.GitHubSecret))
	}
	return all
}

// asksAgain reports whether a provider can prove that it has asked again who it
// is; see oauth.StepUp.
func asksAgain(p oauth.Provider) bool { return p.Name != "google" && p.Name != "github" }

// providers are the pages and the client for those who sign in with an account
// elsewhere. Where the configuration names no provider, the client is nil, and
// nothing of it is routed.
type providers struct {
	pages  *handlers.Providers
	client *oauth.Client
}

func (a *App) newProviders(accounts *handlers.Accounts) *providers {
	pages := &handlers.Providers{
		Accounts: accounts, Newcomers: a.o.Keys.AEAD("sessions.newcomer"), Now: a.o.Now, Due: a.tripRefused(),
		Service: &services.Providers{Accounts: a.accounts, Factors: a.factors, Links: a.store.LinkedAccounts(), Store: a.store},
	}
	all, public := providersOf(a.o.Config.Providers), a.o.Config.Public()
	if len(all) == 0 {
		return &providers{pages: pages}
	}
	client := oauth.New(oauth.Options{
		Providers: all, BaseURL: public, CallbackPath: "/sign-in/with/{provider}/callback", AEAD: a.o.Keys.AEAD("oauth.state"),
		Done: pages.Done, User: pages.Who, Recent: recent, Transport: a.o.Transport, Clock: a.o.Now,
		// Only in development: Validate wants https in production.
		Insecure: strings.HasPrefix(public, "http://") && !a.o.Config.Production(),
	})
	return &providers{pages, client}
}

// tripRefused bounds how much of the audit log trips that are refused can fill, by
// address and of all: anybody can begin some.
func (a *App) tripRefused() func(*http.Request) bool {
	refusals, addr := a.newRefusals("oauth-refusals"), ratelimit.ByAddr(middleware.ClientAddr)
	return func(r *http.Request) bool { return refusals.due(r.Context(), addr(r)) }
}

// public routes what visitors ask for.
func (p *providers) public(r *router.Router, limit limits) {
	if p.client == nil {
		return
	}
	get, post := method(r.Get), method(r.Post)
	get("/sign-in/with/{provider}", p.pages.Trip(p.start(oauth.SignIn, nil))).Name("sign-in.with")
	get("/sign-up/with", p.pages.JoinPage).Name("join")
	post("/sign-up/with", p.pages.Join)
	r.Group("", func(r *router.Router) {
		r.Use(limit.proofs) // each asks the provider
		method(r.Get)("/sign-in/with/{provider}/callback", p.pages.Trip(p.each(nil, p.client.Callback)))
	})
}

// private routes what users ask for.
func (p *providers) private(r *router.Router) {
	if p.client == nil {
		return
	}
	method(r.Get)("/confirm/with/{provider}", p.start(oauth.StepUp, asksAgain)).Name("confirm.with")
}

// linking routes what asks for a proof of a moment ago.
func (p *providers) linking(r *router.Router) {
	if p.client == nil {
		return
	}
	get, post := method(r.Get), method(r.Post)
	get("/profile/linked/new", p.pages.NewLinkPage).Name("linked.new")
	get("/profile/linked/new/{provider}", p.start(oauth.Link, nil)).Name("linked.new.with")
	post("/profile/linked/remove", p.pages.Unlink).Name("linked.remove")
}

func (p *providers) start(purpose oauth.Purpose, only func(oauth.Provider) bool) web.HandlerFunc {
	return p.each(only, func(name string) web.HandlerFunc { return p.client.Start(name, purpose) })
}

// each has the handler of the provider that the path names answer.
func (p *providers) each(only func(oauth.Provider) bool, of func(name string) web.HandlerFunc) web.HandlerFunc {
	all := map[string]web.HandlerFunc{}
	for _, provider := range p.client.Providers() {
		if only == nil || only(provider) {
			all[provider.Name] = of(provider.Name)
		}
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		h, ok := all[r.PathValue("provider")]
		if !ok {
			return &web.Error{Status: http.StatusNotFound}
		}
		return h(w, r)
	}
}

// name tells the pages where everything is, once it is routed.
func (p *providers) name(r *router.Router) (handlers.ProviderPages, error) {
	if p.client == nil {
		return handlers.ProviderPages{}, nil
	}
	var failed error
	at := func(name string, pairs ...string) string {
		path, err := r.URL(name, pairs...)
		failed = cmp.Or(failed, err)
		return path
	}
	pages := &p.pages.Pages
	pages.Join, pages.NewLink, pages.Unlink = at("join"), at("linked.new"), at("linked.remove")
	for _, provider := range p.client.Providers() {
		to := handlers.Provider{
			Name: provider.Name, Label: provider.Label,
			SignIn: at("sign-in.with", "provider", provider.Name), Link: at("linked.new.with", "provider", provider.Name),
		}
		if asksAgain(provider) {
			to.Confirm = at("confirm.with", "provider", provider.Name)
		}
		pages.All = append(pages.All, to)
	}
	return *pages, failed
}

// recentWithoutPassword asks users who have no password for a proof of a moment
// ago, before forms that ask all others for the password.
func (a *App) recentWithoutPassword(next http.Handler) http.Handler {
	guarded := a.auth.RequireRecent(recent)(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := a.auth.User(r.Context()); ok && c.PasswordHash == "" {
			guarded.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
