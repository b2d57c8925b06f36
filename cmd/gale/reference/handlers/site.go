package handlers

import (
	"context"
	"net/http"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/obs"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/view"
	"github.com/galeweb/gale/web"
)

// Site is what all pages share.
type Site struct {
	Views *view.Set
	Auth  *auth.Auth[models.Caller]
	Audit *audit.Log
	Apps  *services.Apps
	// Sessions are those of all users, Watchers what these have open besides.
	Sessions *session.Manager
	Watchers Watchers
	// Lacks is what who asks must do before anything else.
	Lacks func(ctx context.Context) services.Lack
	URL   func(name string, pairs ...string) (string, error)
}

// Shared is .App in every template.
type Shared struct {
	User    *models.Caller // nil for visitors
	Flashes []session.Flash
	Origin  string // scheme and host, for the examples on the pages
	Outbox  string // in development, where mails are shown
	// PasskeyHint is where passkeys work when they do not where links lead.
	PasskeyHint string
	// Providers are those that people may sign in with.
	Providers ProviderPages
	// Open reports whether visitors may make accounts, and First whether nobody
	// has one yet.
	Open, First bool
	// Held is true for who must set up or show a second factor first.
	Held bool

	grants auth.Grants
}

// May reports whether who asks has the permission; a misspelt one is an error.
func (s Shared) May(permission string) (bool, error) { return s.grants.Can(permission) }

// App returns what every page needs of a request; it is the view's Options.App.
// Outbox is the path of the page with the mails, or "", and passkeyHint Shared.PasskeyHint.
func App(a *auth.Auth[models.Caller], lacks func(context.Context) services.Lack, outbox, passkeyHint string, providers ProviderPages, accounts *services.Accounts) func(*http.Request) any {
	return func(r *http.Request) any {
		ctx := r.Context()
		s := Shared{grants: a.Grants(ctx), Origin: "http://" + r.Host, Outbox: outbox, PasskeyHint: passkeyHint, Providers: providers, Held: lacks(ctx) != services.Nothing}
		if middleware.IsHTTPS(r) {
			s.Origin = "https://" + r.Host
		}
		first, err := accounts.IsNew(ctx) // asks the database until there is one
		if err != nil {
			obs.Logger(ctx).WarnContext(ctx, "it is not known whether there is an account", "err", err)
		}
		s.First, s.Open = first, first || accounts.Open
		if u, ok := a.User(ctx); ok {
			s.User = &u
			s.Flashes = session.From(ctx).Flashes()
		}
		return s
	}
}

// Redirect goes to a named route after a form was taken.
func (s *Site) Redirect(w http.ResponseWriter, r *http.Request, name string, pairs ...string) error {
	u, err := s.URL(name, pairs...)
	if err != nil {
		return err
	}
	return web.Redirect(w, r, u, http.StatusSeeOther)
}

// Codes of errors that end the way of who comes from an app.
const (
	AppDisabled = "client_disabled" // as package galeoidc has it
	AppMistaken = "app_request"
)

// RenderError shows an error as a page; it is the renderer of the pages. When
// the page itself cannot be made, the plain one of package web is shown.
func (s *Site) RenderError(w http.ResponseWriter, r *http.Request, e *web.Error) {
	data := struct {
		Status                    int
		Title, Message, RequestID string
	}{e.Status, http.StatusText(e.Status), e.Message, obs.RequestFrom(r.Context()).ID()}
	switch {
	case e.Code == AppDisabled:
		data.Title, data.Message = "This app is disabled", "An admin has turned it off, and it gets no access. Ask an admin here, or whoever runs the app."
	case e.Code == AppMistaken:
		data.Title, data.Message = "The app cannot go on", "It sent you here with a request that is not right, or is over, and got nothing. Go back to it and start again; "+
			"if that does not help, tell whoever runs it: "+e.Message
	case e.Status == http.StatusNotFound:
		data.Title, data.Message = "Nothing here", "The address may be wrong, or what it named may be private or gone."
	case e.Status >= 500 && e.Code == "":
		data.Title, data.Message = "That went wrong", "It is our fault and has been noted. Try again in a moment."
	}
	if err := s.Views.Render(w, r, e.Status, "error", data); err != nil {
		obs.Logger(r.Context()).ErrorContext(r.Context(), "error page failed", "err", err)
		web.Pages{}.RenderError(w, r, e)
	}
}
