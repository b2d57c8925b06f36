package auth

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/galeweb/gale/web"
)

// Required lets only signed-in users through. A browser that opens a page is
// sent to the login page with 303, everything else gets 401.
func (a *Auth[U]) Required(next http.Handler) http.Handler { return a.guard(next, nil) }

// Require lets only users through who have every one of the permissions.
// Others who are signed in get 403; the rest is as with [Auth.Required]. It
// panics for a permission that no role lists, since that is a misspelt one.
func (a *Auth[U]) Require(permissions ...string) func(http.Handler) http.Handler {
	if len(permissions) == 0 {
		panic("auth: Require without a permission; use Required to ask only for a signed-in user")
	}
	for _, perm := range permissions {
		if !a.known[perm] {
			panic(fmt.Sprintf("auth: no role lists permission %q; correct it, or add it to Options.Permissions", perm))
		}
	}
	return func(next http.Handler) http.Handler { return a.guard(next, permissions) }
}

func (a *Auth[U]) guard(next http.Handler, permissions []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		a.principal(ctx, "a guard")
		if _, ok := a.User(ctx); !ok {
			a.demandSignIn(w, r)
			return
		}
		for _, perm := range permissions {
			if !a.Can(ctx, perm) {
				web.Fail(w, r, &web.Error{
					Status:  http.StatusForbidden,
					Code:    "forbidden",
					Message: "You are not allowed to do this.",
					Err:     fmt.Errorf("auth: permission %q is missing", perm),
				})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (a *Auth[U]) demandSignIn(w http.ResponseWriter, r *http.Request) {
	if a.o.Sessions != nil && opensPage(r) && r.URL.Path != a.login.Path {
		target := *a.login
		q := target.Query()
		if next := web.LocalPath(r.URL.RequestURI(), ""); next != "" {
			q.Set("next", next)
		}
		target.RawQuery = q.Encode()
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Add("Vary", "Accept, Sec-Fetch-Mode, HX-Request")
		http.Redirect(w, r, target.String(), http.StatusSeeOther)
		return
	}
	web.Fail(w, r, &web.Error{
		Status:  http.StatusUnauthorized,
		Code:    "unauthenticated",
		Message: "Sign in to do this.",
		Header:  http.Header{"Www-Authenticate": {a.challenge()}},
	})
}

// challenge is what RFC 9110, section 11.6.1, demands with a 401. There is no
// registered scheme for cookies; Basic would make browsers ask for a password.
func (a *Auth[U]) challenge() string {
	if len(a.o.Authenticators) > 0 {
		return "Bearer"
	}
	return "Session"
}

// opensPage reports whether a browser makes the request to show its answer as
// a page: the only case in which a redirect to a form helps. Scripts, htmx
// among them, would take the form for what they asked for.
func opensPage(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("HX-Request") != "" {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	return strings.Contains(strings.ToLower(r.Header.Get("Accept")), "text/html")
}

// Next returns where to go after signing in: the parameter next of the form or
// query when it is a path of this site, and fallback otherwise, so that a link
// to the login page cannot lead on to another site.
func Next(r *http.Request, fallback string) string {
	return web.LocalPath(r.FormValue("next"), fallback)
}
