package galeoidc_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/web"
)

func TestMain(m *testing.M) { galetest.Main(m) }

const (
	issuer   = "https://gale.test/oauth"
	redirect = "https://client.example/cb"
	verifier = "a-verifier-that-is-long-enough-for-rfc-7636-000"
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// people are the users of the application under test. Whoever sends the cookie
// "user" is signed in as its value.
type people struct {
	mu      sync.Mutex
	blocked map[string]bool
	since   time.Time // when all of them have signed in
}

func (p *people) Session(r *http.Request) (galeoidc.Session, bool, error) {
	c, err := r.Cookie("user")
	if err != nil {
		return galeoidc.Session{}, false, nil
	}
	return galeoidc.Session{UserID: c.Value, AuthTime: p.since}, true, nil
}

func (p *people) Claims(_ context.Context, id string) (galeoidc.Claims, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blocked[id] {
		return galeoidc.Claims{}, galeoidc.ErrNoUser
	}
	return galeoidc.Claims{Name: "Name of " + id, Email: id + "@example.com", EmailVerified: true}, nil
}

func (p *people) block(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocked[id] = true
}

// app is a server with its application around.
type app struct {
	http.Handler
	server *galeoidc.Server
	store  *galeoidc.Store
	users  *people
	clock  *galetest.Clock
	ring   *keyring.Ring
	db     *db.DB
}

func newApp(tb testing.TB, driver db.Driver, change func(*galeoidc.Options)) *app {
	tb.Helper()
	d := galetest.DB(tb, galetest.DBOptions{Driver: driver})
	_, err := d.Exec(tb.Context(), galeoidc.Schema)
	assert.NoError(tb, err)
	ring, err := keyring.Open(tb.Context(), keyring.Options{Source: keyring.Text(keyring.NewSet(time.Now().Add(-time.Hour)).Text())})
	assert.NoError(tb, err)
	a := &app{
		store: galeoidc.NewStore(d), ring: ring, db: d, clock: galetest.NewClock(tb, time.Now()),
		users: &people{blocked: map[string]bool{}},
	}
	a.users.since = a.clock.Now().Add(-time.Hour)
	o := galeoidc.Options{
		Issuer: issuer, Keys: galeoidc.RingKeys(ring), Store: a.store, Users: a.users, Clock: a.clock.Now,
		Scopes: []string{"read", "write", "admin"},
		LoginURL: func(next string, fresh bool) string {
			q := url.Values{"next": {next}}
			if fresh {
				q.Set("fresh", "1")
			}
			return "/login?" + q.Encode()
		},
		ConsentURL: func(id string) string { return "/consent?request=" + id },
	}
	if change != nil {
		change(&o)
	}
	a.server, err = galeoidc.New(o)
	assert.NoError(tb, err)
	mux := http.NewServeMux()
	for _, p := range a.server.Patterns() {
		mux.Handle(p, a.server)
	}
	mux.Handle("GET /consent", web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		req, err := a.server.Request(r.Context(), r.FormValue("request"))
		if err != nil {
			return err
		}
		return web.WriteJSON(w, http.StatusOK, req)
	}))
	mux.Handle("POST /consent", web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		session, _, _ := a.users.Session(r)
		answer := a.server.Approve
		if r.FormValue("no") != "" {
			answer = func(ctx context.Context, id string, _ galeoidc.Session) (string, error) {
				return a.server.Deny(ctx, id)
			}
		}
		location, err := answer(r.Context(), r.FormValue("request"), session)
		if err != nil {
			return err
		}
		http.Redirect(w, r, location, http.StatusSeeOther)
		return nil
	}))
	a.Handler = mux
	return a
}

// run has body run on both servers and both databases.
func run(t *testing.T, change func(*galeoidc.Options), body func(t *testing.T, c *galetest.Client, a *app)) {
	t.Helper()
	for name, driver := range map[string]db.Driver{"sqlite": galesqlite.Driver(), "postgres": galepgx.Driver()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "postgres" {
				galetest.Require(t, "postgres")
			}
			for _, server := range []string{galetest.Engine, galetest.NetHTTP} {
				t.Run(server, func(t *testing.T) {
					t.Parallel()
					var a *app
					s := galetest.Options{Servers: []string{server}, TLS: true, IgnoreLeaks: []string{"pgxpool.(*Pool).backgroundHealthCheck"}}
					a = newApp(t, driver, change)
					body(t, galetest.Start(t, a, s).Client(), a)
				})
			}
		})
	}
}

// registered is a client and its secret.
type registered struct {
	galeoidc.Client
	secret string
}

