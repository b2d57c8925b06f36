package app_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	"github.com/galeweb/gale/galetest"
)

const (
	appRedirect = "https://app.example/cb"
	verifier    = "a-verifier-that-is-long-enough-for-rfc-7636-000"
	challenge   = "EytlbBovH0148xydnRLqd618ayjl-St81-_Mjq2SwqI" // its SHA-256
	closedPath  = "/api/v1/channels/closed/packets"
)

// oauthApp is an app that an admin has registered.
type oauthApp struct{ id, secret string }

var (
	clientID     = regexp.MustCompile(`<pre><code>([a-z0-9]{20})</code>`)
	clientSecret = regexp.MustCompile(`<code class="secret">([\w-]{43})</code>`)
)

// appForm is the form for an app that acts for users and for itself.
func appForm(change ...string) url.Values {
	return with(url.Values{
		"name": {"Dashboard"}, "kind": {"server"}, "users": {"on"}, "refresh": {"on"}, "self": {"on"}, "redirects": {appRedirect},
		"scopes": {"openid", "profile", "email", "packets.read", "packets.send"},
	}, change)
}

// with changes names to values, of which an empty one removes the name.
func with(v url.Values, change []string) url.Values {
	for i := 0; i < len(change); i += 2 {
		v.Set(change[i], change[i+1])
		if change[i+1] == "" {
			v.Del(change[i])
		}
	}
	return v
}

// register has an admin register an app.
func (s *site) register(admin *galetest.Client, change ...string) (a oauthApp) {
	s.t.Helper()
	page := admin.Post("/admin/clients", appForm(change...)).Status(http.StatusCreated).HasHeader("Cache-Control", "no-store").Text()
	a.id = clientID.FindStringSubmatch(page)[1]
	if m := clientSecret.FindStringSubmatch(page); m != nil {
		a.secret = m[1]
	}
	return a
}

// ask is the address to which the app sends a user.
func (a oauthApp) ask(change ...string) string {
	return "/oauth/authorize?" + with(url.Values{
		"client_id": {a.id}, "redirect_uri": {appRedirect}, "response_type": {"code"}, "scope": {"openid offline_access packets.read"},
		"state": {"the state"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}, change).Encode()
}

// location is where an answer leads.
func location(r *galetest.Response) *url.URL {
	u, err := url.Parse(r.Header("Location"))
	if err != nil || r.Raw.StatusCode < 300 || r.Raw.StatusCode >= 400 {
		return &url.URL{Path: r.Text()}
	}
	return u
}

// asked sends a user to the page that asks, and returns the request's id.
func (s *site) asked(c *galetest.Client, a oauthApp, change ...string) string {
	s.t.Helper()
	u := location(c.Get(a.ask(change...)))
	assert.Equal(s.t, u.Path, "/consent")
	return u.Query().Get("request")
}

// answer sends the form of that page.
func answer(c *galetest.Client, id, answer string) *galetest.Response {
	return c.Post("/consent", url.Values{"request": {id}, "answer": {answer}})
}

// code gets a code from a user who is signed in.
func (s *site) code(c *galetest.Client, a oauthApp, change ...string) string {
	s.t.Helper()
	u := location(c.Get(a.ask(change...)))
	if u.Path == "/consent" {
		u = location(answer(c, u.Query().Get("request"), "allow"))
	}
	assert.True(s.t, strings.HasPrefix(u.String(), appRedirect+"?"), "not sent to the app but to "+u.String())
	assert.Equal(s.t, u.Query().Get("state"), "the state")
	assert.Equal(s.t, u.Query().Get("iss"), public+"/oauth")
	return u.Query().Get("code")
}

// post sends a form as the app.
func (s *site) post(a oauthApp, path string, form url.Values) *galetest.Response {
	c := s.Stranger()
	if a.secret == "" {
		form.Set("client_id", a.id)
	}
	r := c.NewRequest(http.MethodPost, "/oauth"+path, form)
	if a.secret != "" {
		r.SetBasicAuth(a.id, a.secret)
	}
	return c.Do(r)
}

// match returns what a pattern finds in a page.
func (s *site) match(pattern, page string) string {
	s.t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if found == nil {
		s.t.Fatalf("%s is not in\n%s", pattern, page)
	}
	return html.UnescapeString(found[1])
}

// tokens are what an app is given.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Scope   string `json:"scope"`
}

func (s *site) exchange(a oauthApp, code string, change ...string) *galetest.Response {
	return s.post(a, "/token", with(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {appRedirect}, "code_verifier": {verifier},
	}, change))
}

func (s *site) refresh(a oauthApp, token string, change ...string) *galetest.Response {
	return s.post(a, "/token", with(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, change))
}

// own gets a token of the app itself.
func (s *site) own(a oauthApp, change ...string) *galetest.Response {
	return s.post(a, "/token", with(url.Values{"grant_type": {"client_credentials"}}, change))
}

// allow has a user allow the app, and returns its tokens.
func (s *site) allow(c *galetest.Client, a oauthApp, change ...string) tokens {
	s.t.Helper()
	return s.given(s.exchange(a, s.code(c, a, change...)))
}

func (s *site) given(r *galetest.Response) (t tokens) {
	s.t.Helper()
	r.Status(http.StatusOK).HasHeader("Cache-Control", "no-store").JSON(&t)
	return t
}

// refused checks an error of OAuth.
func (s *site) refused(r *galetest.Response, status int, code string) {
	s.t.Helper()
	var out struct {
		Error string `json:"error"`
	}
	r.Status(status).JSON(&out)
	assert.Equal(s.t, out.Error, code)
}

// reads reports how the API answers one who wants what is not public.
func (s *site) reads(access string) int {
	return s.Stranger().Bearer(access).Get(closedPath).Raw.StatusCode
}

// active is what the OAuth server says of a token.
func (s *site) active(a oauthApp, token string) bool {
	s.t.Helper()
	var out struct {
		Active bool `json:"active"`
	}
	s.post(a, "/introspect", url.Values{"token": {token}}).Status(http.StatusOK).JSON(&out)
	return out.Active
}
