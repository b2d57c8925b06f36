package oauth

import (
	"errors"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/galeweb/gale/web"
)

// Start returns the handler that sends a browser to the provider, by 303. Route
// it for GET, behind a link of this site's own pages: a request that another
// site caused is refused with 403. (A form with POST works as well, if
// form-action of your Content-Security-Policy allows the provider.)
//
// The parameter next, in query or form, is where to go in the end; what is not a
// path of this site becomes "/". For [Link], who is signed in must have proved it
// within Options.Recent; put a guard in front that asks for it, or 403 is the
// answer.
//
// It panics for a name that no provider has, and for a purpose that it cannot
// serve.
func (c *Client) Start(name string, purpose Purpose) web.HandlerFunc {
	p := c.named(name)
	purpose.check(p.Provider)
	if purpose != SignIn && c.o.User == nil {
		panic("oauth: Start for " + string(purpose) + " without Options.User; give the function that tells who is signed in")
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodPost {
			return notAllowed("GET, POST")
		}
		if !c.ofThisSite(r) {
			return &web.Error{
				Status: http.StatusForbidden, Code: "cross_origin",
				Message: "This request came from a page of another site, so it was refused.",
				Err:     errors.New("oauth: a trip must begin at a page of this site"),
			}
		}
		t := trip{
			State: token(), Nonce: token(), Verifier: oauth2.GenerateVerifier(), Provider: p.Name, Purpose: purpose,
			Next: web.LocalPath(r.FormValue("next"), ""), Started: c.o.Clock().UnixMilli(),
		}
		if purpose != SignIn {
			id, since := c.o.User(r.Context())
			if id == "" {
				return wrongUser("Sign in first.")
			}
			if now := c.o.Clock(); purpose == Link && now.Sub(since) > c.o.Recent {
				return wrongUser("To add a way to sign in, sign in again first.")
			}
			t.User = id
		}
		to, err := c.authURL(r, p, t)
		if err != nil {
			return p.failed(err)
		}
		if err := c.setTrip(w, t); err != nil {
			return err
		}
		return web.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// authURL is where the browser is sent, RFC 6749 section 4.1.1.
func (c *Client) authURL(r *http.Request, p *provider, t trip) (string, error) {
	m, err := c.metadata(r.Context(), p)
	if err != nil {
		return "", err
	}
	params := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(t.Verifier)}
	if p.kind != kindGitHub {
		params = append(params, oidc.Nonce(t.Nonce))
	}
	switch {
	case t.Purpose == StepUp:
		// max_age has the token carry auth_time (OpenID Connect Core, section
		// 3.1.2.1), which is looked at when they come back.
		params = append(params, oauth2.SetAuthURLParam("max_age", "0"), oauth2.SetAuthURLParam("prompt", "login"))
	case t.Purpose == Link && p.kind != kindOIDC:
		// The account that the browser happens to be signed in to at the
		// provider may not be the one that is meant.
		params = append(params, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	return m.config(p).AuthCodeURL(t.State, params...), nil
}

func notAllowed(allow string) error {
	return &web.Error{
		Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
		Message: "This address does not take such requests.", Header: http.Header{"Allow": {allow}},
	}
}