func (a *app) register(t *testing.T, change func(*galeoidc.Client)) registered {
	t.Helper()
	c := galeoidc.Client{
		Name: "Client", RedirectURIs: []string{redirect}, Scopes: []string{"openid", "profile", "email", "read", "write"},
		GrantTypes: []string{galeoidc.AuthorizationCode, galeoidc.RefreshToken, galeoidc.ClientCredentials}, CreatedBy: "owner",
	}
	if change != nil {
		change(&c)
	}
	made, secret, err := a.store.CreateClient(t.Context(), c)
	assert.NoError(t, err)
	return registered{made, secret}
}

// public makes a client one of a browser.
func public(c *galeoidc.Client) {
	c.Public, c.GrantTypes = true, []string{galeoidc.AuthorizationCode, galeoidc.RefreshToken}
}

// ask is a request for a code as it should be; change is name and value pairs,
// of which an empty value removes the name.
func ask(c registered, change ...string) url.Values {
	return with(url.Values{
		"client_id": {c.ID}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid offline_access read"},
		"state": {"the state"}, "nonce": {"the nonce"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}, change)
}

func with(v url.Values, change []string) url.Values {
	for i := 0; i < len(change); i += 2 {
		v.Set(change[i], change[i+1])
		if change[i+1] == "" {
			v.Del(change[i])
		}
	}
	return v
}

// authorize asks for a code as a user and returns where the browser is sent.
func authorize(t *testing.T, c *galetest.Client, user string, q url.Values) *url.URL {
	t.Helper()
	if user != "" {
		c = c.With("Cookie", "user="+user)
	}
	r := c.Get("/oauth/authorize?" + q.Encode()).Status(http.StatusFound)
	return location(t, r)
}

func location(t *testing.T, r *galetest.Response) *url.URL {
	t.Helper()
	u, err := url.Parse(r.Header("Location"))
	assert.NoError(t, err)
	return u
}

// approve posts the form of the consent page.
func approve(t *testing.T, c *galetest.Client, user, id string) *url.URL {
	t.Helper()
	r := c.With("Cookie", "user="+user).Post("/consent", url.Values{"request": {id}}).Status(http.StatusSeeOther)
	return location(t, r)
}

// code gets a code as a user who is asked, or was before.
func code(t *testing.T, c *galetest.Client, user string, q url.Values) string {
	t.Helper()
	u := authorize(t, c, user, q)
	if u.Path == "/consent" {
		u = approve(t, c, user, u.Query().Get("request"))
	}
	assert.True(t, strings.HasPrefix(u.String(), redirect+"?"), "not sent to the client but to "+u.String())
	assert.Equal(t, u.Query().Get("iss"), issuer)
	assert.Equal(t, u.Query().Get("state"), q.Get("state"))
	return u.Query().Get("code")
}

// post sends a form as a client: with its secret by Basic, or its id alone.
func post(c *galetest.Client, path string, as registered, form url.Values) *galetest.Response {
	r := c.NewRequest(http.MethodPost, path, form)
	if as.secret != "" {
		r.SetBasicAuth(as.ID, as.secret)
	} else {
		form.Set("client_id", as.ID)
		r = c.NewRequest(http.MethodPost, path, form)
	}
	return c.Do(r)
}

type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	Scope        string `json:"scope"`
	ExpiresIn    int    `json:"expires_in"`
}

func exchange(c *galetest.Client, as registered, code string, change ...string) *galetest.Response {
	return post(c, "/oauth/token", as, with(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier},
	}, change))
}

func refresh(c *galetest.Client, as registered, token string, change ...string) *galetest.Response {
	return post(c, "/oauth/token", as, with(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, change))
}

func ok(t *testing.T, r *galetest.Response) tokens {
	t.Helper()
	var out tokens
	r.Status(http.StatusOK).HasHeader("Cache-Control", "no-store").JSON(&out)
	return out
}

// refused checks the status and code of an error, which never may be kept.
func refused(t *testing.T, r *galetest.Response, status int, code string) {
	t.Helper()
	var out struct {
		Error string `json:"error"`
	}
	r.Status(status).HasHeader("Cache-Control", "no-store").JSON(&out)
	assert.Equal(t, out.Error, code)
}

// active asks the server about a token.
func active(t *testing.T, c *galetest.Client, as registered, token string) bool {
	t.Helper()
	var out map[string]any
	post(c, "/oauth/introspect", as, url.Values{"token": {token}}).Status(http.StatusOK).JSON(&out)
	if out["active"] == false {
		assert.Equal(t, len(out), 1) // nothing else may be told
	}
	return out["active"] == true
}
