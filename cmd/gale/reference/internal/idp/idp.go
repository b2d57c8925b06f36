// Package idp is an OpenID Connect provider for tests: a real one, on a real
// port, at which everybody may sign in as anybody.
package idp

import (
	"context"
	"crypto/tls"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galeweb/gale/cmd/gale/reference/internal/assert"
	gale "github.com/galeweb/gale/config"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galeoidc"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/keyring"
)

// Options configure a Server. Redirect is required.
type Options struct {
	Redirect string           // where the application is sent answers
	Plain    bool             // http, at localhost: for browsers, to which 127.0.0.1 is another site
	Now      func() time.Time // defaults to time.Now
}

// Server is the provider. It is safe for concurrent use.
type Server struct {
	Issuer   string
	ClientID string
	Secret   gale.Secret
	// Transport makes requests to the provider, whose certificate it trusts.
	Transport *http.Transport

	mu     sync.Mutex
	claims map[string]galeoidc.Claims
	since  map[string]time.Time // when users have signed in
	deny   bool
	now    func() time.Time
}

// Start starts a provider, which ends with the test.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	s := &Server{claims: map[string]galeoidc.Claims{}, since: map[string]time.Time{}, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	d, err := db.Open(tb.Context(), "sqlite:"+filepath.Join(tb.TempDir(), "idp.db"), db.Options{Drivers: []db.Driver{galesqlite.Driver()}, SlowQuery: -1})
	assert.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, d.Close()) })
	_, err = d.Exec(tb.Context(), galeoidc.Schema)
	assert.NoError(tb, err)
	ring, err := keyring.Open(tb.Context(), keyring.Options{Source: keyring.Text(keyring.NewSet(s.now().Add(-time.Hour)).Text())})
	assert.NoError(tb, err)

	web := httptest.NewUnstartedServer(nil)
	s.Issuer = "https://" + web.Listener.Addr().String()
	if o.Plain {
		s.Issuer = strings.Replace("http://"+web.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	}
	store := galeoidc.NewStore(d)
	server, err := galeoidc.New(galeoidc.Options{
		Issuer: s.Issuer, Keys: galeoidc.RingKeys(ring), Store: store, Users: s, Clock: s.now,
		LoginURL:   func(next string, _ bool) string { return "/login?next=" + url.QueryEscape(next) },
		ConsentURL: func(id string) string { return "/consent?request=" + url.QueryEscape(id) },
	})
	assert.NoError(tb, err)
	client, secret, err := store.CreateClient(tb.Context(), galeoidc.Client{
		Name: "relay", RedirectURIs: []string{o.Redirect}, Scopes: []string{"openid", "profile", "email"},
		GrantTypes: []string{galeoidc.AuthorizationCode}, CreatedBy: "test",
	})
	assert.NoError(tb, err)
	s.ClientID, s.Secret = client.ID, gale.NewSecret(secret)

	mux := http.NewServeMux()
	for _, pattern := range server.Patterns() {
		mux.Handle(pattern, server)
	}
	mux.HandleFunc("GET /login", loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("GET /consent", func(w http.ResponseWriter, r *http.Request) { s.consent(server, w, r) })
	web.Config.Handler = mux
	s.Transport = &http.Transport{DisableKeepAlives: true}
	if o.Plain {
		web.Start()
	} else {
		web.StartTLS()
		s.Transport.TLSClientConfig = &tls.Config{RootCAs: web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	}
	tb.Cleanup(web.Close)
	return s
}

// Set changes what is told of a user; by default that is the user's name and
// name@example.com, verified.
func (s *Server) Set(user string, c galeoidc.Claims) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims[user] = c
}

// Deny has all users refuse from now on, or not any more.
func (s *Server) Deny(deny bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deny = deny
}

// Claims implements galeoidc.Users.
func (s *Server) Claims(_ context.Context, user string) (galeoidc.Claims, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.claims[user]; ok {
		return c, nil
	}
	return galeoidc.Claims{Name: user, Email: user + "@example.com", EmailVerified: true}, nil
}

// Session implements galeoidc.Users: the cookie says who is signed in.
func (s *Server) Session(r *http.Request) (galeoidc.Session, bool, error) {
	c, err := r.Cookie("user")
	if err != nil {
		return galeoidc.Session{}, false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return galeoidc.Session{UserID: c.Value, AuthTime: s.since[c.Value]}, true, nil
}

func loginPage(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Provider</title><h1>Provider</h1><form method="post"><label>Who? <input name="user" id="user"></label>`+
		`<input type="hidden" name="next" value="%s"><button>Sign in</button></form>`, html.EscapeString(r.FormValue("next")))
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	user := r.PostFormValue("user")
	s.mu.Lock()
	s.since[user] = s.now()
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "user", Value: user, Path: "/"})
	http.Redirect(w, r, r.PostFormValue("next"), http.StatusSeeOther)
}

// consent agrees without a page, or refuses.
func (s *Server) consent(server *galeoidc.Server, w http.ResponseWriter, r *http.Request) {
	session, _, _ := s.Session(r)
	s.mu.Lock()
	deny := s.deny
	s.mu.Unlock()
	location, err := "", error(nil)
	if deny {
		location, err = server.Deny(r.Context(), r.FormValue("request"))
	} else {
		location, err = server.Approve(r.Context(), r.FormValue("request"), session)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, location, http.StatusSeeOther)
}

// Visit is what a browser does that is sent to the provider: it signs in as the
// user, agrees, and is sent back to the address that Visit returns.
func (s *Server) Visit(tb testing.TB, location, user string) string {
	tb.Helper()
	client := &http.Client{
		Transport: s.Transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var form url.Values
	cookie := ""
	for range 10 {
		method := http.MethodGet
		if form != nil {
			method = http.MethodPost
		}
		r, err := http.NewRequestWithContext(tb.Context(), method, location, strings.NewReader(form.Encode()))
		assert.NoError(tb, err)
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		resp, err := client.Do(r)
		assert.NoError(tb, err)
		assert.NoError(tb, resp.Body.Close())
		for _, c := range resp.Cookies() {
			cookie = c.Name + "=" + c.Value
		}
		form = nil
		next, err := resp.Location()
		switch {
		case err == nil && "https://"+next.Host != s.Issuer && "http://"+next.Host != s.Issuer:
			return next.String()
		case err == nil:
			location = next.String()
		case r.URL.Path == "/login":
			form = url.Values{"user": {user}, "next": {r.URL.Query().Get("next")}}
		default:
			tb.Fatalf("the provider answers %s with %s", r.URL.Path, resp.Status)
		}
	}
	tb.Fatal("the provider sends the browser around in circles")
	return ""
}
