package app

import (
	"context"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/auth/passkey"
	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/handlers/admin"
	"github.com/galeweb/gale/cmd/gale/reference/handlers/takeout"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/cmd/gale/reference/static"
	"github.com/galeweb/gale/cmd/gale/reference/templates"
	"github.com/galeweb/gale/hub"
	"github.com/galeweb/gale/middleware"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/session"
	assets "github.com/galeweb/gale/static"
	"github.com/galeweb/gale/view"
	"github.com/galeweb/gale/web"
)

// routes is everything that relay answers, on one screen.
func (a *App) routes(limit limits) (http.Handler, error) {
	files, err := assets.New(static.Files(), assets.Options{})
	if err != nil {
		return nil, err
	}
	site := handlers.Site{Auth: a.auth, Audit: a.audit, Apps: a.apps, Lacks: a.lacks, Sessions: a.sessions, Watchers: a}
	accounts := &handlers.Accounts{Service: a.accounts, Devices: a.devices}
	profile := &handlers.Profile{Accounts: a.accounts, Keys: a.keys, Now: a.o.Now}
	security := &handlers.Security{Accounts: a.accounts, Devices: a.devices}
	account := &handlers.Account{Accounts: a.accounts, Devices: a.devices}
	export := &takeout.Handler{Accounts: a.accounts, Keys: a.keys}
	outbox := a.outboxPage()
	factors, events := &handlers.Factors{Devices: a.devices}, &admin.Audit{Accounts: a.accounts}
	a.factors = a.newFactors(accounts, factors)
	accounts.Factors, accounts.Trust, factors.Factors, security.Factors, export.Factors = a.factors, a.trust, a.factors, a.factors, a.factors
	elsewhere := a.newProviders(accounts)
	accounts.Linked, security.Linked, export.Links = elsewhere.pages, elsewhere.pages, elsewhere.pages.Service.Links
	users := &admin.Users{Accounts: a.accounts, Factors: a.factors, Roles: a.roles, Keys: a.keys}
	roles := &admin.Roles{Service: a.roles}
	channels := &handlers.Channels{Service: a.channels, Packets: a.packets, Live: a.live}
	api := &handlers.API{Service: a.channels}
	apps, clients := &handlers.Apps{Session: a.oauthSession}, &admin.Clients{}
	packets := &handlers.Packets{Auth: a.auth, Channels: a.channels, Service: a.packets, Rates: a.stored, Now: a.o.Now}

	r, open := router.New(), a.newHeld()
	r.Use(web.WithRenderer(web.Negotiate{People: &site}), beside("/static/", limit.site), beside("/static/", a.besideOAuth(a.auth.Identify)), a.audit.Middleware, a.holdBack(open))
	r.Group("", func(r *router.Router) {
		r.Use(auth.Public("assets"))
		r.Mount("/static", files)
		r.Handle("GET /hub.js", hub.ClientJS())
		r.Handle("GET /passkey.js", passkey.JS()).Name("passkey.js")
	})
	r.Group("", func(r *router.Router) {
		// A page that is left open, and connects again or polls, does not keep its session.
		r.Use(auth.Public("each topic asks who may watch"), session.Unattended)
		r.Handle("GET /live", a.hub.Handler()).Name("live")
		r.Handle("POST /live", a.hub.Handler()) // long-poll
	})

	public := func(r *router.Router) { // for people who are signed out, too
		get, post := method(r.Get), method(r.Post)
		get("/{$}", channels.Home).Name("home")
		get("/api", api.Docs).Name("api")
		get("/channels/{channel}", channels.Show).Name("channel")
		get("/sign-up", accounts.SignUpPage).Name("sign-up")
		get("/sign-up/confirm", accounts.ConfirmSignUpPage).Name("sign-up.confirm")
		post("/sign-up/confirm", accounts.ConfirmSignUp)
		get("/invitation", accounts.InvitationPage).Name("invitation")
		post("/invitation", accounts.AcceptInvitation)
		get("/proof", accounts.ProofPage).Name("account.proof.confirm")
		post("/proof", accounts.Proof)
		get("/sign-in", accounts.SignInPage).Name("sign-in")
		post("/sign-in", accounts.SignIn)
		post("/sign-out", accounts.SignOut).Name("sign-out")
		get("/reset", accounts.AskResetPage).Name("reset")
		get("/reset/confirm", accounts.ResetPage).Name("reset.confirm")
		post("/reset/confirm", accounts.Reset)
		get("/email/{end}", accounts.EmailPage).Name("email")
		post("/email/{end}", accounts.AnswerEmail)
		get("/sign-in/second", accounts.SecondPage).Name("sign-in.second")
		post("/sign-in/second", accounts.Second)
		post("/passkeys/sign-in/begin", a.factors.Passkeys.BeginSignIn).Name("passkeys.sign-in.begin")
		post("/passkeys/confirm/begin", a.factors.Passkeys.BeginConfirm).Name("passkeys.confirm.begin")
		r.Group("", func(r *router.Router) {
			r.Use(limit.proofs)
			post := method(r.Post)
			post("/passkeys/sign-in/finish", a.factors.Passkeys.FinishSignIn).Name("passkeys.sign-in.finish")
			post("/passkeys/confirm/finish", a.factors.Passkeys.FinishConfirm).Name("passkeys.confirm.finish")
		})
		elsewhere.public(r, limit)
		if a.outboxPath() != "" {
			get(a.outboxPath(), outbox.Show)
		}
		r.Group("", func(r *router.Router) {
			r.Use(limit.mail)
			post := method(r.Post)
			post("/sign-up", accounts.SignUp)
			post("/reset", accounts.AskReset)
		})
	}
	private := func(r *router.Router) { // for people who are signed in, by session and never by key
		r.Group("", func(r *router.Router) {
			r.Use(a.auth.Required)
			get, post := method(r.Get), method(r.Post)
			get("/profile", profile.Show).Name("profile")
			post("/profile/name", profile.Rename).Name("profile.rename")
			get("/profile/security", security.Show).Name("security")
			post("/profile/password", security.ChangePassword).Name("profile.password")
			post("/profile/sessions/{id}/revoke", security.RevokeSession).Name("sessions.revoke")
			post("/profile/sessions/revoke", security.RevokeOthers).Name("sessions.revoke-others")
			get("/profile/account", account.Show).Name("account")
			get("/second-factor", factors.RequiredPage).Name("factor")
			get("/confirm", accounts.ConfirmPage).Name("confirm")
			post("/confirm", accounts.Confirm)
			r.Group("", func(r *router.Router) {
				r.Use(a.auth.RequireRecent(recent), limit.costly)
				method(r.Get)("/profile/export", export.Export).Name("account.export")
			})
			r.Group("", func(r *router.Router) {
				r.Use(limit.mail)
				method(r.Post)("/profile/email/proof", accounts.AskProof).Name("account.proof")
			})
			r.Group("", func(r *router.Router) {
				r.Use(a.recentWithoutPassword)
				method(r.Post)("/profile/delete", account.Delete).Name("account.delete")
				r.Group("", func(r *router.Router) {
					r.Use(limit.mail)
					method(r.Post)("/profile/email", account.ChangeEmail).Name("account.email")
				})
			})
			elsewhere.private(r)
		})
		r.Group("", func(r *router.Router) {
			r.Use(a.auth.RequireRecent(recent))
			method(r.Post)("/profile/browsers/forget", factors.ForgetBrowsers).Name("browsers.forget")
		})
		r.Group("", func(r *router.Router) {
			r.Use(a.auth.RequireRecent(recent), a.recentFactor)
			get, post := method(r.Get), method(r.Post)
			get("/profile/apps/new", factors.NewAppPage).Name("apps.new")
			post("/profile/apps", factors.AddApp).Name("apps.add")
			post("/profile/apps/{id}/confirm", factors.ConfirmApp).Name("apps.confirm")
			post("/profile/apps/{id}/remove", factors.RemoveApp).Name("apps.remove")
			get("/profile/passkeys/new", factors.NewPasskeyPage).Name("passkeys.new")
			post("/passkeys/register/begin", a.factors.Passkeys.BeginRegistration).Name("passkeys.register.begin")
			post("/passkeys/register/finish", a.factors.Passkeys.FinishRegistration).Name("passkeys.register.finish")
			post("/profile/passkeys/{id}/rename", factors.RenamePasskey).Name("passkeys.rename")
			post("/profile/passkeys/{id}/remove", factors.RemovePasskey).Name("passkeys.remove")
			get("/profile/recovery", factors.NewCodesPage).Name("codes.new")
			post("/profile/recovery", factors.NewCodes).Name("codes.renew")
			post("/profile/password/remove", security.RemovePassword).Name("profile.password.remove")
			elsewhere.linking(r)
		})
		r.Group("", func(r *router.Router) {
			r.Use(a.auth.Require(services.MayKey), a.auth.RequireRecent(recent))
			post := method(r.Post)
			post("/profile/keys", profile.CreateKey).Name("keys.create")
			post("/profile/keys/{id}/rotate", profile.RotateKey).Name("keys.rotate")
			post("/profile/keys/{id}/revoke", profile.RevokeKey).Name("keys.revoke")
		})
		r.Group("", func(r *router.Router) {
			r.Use(a.auth.Require(services.MayOperate))
			method(r.Post)("/channels", channels.Create).Name("channels.create")
		})
		r.Group("/admin", func(r *router.Router) {
			r.Use(a.auth.Require(services.MayAdmin))
			get, post := method(r.Get), method(r.Post)
			get("/users", users.Show).Name("admin.users")
			get("/users/{id}/why", users.Why).Name("admin.why")
			r.Group("", func(r *router.Router) {
				r.Use(a.auth.RequireRecent(recent))
				post = method(r.Post)
				post("/users/{id}", users.Change).Name("admin.users.change")
				post("/users/{id}/factors", users.ResetFactors).Name("admin.users.factors")
				// The pages too: a form that is refused later would have to be filled in again.
				get := method(r.Get)
				get("/users/invitations", users.Invitations).Name("admin.invitations")
				post("/users/invitations", users.Invite).Name("admin.invitations.add")
				post("/users/invitations/{id}/revoke", users.RevokeInvitation).Name("admin.invitations.revoke")
				get("/roles", roles.Show).Name("admin.roles")
				post("/roles", roles.Add).Name("admin.roles.add")
				post("/roles/{role}", roles.Change).Name("admin.roles.change")
				post("/roles/{role}/factor", roles.RequireFactor).Name("admin.roles.factor")
				post("/roles/{role}/reset", roles.Reset).Name("admin.roles.reset")
				post("/roles/{role}/remove", roles.Remove).Name("admin.roles.remove")
			})
		})
		r.Group("/admin", func(r *router.Router) {
			r.Use(a.auth.Require(services.MayAudit))
			get := method(r.Get)
			get("/audit", events.Show).Name("admin.audit")
			get("/audit.ndjson", events.Export).Name("admin.audit.export")
			r.Group("", func(r *router.Router) {
				r.Use(limit.costly)
				method(r.Post)("/audit/verify", events.Verify).Name("admin.audit.verify")
			})
		})
	}
	r.Group("", func(r *router.Router) {
		r.Use(a.peopleOnly, auth.Public("pages for everybody"))
		public(r)
		oauthPublic(r, apps)
	})
	r.Group("", func(r *router.Router) {
		r.Use(a.peopleOnly, unstored)
		private(r)
		a.oauthPrivate(r, apps, clients)
	})
	a.oauthServer(r, limit)
	r.Group("/api/v1", func(r *router.Router) { // for programs
		r.Use(web.WithRenderer(web.Problems{}), limit.api)
		r.Group("", func(r *router.Router) {
			r.Use(auth.Public("each channel says who may watch"))
			r.Get("/channels", web.JSON(api.List))
			r.Get("/channels/{channel}/packets", web.JSON(packets.List)).Name("api.packets")
			r.Get("/channels/{channel}/packets.ndjson", packets.Export).Name("api.export")
			r.Get("/channels/{channel}/rate", web.JSON(packets.Rate)).Name("api.rate")
		})
		r.Group("", func(r *router.Router) {
			r.Use(a.auth.Require(services.MayOperate))
			r.Post("/channels", web.JSON(api.Create))
		})
		r.Group("", func(r *router.Router) {
			r.Use(a.auth.Require(services.MaySend))
			r.Post("/channels/{channel}/packets", packets.Send)
		})
	})

	if a.accounts.Address, err = linkAddresses(r, a.o.Config.Public()); err != nil {
		return nil, err
	}
	site.URL = r.URL
	pages, err := elsewhere.name(r)
	if err != nil {
		return nil, err
	}
	site.Views, err = a.views(r, files, templates.Files(), pages)
	if err != nil {
		return nil, err
	}
	for _, s := range []*handlers.Site{&accounts.Site, &profile.Site, &security.Site, &account.Site, &export.Site, &factors.Site, &events.Site, &outbox.Site, &users.Site, &roles.Site, &channels.Site, &api.Site, &apps.Site, &clients.Site, &elsewhere.pages.Site} {
		*s = site
	}
	return r, errors.Join(open.check(r), auth.CheckRoutes(r, a.o.Config.Production(), a.o.Logger))
}

