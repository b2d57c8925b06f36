package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/galeweb/gale/web"
)

// guarded is a handler behind a guard. The router asks it for its decision.
type guarded struct {
	http.HandlerFunc
	decision string
}

// Decision returns who is let through, for router.RouteInfo.
func (g guarded) Decision() string { return g.decision }

func guard(decision string, h http.HandlerFunc) http.Handler { return guarded{h, decision} }

// Required lets only signed-in users through. A browser that opens a page is
// sent to the login page with 303, everything else gets 401.
func (a *Auth[U]) Required(next http.Handler) http.Handler {
	return guard("signed in", a.require(next, nil))
}

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
	permissions = slices.Clone(permissions)
	return func(next http.Handler) http.Handler {
		return guard("permission "+strings.Join(permissions, ", "), a.require(next, permissions))
	}
}

func (a *Auth[U]) require(next http.Handler, permissions []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := a.principal(r.Context(), "a guard").who()
		if !id.known {
			a.demandSignIn(w, r)
			return
		}
		for _, perm := range permissions {
			if !id.rights.allow(perm) {
				a.refused(r.Context(), id, perm, codeForbidden)
				web.Fail(w, r, forbidden(perm))
				return
			}
		}
		next.ServeHTTP(w, r)
	}
}

func forbidden(permission string) error {
	return &web.Error{
		Status:  http.StatusForbidden,
		Code:    codeForbidden,
		Message: "You are not allowed to do this.",
		Err:     fmt.Errorf("auth: permission %q is missing", permission),
	}
}

func (a *Auth[U]) demandSignIn(w http.ResponseWriter, r *http.Request) {
	if a.o.Sessions != nil && opensPage(r) && r.URL.Path != a.login.Path {
		redirectTo(w, r, a.login, web.LocalPath(r.URL.RequestURI(), ""))
		return
	}
	web.Fail(w, r, a.unauthenticated())
}

func (a *Auth[U]) unauthenticated() error {
	return &web.Error{
		Status:  http.StatusUnauthorized,
		Code:    "unauthenticated",
		Message: "Sign in to do this.",
		Header:  http.Header{"Www-Authenticate": {a.challenge()}},
	}
}

// redirectTo sends a browser to a page that leads on to next.
func redirectTo(w http.ResponseWriter, r *http.Request, page *url.URL, next string) {
	target := *page
	q := target.Query()
	if next != "" {
		q.Set("next", next)
	}
	target.RawQuery = q.Encode()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", "Accept, Sec-Fetch-Mode, HX-Request")
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
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
// a page: the only case in which a redirect to the login form helps.
func opensPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && navigates(r)
}

// navigates reports whether a browser makes the request to go to a page, by a
// link or a form. Scripts, htmx among them, would take the page that a redirect
// leads to for what they asked for.
func navigates(r *http.Request) bool {
	if r.Header.Get("HX-Request") != "" {
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
