package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/database"
	"github.com/galeweb/gale/cmd/gale/reference/e2e"
	"github.com/galeweb/gale/drivers/galeoidc"
)

// app registers an app that comes back to redirect, and returns the address to
// which it sends users.
func (r *site) app(redirect, name string) (id, ask string) {
	r.t.Helper()
	c, _, err := galeoidc.NewStore(r.DB).CreateClient(r.t.Context(), galeoidc.Client{
		Name: name, RedirectURIs: []string{redirect}, Scopes: []string{"openid", "email", "packets.read", "packets.send"},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return c.ID, "/oauth/authorize?" + url.Values{
		"client_id": {c.ID}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid email packets.read packets.send offline_access"},
		"code_challenge": {"EytlbBovH0148xydnRLqd618ayjl-St81-_Mjq2SwqI"}, "code_challenge_method": {"S256"},
	}.Encode()
}

// allowed has the first user have allowed the app.
func (r *site) allowed(id string) {
	r.t.Helper()
	u, err := database.New(r.DB, r.Keys).UserByEmail(r.t.Context(), email)
	if err == nil {
		_, err = r.DB.Exec(r.t.Context(), `INSERT INTO oauth_grants (user_id, client_id, scopes, created_at, used_at) VALUES ($1, $2, $3, $4, $4)`,
			u.ID, id, "openid email packets.read offline_access", time.Now().UnixMilli())
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// A browser comes from an app and goes back to it, through pages whose policy
// lets forms go nowhere else; and all of it without JavaScript.
func TestOAuth(t *testing.T) {
	t.Parallel()
	for name, view := range map[string]e2e.View{"script": {}, "no script": {NoScript: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, view)
			r := serve(t)
			r.begin(b, "boiler")
			back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprintf(w, "<!doctype html><title>app</title><link rel=icon href='data:,'>code: %t, error: %s", r.FormValue("code") != "", r.FormValue("error"))
			}))
			t.Cleanup(back.Close)
			_, ask := r.app(back.URL+"/cb", "Dashboard")
			is := func(words string) {
				t.Helper()
				b.until(fmt.Sprintf("document.body?.innerText.includes(%q) && location.origin == %q", words, back.URL))
			}
			b.visit(r.URL+ask, 200)
			b.sees("asks for access to your account")
			b.submit("button[value=deny]")
			is("error: access_denied")
			b.visit(r.URL+ask, 200)
			b.submit("button[value=allow]")
			is("code: true")

			// Now that it was allowed, signing in leads straight on to the app.
			b.visit(r.URL+"/profile/security", 200)
			b.submit("nav form button")
			b.visit(r.URL+ask, 200)
			b.submit("main form button", "#email", email, "#password", password)
			is("code: true")
			b.visit(r.URL+"/profile/access", 200)
			b.sees("Dashboard")
			b.submit("main td form button")
			b.sees("No app may act for you.")
			b.quiet()
		})
	}
}