// recent is how long a proof of who it is counts for what cannot be undone.
const recent = 15 * time.Minute

// linkAddresses returns the addresses of the pages to which links in mails lead.
// They begin with what the configuration says, never with what a request says of
// itself: with its Host header, anybody could have another's token sent to a site
// of his own.
func linkAddresses(r *router.Router, public string) (func(models.Purpose, string) string, error) {
	pages := map[models.Purpose]string{}
	for purpose, route := range map[models.Purpose][]string{
		models.SignUpLink:   {"sign-up.confirm"},
		models.ResetLink:    {"reset.confirm"},
		models.NewEmailLink: {"email", "end", "new"},
		models.OldEmailLink: {"email", "end", "old"},
		models.ProofLink:    {"account.proof.confirm"},
		models.InviteLink:   {"invitation"},
	} {
		path, err := r.URL(route[0], route[1:]...)
		if err != nil {
			return nil, err
		}
		pages[purpose] = public + path + "?token="
	}
	return func(p models.Purpose, token string) string { return pages[p] + token }, nil
}

// method has the errors of services answered with their status.
func method(add func(string, web.HandlerFunc) *router.Route) func(string, web.HandlerFunc) *router.Route {
	return func(pattern string, h web.HandlerFunc) *router.Route { return add(pattern, handlers.Answer(h)) }
}

