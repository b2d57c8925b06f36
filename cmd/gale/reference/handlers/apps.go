package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/galeweb/gale/cmd/gale/reference/services"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/session"
	"github.com/galeweb/gale/web"
)

// Apps are the pages on which users allow apps to act for them, and take that
// back.
type Apps struct {
	Site
	// Session is who is signed in, for the OAuth server.
	Session func(*http.Request) (galeoidc.Session, bool)
}

// SignInAgain goes on to the page on which who is signed in shows once more who
// it is, or, where nobody is, to that for signing in.
func (h *Apps) SignInAgain(w http.ResponseWriter, r *http.Request) error {
	page := "sign-in"
	if _, ok := h.Session(r); ok {
		page = "confirm"
	}
	path, err := h.URL(page)
	if err != nil {
		return err
	}
	return web.Redirect(w, r, path+"?next="+url.QueryEscape(web.LocalPath(r.URL.Query().Get("next"), "/")), http.StatusSeeOther)
}

// Continue is a page that goes on to the OAuth server by itself.
func (h *Apps) Continue(w http.ResponseWriter, r *http.Request) error {
	next := web.LocalPath(r.URL.Query().Get("next"), "/")
	if !strings.HasPrefix(next, "/oauth/authorize/resume?request=") {
		return h.Redirect(w, r, "home")
	}
	private(w)
	return h.Views.Render(w, r, http.StatusOK, "apps/continue", struct{ Next string }{next})
}

// Ask shows who asks for what.
func (h *Apps) Ask(w http.ResponseWriter, r *http.Request) error {
	private(w)
	// Who confirms, because the form was sent too late, comes back to this page by
	// the Referer; no other site gets it.
	w.Header().Set("Referrer-Policy", "same-origin")
	asked, err := h.Apps.Asked(r.Context(), h.Auth.MustUser(r.Context()).User, r.URL.Query().Get("request"))
	if errors.Is(err, services.ErrNotFound) {
		return h.over(w, r)
	}
	if err != nil {
		return err
	}
	// The answer to the form is a redirect to the app, to which browsers apply
	// the policy of this page.
	const name, own = "Content-Security-Policy", "form-action 'self'"
	if policy := w.Header().Get(name); policy != "" {
		w.Header().Set(name, strings.Replace(policy, own, own+" "+asked.RedirectOrigin, 1))
	}
	return h.Views.Render(w, r, http.StatusOK, "apps/consent", struct {
		galeoidc.Request
		May []string
	}{asked, scopeWords(asked.Scopes)})
}

// Answer takes the answer of the user.
func (h *Apps) Answer(w http.ResponseWriter, r *http.Request) error {
	private(w)
	in, err := web.Form[struct {
		Request string `form:"request"`
		Answer  string `form:"answer" validate:"oneof=allow deny"`
	}](w, r)
	if err != nil {
		return err
	}
	ctx, u := r.Context(), h.Auth.MustUser(r.Context()).User
	asked, err := h.Apps.Asked(ctx, u, in.Request)
	var location string
	if err == nil && in.Answer == "allow" {
		s, _ := h.Session(r)
		location, err = h.Apps.Allow(ctx, u, s, asked)
	} else if err == nil {
		location, err = h.Apps.Deny(ctx, u, asked)
	}
	if errors.Is(err, services.ErrNotFound) {
		return h.over(w, r)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", location) // an address that the app has registered
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// over shows that there is nothing to answer.
func (h *Apps) over(w http.ResponseWriter, r *http.Request) error {
	return h.Views.Render(w, r, http.StatusNotFound, "apps/over", nil)
}

// Show lists the apps that have access.
func (h *Apps) Show(w http.ResponseWriter, r *http.Request) error {
	grants, err := h.Apps.Store.Grants(r.Context(), h.Auth.MustUser(r.Context()).ID)
	if err != nil {
		return err
	}
	type row struct {
		galeoidc.Grant
		May []string
	}
	page := struct {
		Tab  string
		Apps []row
	}{Tab: "security"}
	for _, g := range grants {
		page.Apps = append(page.Apps, row{g, scopeWords(g.Scopes)})
	}
	return h.Views.Render(w, r, http.StatusOK, "profile/access", page)
}

// Revoke takes the access of an app back.
func (h *Apps) Revoke(w http.ResponseWriter, r *http.Request) error {
	ctx, u := r.Context(), h.Auth.MustUser(r.Context()).User
	g, err := h.Apps.Revoke(ctx, u, r.PathValue("id"))
	if err != nil {
		return err
	}
	session.From(ctx).Flash("success", g.ClientName+" has no access any more.")
	return h.Redirect(w, r, "access")
}

// scopeWords says what scopes allow.
func scopeWords(scopes []string) []string {
	var out []string
	for _, s := range scopes {
		out = append(out, ScopeWord(s))
	}
	return out
}

// ScopeWord says what a scope allows.
func ScopeWord(scope string) string {
	switch scope {
	case "openid":
		return "know that it is you, by an id that stays the same"
	case "profile":
		return "see your name"
	case "email":
		return "see your mail address"
	case "offline_access":
		return "go on while you are away, until you take the access back"
	case services.MayWatch:
		return "read the packets of all channels that you can see"
	case services.MaySend:
		return "send packets in your name"
	case services.MayOperate:
		return "create channels in your name"
	}
	return scope
}
