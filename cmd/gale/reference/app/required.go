package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/galeweb/gale/auth"
	"github.com/galeweb/gale/cmd/gale/reference/handlers"
	"github.com/galeweb/gale/cmd/gale/reference/models"
	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/router"
	"github.com/galeweb/gale/web"
)

// newRequirement is who must use a second factor.
func (a *App) newRequirement() services.Requirement {
	who := a.o.Config.RequireFactor()
	return services.Requirement{Everyone: who == "all", Admins: who == "admins", Grants: a.roles.Stored.PermissionsOf}
}

// lacks is what who makes the request must do before anything else.
func (a *App) lacks(ctx context.Context) services.Lack {
	c, ok := a.auth.User(ctx)
	if !ok || !a.required.Of(c.User) {
		return services.Nothing
	}
	return a.required.Lacks(c.User, c.KeyName != "" || a.shown(ctx))
}

// shown reports whether a second factor was shown in this session.
func (a *App) shown(ctx context.Context) bool { return handlers.SecondShown(a.auth.Methods(ctx)) }

// held are the routes for who lacks a second factor that is required; all others,
// and those that are added one day, are closed to them. Who has a factor and has
// not shown it can set up none: whoever knows the password could add theirs.
type held map[services.Lack]map[string]bool

func (a *App) newHeld() held {
	both := []string{
		"GET /second-factor", "POST /sign-out", "GET /confirm", "POST /confirm", "GET /passkey.js", "GET /hub.js", "/static/",
		"POST /passkeys/confirm/begin", "POST /passkeys/confirm/finish",
	}
	h := held{services.ToShow: {}, services.ToSetUp: {}}
	for _, pattern := range both {
		h[services.ToShow][pattern], h[services.ToSetUp][pattern] = true, true
	}
	for _, pattern := range []string{
		"GET /profile/apps/new", "POST /profile/apps", "POST /profile/apps/{id}/confirm",
		"GET /profile/passkeys/new", "POST /passkeys/register/begin", "POST /passkeys/register/finish",
	} {
		h[services.ToSetUp][pattern] = true
	}
	return h
}

// check finds a route that is not called so any more.
func (h held) check(r *router.Router) error {
	routed := map[string]bool{}
	for route := range r.Routes() {
		routed[route.Pattern] = true
	}
	var errs []error
	for pattern := range h[services.ToSetUp] {
		if !routed[pattern] {
			errs = append(errs, fmt.Errorf("app: no route %q, for who has to set up a second factor", pattern))
		}
	}
	return errors.Join(errs...)
}

// holdBack lets who lacks a second factor that is required do nothing but mend
// that, whatever they come with: a browser that opens a page is led to the page
// which says so, all else is refused.
func (a *App) holdBack(open held) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := r.Context()
			lack := a.lacks(ctx)
			if lack == services.Nothing {
				next.ServeHTTP(w, r)
				return
			}
			c, _ := a.auth.User(ctx)
			if c.KeyName == "" && open[lack][r.Pattern] {
				next.ServeHTTP(w, r)
				return
			}
			if c.KeyName == "" && opensPage(r) {
				w.Header().Set("Cache-Control", "no-store")
				http.Redirect(w, r, "/second-factor", http.StatusSeeOther)
				return
			}
			a.refused(ctx, auth.Refusal[models.Caller]{User: c, Credential: a.auth.Credential(ctx), Code: "factor_required"})
			web.Fail(w, r, &web.Error{
				Status: http.StatusForbidden, Code: "factor_required",
				Message: "This account must use a second factor first: see /second-factor, in a browser.",
			})
		})
	}
}

// opensPage reports whether a browser shows the answer as a page.
func opensPage(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && (mode == "" || mode == "navigate") &&
		r.Header.Get("Upgrade") == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}