// views parses the templates with what they may call.
func (a *App) views(r *router.Router, files *assets.Files, templates fs.FS, providers handlers.ProviderPages) (*view.Set, error) {
	names := map[string]bool{}
	for route := range r.Routes() {
		names[route.Name] = true
	}
	return view.New(templates, view.Options{
		URL: r.URL, HasURL: func(name string) bool { return names[name] },
		Static: files.URL, Nonce: middleware.Nonce, App: handlers.App(a.auth, a.lacks, a.outboxPath(), a.passkeyHint(), providers, a.accounts), Now: a.o.Now,
		Funcs: template.FuncMap{"device": handlers.Device},
	})
}

// beside applies a middleware to everything but paths with the prefix: assets
// are the same for everybody, and finding out who asks costs a query.
func beside(prefix string, mw func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		other := mw(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, prefix) {
				next.ServeHTTP(w, r)
			} else {
				other.ServeHTTP(w, r)
			}
		})
	}
}

// unstored keeps pages of who is signed in out of the caches of browsers too: who
// comes to a shared computer next finds nothing on its disk, nor by the back button.
func unstored(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// peopleOnly refuses API keys and apps on pages: a key that leaks must not be
// able to make further keys or change the account.
func (a *App) peopleOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := a.auth.User(r.Context()); ok && c.KeyName != "" {
			a.refused(r.Context(), auth.Refusal[models.Caller]{User: c, Credential: a.auth.Credential(r.Context()), Code: "key_on_page"})
			web.Fail(w, r, &web.Error{Status: http.StatusForbidden, Code: "key_on_page", Message: "API keys and access tokens are for /api/ only."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Check is a readiness check: the database answers.
func (a *App) Check(ctx context.Context) error {
	if err := a.o.DB.Ping(ctx); err != nil {
		return errors.New("the database does not answer")
	}
	return nil
}

// CheckLive is a readiness check: other processes can be reached.
func (a *App) CheckLive(ctx context.Context) error {
	if err := a.hub.Check(ctx); err != nil {
		return errors.New("the broker does not answer")
	}
	return nil
}
